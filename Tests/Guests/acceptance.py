"""What the tests on real guests share: options, snap, and resuming what it has restored."""
import argparse
import dataclasses
import filecmp
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path.insert(0, str(PROJECT / "Scripts"))
import harness  # noqa: E402
from guest import Guest, Machine, build_initramfs, fetch_kernel, stage  # noqa: E402, F401
from harness import Failed, check  # noqa: E402, F401


class AddOption(argparse.Action):
    """An option of the program that was named last."""

    def __call__(self, parser, options, value, _=None):
        if not options.qemu:
            parser.error("--qemu-option comes after the --qemu that it is for")
        options.qemu[-1][1].append(value)


class AddProgram(argparse.Action):
    """One more program, without options so far."""

    def __call__(self, parser, options, value, _=None):
        options.qemu = [*(options.qemu or []), (value, [])]


def read_options(description):
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snap", type=os.path.abspath, metavar="SNAP", help="the built binary")
    parser.add_argument("--qemu", action=AddProgram, metavar="PROGRAM",
                        help="which QEMU, repeatable (qemu-system-x86_64)")
    parser.add_argument("--qemu-option", action=AddOption, metavar="OPTION",
                        help="an option of that QEMU, repeatable: --qemu-option=-L")
    parser.add_argument("--model", default="pc", help="the machine's type (pc)")
    parser.add_argument("--cache", type=Path, default=PROJECT / ".demo", metavar="DIR",
                        help="where the guest's kernel is kept (.demo)")
    parser.add_argument("--short", action="store_true", help="the first half minute of it")
    options = parser.parse_args()
    options.qemu = options.qemu or [("qemu-system-x86_64", [])]
    options.cache = options.cache.absolute()
    return options


def machines(options, folder):
    """Yields the tests' machine under each QEMU."""
    kernel, initramfs = fetch_kernel(options.cache), build_initramfs(HERE / "init", folder)
    for program, arguments in options.qemu:
        yield Machine(kernel, initramfs, program, tuple(arguments), options.model)


def copy(path, target):
    """Copies a memory file."""
    subprocess.run(["cp", "--sparse=always", path, target], check=True)


def check_same(path, other):
    """Ends the test if two files differ."""
    check(filecmp.cmp(path, other, shallow=False), f"{path} differs from {other}")


class Snap(harness.Snap):
    """The command under test; what QEMU's exec: runs has the same store."""

    def __init__(self, binary, store):
        """Sets the environment too."""
        super().__init__(binary, store)
        os.environ["SNAP_STORE"] = str(store)

    def __call__(self, *arguments, **streams):
        """Runs a command that must succeed; returns its JSON."""
        return super().__call__(*arguments, may_warn=True, **streams)


@dataclasses.dataclass
class Truth:
    """What a guest must have, and do, that goes on from a checkpoint."""

    memory: str  # the file that its memory must be equal to
    checksum: str  # of its data; empty if it need not live on
    next_phase: tuple = ()  # what it says when it goes on, and its checksum then


def go_on(guest):
    """Lets a guest do the next phase of its work; returns what it says, and its checksum."""
    return guest.ask("go", "PHASE"), guest.ask("sum", "SUM")


def check_alive(guest, when):
    """Ends the test if a guest does not run."""
    check(guest.command("query-status")["running"], f"the guest stands still {when}")
    guest.ask(f"ping {when.replace(' ', '-')}", "PONG")


def check_resumed(guest, memory, truth):
    """Compares a guest that has just been taken over with what it must be, and lets it go on."""
    guest.wait("query-status", "paused")
    check_same(memory, truth.memory)
    guest.command("cont")
    if truth.checksum:
        check_alive(guest, "after it was resumed")
        guest.ask("rest", "RESTING")
        check(guest.ask("sum", "SUM") == truth.checksum, "the resumed guest has other data")
        if truth.next_phase:
            check(go_on(guest) == truth.next_phase, "the resumed guest did something else")
    guest.switch_off()
    os.unlink(memory)


def resume_stream(machine, uri, truth):
    """A new QEMU takes over a whole stream."""
    # Named on the command line, as users have it; -S, because a live guest would go on at once.
    guest = Guest(machine, "resumed.mem", "-incoming", uri, "-S")
    check_resumed(guest, "resumed.mem", truth)


def resume_devices(machine, memory, devices, truth, *capabilities):
    """A new QEMU takes over a memory file, which it then owns, and a device state."""
    os.rename(memory, "resumed.mem")
    guest = Guest(machine, "resumed.mem", "-incoming", "defer", "-S")
    guest.enable(*capabilities)
    guest.take_over(f"exec:cat {devices}")
    check_resumed(guest, "resumed.mem", truth)
