"""A guest under QEMU, without KVM or root: QMP controls it, and its serial port is a console.

The guest's memory is a file, and its initramfs is busybox and one script.
"""
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from harness import processes
from harness.checks import Failed
from harness.session import MEMORY, Session

TIMEOUT = 90  # seconds; ten are enough on an idle machine
PACKAGES = {"busybox": "busybox-static", "qemu-system-x86_64": "qemu-system-x86"}
MIGRATING = ("setup", "active", "device")


def check_machine(packages):
    """Checks that this machine can run a guest and has these programs, by Debian package."""
    machine = os.uname().machine
    if machine != "x86_64":
        raise Failed(f"the guest's kernel needs an amd64 machine; this one is {machine}")
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs is there
    for program, package in packages.items():
        if not shutil.which(program):
            raise Failed(f"{program} is missing; install Debian's package {package}")


@contextlib.contextmanager
def guest_session(name, mib, cache, packages=None):
    """Runs a script in a session, in a scratch folder with so many MiB of free space.

    The scratch folder is in the cache if /dev/shm is too small.
    """
    with Session(name) as session:
        check_machine({**PACKAGES, **(packages or {})})
        cache.mkdir(parents=True, exist_ok=True)
        folder = session.scratch(MEMORY, cache, mib=mib)
        os.chdir(folder)
        yield folder


@dataclasses.dataclass(frozen=True)
class Machine:
    """The settings that a saved guest and the guest that resumes from it must share."""

    kernel: Path
    initrd: Path
    program: str = "qemu-system-x86_64"
    options: tuple = ()  # of the program, such as the folder of its firmware
    model: str = "pc"
    mib: int = 128
    translated_mib: int = 64  # cache for the guest code that QEMU has translated
    is_private: bool = False  # whether the memory is in no file

    def arguments(self, memory):
        """Returns the command line of a guest whose memory is in this file, or private."""
        backend = f"id=ram,size={self.mib}M"
        return [
            self.program, *self.options,
            "-accel", f"tcg,tb-size={self.translated_mib}", "-cpu", "qemu64",
            "-machine", f"{self.model},memory-backend=ram", "-m", f"{self.mib}M", "-object",
            f"memory-backend-ram,{backend}" if self.is_private else
            f"memory-backend-file,{backend},mem-path={memory},share=on",
            "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot", "-kernel",
            str(self.kernel), "-initrd", str(self.initrd), "-append",
            "console=ttyS0 loglevel=3 panic=-1 tsc=reliable"]


class Guest:
    """A guest under QEMU."""

    def __init__(self, machine, memory, *options, timeout=TIMEOUT):
        """Starts QEMU with the guest's memory in this file.

        Waiting for QEMU or the guest fails after the timeout, in seconds.
        """
        self.timeout = timeout
        self.qmp, qmp = socket.socketpair()
        self.serial, serial = socket.socketpair()
        self.process = processes.start(
            [*machine.arguments(memory),
             "-chardev", f"socket,id=serial,fd={serial.fileno()}", "-serial", "chardev:serial",
             "-chardev", f"socket,id=qmp,fd={qmp.fileno()}", "-mon", "chardev=qmp,mode=control",
             *options], stdin=subprocess.DEVNULL, pass_fds=(serial.fileno(), qmp.fileno()),
            start_new_session=True)  # Ctrl-C is for the script, which then kills QEMU
        for mine, other in (self.qmp, qmp), (self.serial, serial):
            other.close()  # so that reading ends when QEMU ends
            mine.settimeout(timeout)
        self.answers = self.qmp.makefile("r")
        self.lines = self.serial.makefile("r", errors="replace")
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Runs a QMP command and returns its answer."""
        # QMP's names have hyphens where Python's have underscores.
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        with contextlib.suppress(BrokenPipeError):  # the missing answer is reported below
            self.qmp.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        while line := self._read_line(self.answers, f"QEMU did not answer {name}"):
            answer = json.loads(line)
            if "error" in answer:
                raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
            if "return" in answer:  # not the greeting or an event
                return answer["return"]
        raise Failed("QEMU has ended")

    def _read_line(self, file, message):
        """Returns the next line, empty at the end; raises Failed with the message if none comes."""
        try:
            return file.readline()
        except TimeoutError:
            raise Failed(f"{message} within {self.timeout} s") from None

    def enable(self, *names, state=True):
        """Turns migration capabilities on, or off."""
        self.command("migrate-set-capabilities",
                     capabilities=[{"capability": name, "state": state} for name in names])

    @property
    def is_running(self):
        """Whether the guest's processors run."""
        return self.command("query-status")["running"]

    def wait(self, query, wanted):
        """Repeats a query until its status is the wanted one."""
        end = time.monotonic() + self.timeout
        while (status := self.command(query).get("status")) != wanted:
            if status == "failed" or time.monotonic() > end:
                raise Failed(f"QEMU: {query}: status is {status}, expected {wanted}")
            time.sleep(0.005)

    def wait_for_migration(self):
        """Waits until QEMU no longer writes a stream, even if its reader was killed."""
        processes.wait_until(
            lambda: self.command("query-migrate").get("status") not in MIGRATING,
            "QEMU did not end a migration", self.timeout)

    def migrate(self, uri):
        """Writes a stream to a URI; the program of an exec: URI has ended when this returns."""
        self.command("migrate", uri=uri)
        self.wait("query-migrate", "completed")

    def load(self, uri):
        """Loads a stream in a guest that was started with -incoming defer; the guest is paused."""
        self.command("migrate-incoming", uri=uri)
        self.wait("query-status", "paused")

    def read_until(self, words, show=lambda line: None):
        """Reads the guest's output through a line with these words, and returns that line.

        Calls show with each line.
        """
        output = ""
        while line := self._read_line(self.lines, f"the guest did not print {words!r}"):
            output += line
            show(line.rstrip())
            if words in line:
                return line.strip()
        raise Failed(f"the guest has ended; its output:\n{output}")

    def ask(self, line, words):
        """Sends a line to the guest and returns its answer, the next line with these words."""
        self.serial.sendall(f"{line}\n".encode())
        return self.read_until(words)

    def switch_off(self):
        """Kills QEMU."""
        self.process.kill()
        self.process.wait()
        for end in self.qmp, self.serial, self.answers, self.lines:
            end.close()
