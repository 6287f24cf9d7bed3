"""The log of powerdisk.c: running the disk, and replaying its log."""
import contextlib
import dataclasses
import hashlib
import os
import struct
import subprocess

from harness.processes import start, wait_until

WRITE, FLUSH, MARK, ZEROS = range(4)
SECTOR = 512
SIZE = 400 << 20  # of the disk, in bytes


@dataclasses.dataclass
class Entry:
    """A record of the log."""

    kind: int
    offset: int
    content: bytes  # of writes and marks
    length: int  # of zeros


def digest(content):
    """Returns the digest that identifies the memory of a checkpoint."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def logging_disk(program, mount, log):
    """Runs the disk; yields its path, and a function that appends a mark to its log."""
    mount.mkdir()
    process = start([program, mount, SIZE, log])

    def mark(*words):
        (mount / "mark").write_text(" ".join(map(str, words)) + "\n", encoding="ascii")

    try:
        wait_until((mount / "disk").exists, "powerdisk did not start", 5, interval=0.05)
        yield mount / "disk", mark
    finally:
        subprocess.run(["fusermount3", "-u", mount], check=True)
        process.wait(30)
        mount.rmdir()


@contextlib.contextmanager
def loop_device(path):
    """Attaches a file to a loop device; yields the path of the device."""
    loop = subprocess.run(["losetup", "-f", "--show", path], check=True, capture_output=True,
                          text=True).stdout.strip()
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


def records(log):
    """Returns the entries of a log."""
    place, entries = 0, []
    while place + 16 <= len(log):
        kind, length, offset = struct.unpack_from("<IIQ", log, place)
        place += 16
        has_content = kind in (WRITE, MARK)
        content = log[place:place + length] if has_content else b""
        entries.append(Entry(kind, offset, content, length))
        place += len(content)
    return entries


def torn(entry, dice):
    """Returns a write without a random number of its last sectors."""
    length = dice.randrange(len(entry.content) // SECTOR + 1) * SECTOR
    return dataclasses.replace(entry, content=entry.content[:length])


def create(path):
    """Creates an empty disk."""
    with open(path, "wb") as disk:
        disk.truncate(SIZE)


def apply(path, entries):
    """Writes the writes and zeros among the entries to a disk."""
    with open(path, "r+b", buffering=0) as disk:
        for entry in entries:
            if entry.kind == WRITE:
                os.pwrite(disk.fileno(), entry.content, entry.offset)
            elif entry.kind == ZEROS:
                os.pwrite(disk.fileno(), bytes(entry.length), entry.offset)
