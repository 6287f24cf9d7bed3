"""The parts of the harness that the test "kill" uses, under the names that it uses."""
import contextlib
import hashlib

from harness.checks import Failed, check  # noqa: F401
from harness.counts import Counts  # noqa: F401
from harness.memory import PAGE, Memory  # noqa: F401
from harness.mounts import bound, remount, tmpfs
from harness.processes import say  # noqa: F401
from harness.session import Session
from harness.snap import (  # noqa: F401
    BUSY, DONE, INTERRUPTED, IO_ERROR, NOT_FOUND, PERMISSION, Snap)
from harness.stream import stream  # noqa: F401

PATIENCE = 60


def digest(data):
    """Returns the digest of a file's content."""
    return hashlib.sha256(data).hexdigest()


def tree(folder):
    """Returns the digests of all files below a folder, by path."""
    return {str(path.relative_to(folder)): digest(path.read_bytes())
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Disk:
    """A mounted file system."""

    def __init__(self, path):
        """Takes the folder."""
        self.path = path

    def remount(self, *options):
        """Changes the options."""
        remount(self.path, *options)


@contextlib.contextmanager
def disk(path, *options, source=None):
    """Mounts a tmpfs, or binds a folder."""
    with bound(source, path) if source else tmpfs(path, *options):
        yield Disk(path)


@contextlib.contextmanager
def stage(name):
    """Yields a scratch folder."""
    with Session(name, keep_failed=True) as session:
        yield session.scratch()


def end_on_signals():
    """Does nothing: the session handles signals."""
