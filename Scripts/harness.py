"""What the scripts that run snap share: failures, messages, and the command itself."""
import json
import os
import shlex
import subprocess
from pathlib import Path

DONE = 0  # the exit status of a command that has succeeded


class Failed(Exception):
    """What is not as it must be; the message is for the reader."""


def check(condition, message):
    """Ends a test if something is not as it must be."""
    if not condition:
        raise Failed(message)


def say(text=""):
    """Prints a line at once, so that it stands before the output of the next command."""
    print(text, flush=True)


class Snap:
    """The command under test, with a store of its own."""

    def __init__(self, binary, store, timeout=None):
        """Names the store; a command that takes longer than the timeout, in seconds, fails."""
        self.binary = binary
        self.store = Path(store)
        self.timeout = timeout
        self.environment = {"PATH": os.environ["PATH"], "SNAP_STORE": str(store), "TZ": "UTC"}

    def start(self, *arguments, **streams):
        """Starts a command and returns its process."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen([self.binary, *map(str, arguments)], env=self.environment,
                                **streams)

    def attempt(self, *arguments, **streams):
        """Runs a command and returns status, output and errors."""
        process = self.start(*arguments, **streams)
        output, errors = process.communicate(timeout=self.timeout)
        return process.returncode, output, errors

    def __call__(self, *arguments, may_warn=False, **streams):
        """Runs a command that must succeed, without a warning unless it may; returns its JSON."""
        status, output, errors = self.attempt(*arguments, "--json", **streams)
        check(status == DONE and (may_warn or not errors),
              f"snap {shlex.join(map(str, arguments))} ended with status {status}: "
              f"{errors.decode(errors='replace').strip()}")
        return json.loads(output) if output.strip() else None

    def shell(self, *arguments):
        """The command line for a shell, as QEMU's exec: has one."""
        return shlex.join([self.binary, *arguments])
