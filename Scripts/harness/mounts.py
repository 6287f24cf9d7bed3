"""File systems that a test mounts."""
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from harness.checks import check


@contextlib.contextmanager
def mounted(source, target, *options, lazy=False):
    """Mounts a file system in a folder, which is created if it is missing; unmounts it at the end.

    A lazy unmount succeeds even while a process still uses the file system.
    """
    target.mkdir(exist_ok=True)
    result = subprocess.run(["mount", *options, source, target], check=False,
                            capture_output=True, text=True)
    check(result.returncode == 0, f"cannot mount {target}: {result.stderr.strip()}")
    try:
        yield target
    finally:
        subprocess.run(["umount", *(["--lazy"] if lazy else []), target], check=True)


def tmpfs(target, *options):
    """Mounts a file system in memory, as `mounted` does."""
    return mounted("none", target, "-t", "tmpfs", "-o", ",".join(options), lazy=True)


def bound(source, target):
    """Mounts a folder at a second place, as `mounted` does."""
    return mounted(source, target, "--bind", lazy=True)


def remount(target, *options):
    """Changes the options of a mounted file system."""
    subprocess.run(["mount", "-o", ",".join(("remount", *options)), target], check=True)


def may_mount():
    """Whether this user may mount file systems: in a container, root may not be allowed to."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "none", Path(folder)]
        if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
    return True
