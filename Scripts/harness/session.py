"""The run of one script: signals, failures, a scratch folder."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import processes
from harness.checks import Failed

MEMORY = Path("/dev/shm")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Session:
    """Ends a script with a message on signals and failures, and always cleans up after it.

    At the end every process of `harness.processes` is killed and the scratch folder is deleted.
    """

    def __init__(self, name, keep_failed=False):
        """Takes the script's name, which its messages begin with.

        With keep_failed, the scratch folder stays when the script raises Failed.
        """
        self.name = name
        self.keep_failed = keep_failed
        self.folder = None

    def __enter__(self):
        """Starts to handle signals.

        A shell ignores SIGINT for background jobs, and snap would inherit that without a handler.
        SIGHUP stays ignored under nohup.
        """
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._interrupted)
        return self

    def _interrupted(self, number, _):
        print(f"{self.name}: interrupted", file=sys.stderr)
        sys.exit(128 + number)

    def scratch(self, *parents, mib=0):
        """Creates the scratch folder in the first parent that is writable and has enough space.

        The parents are TMPDIR if it is set, else /dev/shm and /tmp, unless others are given.
        """
        memory = () if "TMPDIR" in os.environ else (MEMORY,)
        for parent in parents or (*memory, Path(tempfile.gettempdir())):
            if os.access(parent, os.W_OK) and shutil.disk_usage(parent).free >= mib << 20:
                self.folder = Path(tempfile.mkdtemp(prefix=f"snap-{self.name}-", dir=parent))
                return self.folder
            processes.say(f"{parent} is not writable or has less than {mib} MiB free.")
        raise Failed("no folder has enough free space")

    def __exit__(self, _, error, __):
        """Cleans up; turns an expected failure into a message and exit status 1."""
        # Another Ctrl-C must not interrupt this.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        processes.kill_all()
        is_kept = self.folder and self.keep_failed and isinstance(error, Failed)
        if self.folder and not is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if isinstance(error, (Failed, OSError, subprocess.SubprocessError)):
            if is_kept:
                print(f"{self.name}: the scratch folder is kept: {self.folder}", file=sys.stderr)
            sys.exit(f"{self.name}: {error}")
