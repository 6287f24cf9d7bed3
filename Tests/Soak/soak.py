"""What the soak tests share: snap, made-up memory, QEMU's streams, file systems, counts."""
import collections
import contextlib
import dataclasses
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "Scripts"))
import harness  # noqa: E402
from harness import DONE, Failed, check, say  # noqa: E402, F401

PAGE = 4096
PATIENCE = 60  # seconds, for what takes a tenth of one
MEMORY = Path("/dev/shm")

# The statuses of snap(1) that are used here.
DAMAGED, USAGE, NOT_FOUND, IO_ERROR, BUSY = 1, 64, 66, 74, 75
UNSUPPORTED, PERMISSION, INTERRUPTED = 76, 77, 130


def digest(data):
    """What tells one content from another."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def stage(name):
    """A folder in memory that is removed at the end, unless something is not as it must be."""
    folder = Path(tempfile.mkdtemp(
        prefix=f"snap-{name}-",
        dir=MEMORY if os.access(MEMORY, os.W_OK) and "TMPDIR" not in os.environ else None))
    try:
        yield folder
    except Failed as error:
        print(f"{name}: {error}\n{name}: what was found is in {folder}", file=sys.stderr)
        sys.exit(1)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)


class Snap(harness.Snap):
    """The command under test, and what is in its store."""

    def __init__(self, binary, store):
        """Names the store."""
        super().__init__(binary, store, timeout=PATIENCE)

    def folder(self, guest):
        """A guest's folder in the store."""
        return self.store / "guests" / guest

    def files(self, guest, ending=".savevm"):
        """The numbers of a guest's files of a kind."""
        return {int(path.stem) for path in self.folder(guest).glob(f"*{ending}")}

    def listed(self):
        """The checkpoints that the index has, by guest."""
        numbers = collections.defaultdict(set)
        for checkpoint in self("list"):
            numbers[checkpoint["guest"]].add(checkpoint["number"])
        return numbers


def tree(folder):
    """All files below a folder, by name, with what is in them."""
    return {str(path.relative_to(folder)): digest(path.read_bytes())
            for path in sorted(Path(folder).rglob("*")) if path.is_file()}


# Memory


class Memory:
    """A guest's memory, and how a guest changes it."""

    def __init__(self, random, page_count):
        """Fills half of the pages."""
        self.random = random
        self.page_count = page_count
        self.bytes = bytearray(page_count * PAGE)
        for page in range(0, page_count, 2):
            self[page] = self.text() if random.random() < 0.7 else random.randbytes(PAGE)

    def __setitem__(self, page, content):
        """Writes a page."""
        self.bytes[page * PAGE:(page + 1) * PAGE] = content

    def __getitem__(self, page):
        """Reads a page."""
        return bytes(self.bytes[page * PAGE:(page + 1) * PAGE])

    def text(self):
        """A page that compresses."""
        line = f"page {self.random.randrange(1000)} of a guest that writes a log\n".encode()
        return (line * (PAGE // len(line) + 1))[:PAGE]

    def edit(self, count):
        """Writes, updates, copies and zeroes pages: literals, deltas, duplicates, holes."""
        for _ in range(count):
            page = self.random.randrange(self.page_count)
            kind = self.random.randrange(6)
            if kind == 0:
                self[page] = bytes(PAGE)
            elif kind == 1:
                self[page] = self.random.randbytes(PAGE)
            elif kind == 2:
                self[page] = self[self.random.randrange(self.page_count)]
            elif kind == 3:
                self[page] = self.text()
            else:
                place = page * PAGE + self.random.randrange(PAGE - 64)
                self.bytes[place:place + 64] = self.random.randbytes(64)

    def write(self, path):
        """Writes a memory file with holes where pages are zero."""
        with open(path, "wb") as file:
            file.truncate(len(self.bytes))
            for page in range(self.page_count):
                content = self[page]
                if any(content):
                    file.seek(page * PAGE)
                    file.write(content)


def stream(memory, random):
    """The memory as a QEMU stream with one RAM block and two devices; and its device state."""
    def footer(section):
        return struct.pack(">BI", 0x7e, section)

    def text(value):
        return bytes([len(value)]) + value

    machine = b"pc"
    before = b"QEVM" + struct.pack(">I", 3) + b"\x07" + struct.pack(">I", len(machine)) + machine
    size = len(memory.bytes)
    ram = b"\x01" + struct.pack(">I", 2) + text(b"ram") + struct.pack(">II", 0, 4)
    ram += struct.pack(">Q", size | 0x04) + text(b"pc.ram") + struct.pack(">Q", size)
    ram += struct.pack(">Q", 0x10) + footer(2)
    ram += b"\x03" + struct.pack(">I", 2)
    records = []
    for page in range(memory.page_count):
        content = memory[page]
        is_zero = not any(content)
        flags = (0x02 if is_zero else 0x08) | (0x20 if page else 0)
        records.append(struct.pack(">Q", page * PAGE | flags))
        records.append((b"" if page else text(b"pc.ram")) + (b"\0" if is_zero else content))
    ram += b"".join(records) + struct.pack(">Q", 0x10) + footer(2)
    after = b""
    for section, name in (3, b"timer"), (4, b"cpu"):
        state = random.randbytes(random.randrange(1, 5000))
        after += (b"\x04" + struct.pack(">I", section) + text(name)
                  + struct.pack(">II", 0, 1) + state + footer(section))
    after += b"\0"
    return before + ram + after, before + after


# File systems


@dataclasses.dataclass
class Disk:
    """A file system of a test's own, in memory."""

    path: Path

    def remount(self, *options):
        """Mounts it again with other options."""
        subprocess.run(["mount", "-o", ",".join(("remount", *options)), self.path], check=True)


@contextlib.contextmanager
def disk(path, *options, source=None):
    """Mounts a tmpfs, or binds a folder; takes it away at the end."""
    path.mkdir(exist_ok=True)
    command = (["mount", "--bind", source, path] if source else
               ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", path])
    subprocess.run(command, check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


# Counts


class Counts:
    """How often something was done, by what and how."""

    def __init__(self):
        """Nothing so far."""
        self.numbers = collections.Counter()

    def add(self, row, column, number=1):
        """Counts."""
        self.numbers[row, column] += number

    def total(self, *columns):
        """The sum, of some columns or of all."""
        return sum(number for (_, column), number in self.numbers.items()
                   if not columns or column in columns)

    def show(self):
        """Prints a table."""
        rows = list(dict.fromkeys(row for row, _ in self.numbers))
        columns = list(dict.fromkeys(column for _, column in self.numbers))
        width = max(map(len, rows), default=0)
        say(" " * (width + 2) + "  ".join(columns))
        for row in rows:
            cells = (f"{self.numbers[row, column]:>{len(column)},}" for column in columns)
            say(f"  {row:<{width}}" + "  ".join(cells))

    def append(self, path):
        """Appends lines of row, column and number to a file, for RELIABILITY.md."""
        if path:
            with open(path, "a", encoding="utf-8") as file:
                for (row, column), number in self.numbers.items():
                    file.write(f"{row}\t{column}\t{number}\n")


def end_on_signals():
    """Lets signals end a test in a way that leaves nothing behind."""
    def interrupted(number, _):
        sys.exit(128 + number)
    # SIGINT, too, which a shell ignores for what it runs in the background, and then snap would.
    for number in signal.SIGTERM, signal.SIGINT:
        signal.signal(number, interrupted)
