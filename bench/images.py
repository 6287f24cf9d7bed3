"""Memory images: comparing them, creating large ones, changing pages.

No function holds more than a piece of an image in memory.
"""
import os
import random

from harness import stream as qemu
from harness.memory import PAGE

PIECE = 1 << 20  # bytes


def data_extents(file, length):
    """Yields the start and end of each run of data between holes."""
    end = 0
    while end < length:
        try:
            begin = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # no more data
            return
        end = os.lseek(file, begin, os.SEEK_HOLE)
        yield begin, end


def same_where_data(one, other, length):
    """Whether two files are equal wherever the first one has data."""
    mine, yours = bytearray(PIECE), bytearray(PIECE)
    for begin, end in data_extents(one, length):
        for offset in range(begin, end, PIECE):
            count = min(PIECE, end - offset)
            os.preadv(one, [memoryview(mine)[:count]], offset)
            os.preadv(other, [memoryview(yours)[:count]], offset)
            if mine != yours:
                return False
    return True


def same(one, other):
    """Whether two files are equal, byte for byte; does not read holes that both have."""
    with open(one, "rb", buffering=0) as mine, open(other, "rb", buffering=0) as yours:
        length = os.fstat(mine.fileno()).st_size
        return (os.fstat(yours.fileno()).st_size == length
                and same_where_data(mine.fileno(), yours.fileno(), length)
                and same_where_data(yours.fileno(), mine.fileno(), length))


def read(path):
    """Reads a file, so that it is in the page cache."""
    piece = bytearray(PIECE)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(piece):
            pass


def change_pages(path, pages, rng):
    """Changes three bytes of each of these pages, in place."""
    with open(path, "r+b", buffering=0) as file:
        for page in pages:
            place = page * PAGE + rng.randrange(PAGE - 3)
            old = os.pread(file.fileno(), 3, place)
            os.pwrite(file.fileno(), bytes(byte ^ rng.randrange(1, 256) for byte in old), place)


def write_stream(image, stream, passes=1, share=10):
    """Writes an image as QEMU's migration stream.

    The stream of a stopped guest has one pass, with every page. That of a running guest has more
    passes, in which one of every SHARE pages occurs again.
    """
    length = os.stat(image).st_size
    block = b"ram"
    with open(image, "rb") as source, open(stream, "wb", buffering=PIECE) as target:
        target.write(qemu.HEADER + qemu.ram_start(block, length))
        for number in range(passes):
            source.seek(0)
            for offset in range(0, length, PAGE):
                page = source.read(PAGE)
                if not (number and offset // PAGE % share):
                    target.write(qemu.page_record(block, offset, page))
        target.write(qemu.ram_end() + qemu.END)


def write_bitmap(path, pages, page_count):
    """Writes a dirty bitmap: one bit per page, the first page in the lowest bit of byte 0."""
    bits = bytearray((page_count + 63) // 64 * 8)
    for page in pages:
        bits[page // 8] |= 1 << page % 8
    with open(path, "wb") as file:
        file.write(bits)


def make_sparse(path, length, extents, extent_length, seed):
    """Creates a file of holes with evenly spaced extents of noise."""
    rng = random.Random(seed)
    with open(path, "wb", buffering=0) as file:
        file.truncate(length)
        for number in range(extents):
            begin = number * (length // extents)
            for offset in range(begin, begin + extent_length, PIECE):
                os.pwrite(file.fileno(), rng.randbytes(PIECE), offset)


def make_dense(path, length, seed):
    """Creates a file without zero or equal pages; it compresses well, to save disk space."""
    rng = random.Random(seed)
    piece = bytearray()
    for _ in range(PIECE // PAGE):
        piece += rng.randbytes(64) * (PAGE // 64)
    with open(path, "wb", buffering=0) as file:
        for offset in range(0, length, PIECE):
            for place in range(0, PIECE, PAGE):
                piece[place:place + 8] = (offset + place + 1).to_bytes(8, "little")
            file.write(piece)
