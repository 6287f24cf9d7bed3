"""The command under test, and its store."""
import collections
import json
import os
import shlex
import subprocess
from pathlib import Path

from harness import processes
from harness.checks import check

# The exit statuses of snap(1) that the scripts expect.
DONE, DAMAGED, NOT_PRUNED, NOT_ALL_SAVED = 0, 1, 3, 4
USAGE, NOT_FOUND, IO_ERROR, BUSY = 64, 66, 74, 75
UNSUPPORTED, PERMISSION, CONFIGURATION, INTERRUPTED = 76, 77, 78, 130


class Snap:
    """The command under test, with its own store."""

    def __init__(self, binary, store, timeout=None, may_warn=False):
        """Names the command and the store.

        A command fails when it takes longer than the timeout, in seconds. It fails when it prints
        warnings, unless it may warn.
        """
        self.binary = binary
        self.store = Path(store)
        self.timeout = timeout
        self.may_warn = may_warn
        self.environment = {"PATH": os.environ["PATH"], "SNAP_STORE": str(store), "TZ": "UTC"}

    def start(self, *arguments, **streams):
        """Starts a command and returns its Popen object."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **streams}
        return processes.start([self.binary, *arguments], env=self.environment, **streams)

    def attempt(self, *arguments, **streams):
        """Runs a command; returns its status, output and error output."""
        process = self.start(*arguments, **streams)
        output, errors = process.communicate(timeout=self.timeout)
        return process.returncode, output, errors

    def __call__(self, *arguments, **streams):
        """Runs a command that must succeed; returns its decoded JSON output, None without any."""
        status, output, errors = self.attempt(*arguments, "--json", **streams)
        check(status == DONE and (self.may_warn or not errors),
              f"snap {shlex.join(map(str, arguments))} ended with status {status}: "
              f"{errors.decode(errors='replace').strip()}")
        return json.loads(output) if output.strip() else None

    def shell(self, *arguments):
        """Returns a command line for a shell, such as the one that runs QEMU's exec: URIs."""
        return shlex.join(["env", f"SNAP_STORE={self.store}", self.binary, *arguments])

    def folder(self, guest):
        """Returns a guest's folder in the store."""
        return self.store / "guests" / guest

    def files(self, guest, ending=".savevm"):
        """Returns the numbers of a guest's files with this ending."""
        return {int(path.stem) for path in self.folder(guest).glob(f"*{ending}")}

    def listed(self):
        """Returns the numbers of all checkpoints in the index, by guest."""
        numbers = collections.defaultdict(set)
        for checkpoint in self("list") or ():
            numbers[checkpoint["guest"]].add(checkpoint["number"])
        return numbers
