"""Resuming restored guests, and checking that they continue their work."""
import dataclasses
import os

from harness.checks import check, check_same
from harness.qemu import Guest


@dataclasses.dataclass
class Expected:
    """The properties that a guest must have when it resumes from a checkpoint."""

    memory: str  # a file that its memory must be equal to
    checksum: str  # of its data; empty if the guest need not run
    next_phase: tuple = ()  # what `next_phase` returned for the original guest


def next_phase(guest):
    """Makes a guest do the next phase of its work; returns its answer and its checksum then."""
    return guest.ask("go", "PHASE"), guest.ask("sum", "SUM")


def check_alive(guest, when):
    """Checks that a guest runs and answers."""
    check(guest.is_running, f"the guest is paused {when}")
    guest.ask(f"ping {when.replace(' ', '-')}", "PONG")


def check_resumed(guest, memory, expected):
    """Compares a guest that has just been loaded with its checkpoint, and resumes it."""
    guest.wait("query-status", "paused")
    check_same(memory, expected.memory)
    guest.command("cont")
    if expected.checksum:
        check_alive(guest, "after it was resumed")
        guest.ask("rest", "RESTING")
        check(guest.ask("sum", "SUM") == expected.checksum, "the resumed guest has other data")
        if expected.next_phase:
            check(next_phase(guest) == expected.next_phase,
                  "the resumed guest's next phase differs from the original's")
    guest.switch_off()
    os.unlink(memory)


def resume_stream(machine, uri, expected):
    """Resumes a guest in a new QEMU from a stream with all of its memory."""
    # The URI is on the command line, as users write it. -S, because QEMU would resume a guest that
    # ran when it was saved before its memory can be compared.
    guest = Guest(machine, "resumed.mem", "-incoming", uri, "-S")
    check_resumed(guest, "resumed.mem", expected)


def resume_devices(machine, memory, devices, expected, *capabilities):
    """Resumes a guest in a new QEMU from a memory file and a device state.

    Renames the memory file, which the guest then writes to, and deletes it at the end.
    """
    os.rename(memory, "resumed.mem")
    guest = Guest(machine, "resumed.mem", "-incoming", "defer", "-S")
    guest.enable(*capabilities)
    guest.load(f"exec:cat {devices}")
    check_resumed(guest, "resumed.mem", expected)
