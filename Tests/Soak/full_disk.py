"""Commands on file systems without free space, or without free inodes."""
import dataclasses
import os
import random
import subprocess
from pathlib import Path

from harness.checks import Failed, check
from harness.memory import PAGE
from harness.mounts import remount, tmpfs
from harness.processes import say
from harness.snap import DONE, IO_ERROR, NOT_PRUNED, Snap
from sample_store import SampleStore

UNITS_MAX = 2000  # of free pages or inodes; every command succeeds with fewer
SHORT_STEP = 7


def fill(path, free):
    """Fills a file system except for a number of bytes."""
    status = os.statvfs(path)
    size = status.f_bavail * status.f_frsize - free
    if size > 0:
        with open(path / "filler", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def use_inodes(path, free):
    """Creates files until a file system has only so many free inodes."""
    (path / "files").mkdir()
    for number in range(os.statvfs(path).f_ffree - free):
        (path / "files" / str(number)).touch()


@dataclasses.dataclass
class Trial:
    """One command on a copy of the sample store, on a disk with little space."""

    sample: SampleStore
    name: str
    free: int  # bytes or inodes
    of_inodes: bool
    mount: Path

    def run(self, original):
        """Runs the command; returns whether it succeeded."""
        with tmpfs(self.mount, "size=16m", "nr_inodes=200"):
            subprocess.run(["cp", "-a", original.store, self.mount / "store"], check=True)
            if self.name == "restore in place":
                with open(self.mount / "memory", "wb") as file:  # only holes, which become data
                    file.truncate(len(self.sample.saved["raw", 5]))
            (use_inodes if self.of_inodes else fill)(self.mount, self.free)
            snap = Snap(original.binary, self.mount / "store", original.timeout)
            command = self.sample.commands(self.mount)[self.name]
            status, _, errors = snap.attempt(*command)
            # A save can find space when its policy cannot.
            allowed = {DONE, IO_ERROR} | ({NOT_PRUNED} if "--keep-last" in command else set())
            try:
                check(status in allowed, f"status {status}: {errors.decode()}")
                self._check_outputs(status)
                self.sample.check_restores(snap, self.sample.deletable(self.name))
                self._check_recovers(snap)
            except Failed as error:
                kind = "inodes" if self.of_inodes else "bytes"
                raise Failed(f"{self.name} with {self.free} {kind} free: {error}") from None
        return status == DONE

    def _check_outputs(self, status):
        """Checks that the outputs of a restore are complete or missing."""
        output, devices = self.mount / "out", self.mount / "out.devices"
        if self.name == "restore to a file":
            check(output.exists() == (status == DONE) == devices.exists(), "outputs")
            if status == DONE:
                check(output.read_bytes() == self.sample.saved["raw", 5], "the output differs")
        elif self.name == "restore as a stream":
            check(output.exists() == (status == DONE), "outputs")

    def _check_recovers(self, snap):
        """Adds space, and checks that every command works again."""
        remount(self.mount, "size=64m", "nr_inodes=1000")
        if self.name == "restore in place":
            memory = self.mount / "memory"
            snap("restore", "raw:5", memory, "--in-place")
            check(memory.read_bytes() == self.sample.saved["raw", 5], "the output differs")
        self.sample.check_recovered(snap)


def run(snap, folder, options, counts):
    """Runs each command with 0, 1, 2 … free pages, and with free inodes, until it succeeds."""
    sample = SampleStore(snap, random.Random(options.seed), folder)
    for name in sample.commands(folder):
        for of_inodes in False, True:
            step = SHORT_STEP if options.short and not of_inodes else 1
            for units in range(0, UNITS_MAX, step):
                free = units if of_inodes else units * PAGE
                if Trial(sample, name, free, of_inodes, folder / "mount").run(snap):
                    counts.add(name, "enough space")
                    break
                counts.add(name, "no inodes left" if of_inodes else "no space left")
            else:
                raise Failed(f"{name} fails with {UNITS_MAX} free pages or inodes")
    say(f"a full disk: {counts.total('no space left', 'no inodes left'):,} commands found no space")
