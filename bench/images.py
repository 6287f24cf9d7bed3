"""Memory images: comparing them, making large ones, changing pages; never all of one in memory."""
import os
import random

PAGE = 4096
PIECE = 1 << 20


def data_extents(file, length):
    """Yields the begin and end of each run of data, holes left out."""
    end = 0
    while end < length:
        try:
            begin = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # no more data
            return
        end = os.lseek(file, begin, os.SEEK_HOLE)
        yield begin, end


def same_where_data(one, other, length):
    """Tells whether two files are equal wherever the first one has data."""
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
    """Tells whether two files are equal, byte for byte; holes of both are not read."""
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
    """Writes an image as QEMU's migration stream: of a stopped guest, every page comes once.

    Of a running one there are more passes, in each of which every so many pages come again.
    """
    def words(*numbers):
        return b"".join(number.to_bytes(8, "big") for number in numbers)

    length, footer = os.stat(image).st_size, b"\x7e" + (2).to_bytes(4, "big")
    block = b"\x03ram"
    with open(image, "rb") as source, open(stream, "wb", buffering=PIECE) as target:
        target.write(b"QEVM" + (3).to_bytes(4, "big") + b"\x07" + (2).to_bytes(4, "big") + b"pc")
        target.write(b"\x01" + (2).to_bytes(4, "big") + block + bytes(4) + (4).to_bytes(4, "big"))
        target.write(words(length | 4) + block + words(length, 16) + footer)
        target.write(b"\x03" + (2).to_bytes(4, "big"))
        for number in range(passes):
            source.seek(0)
            for offset in range(0, length, PAGE):
                page = source.read(PAGE)
                if number and offset // PAGE % share:
                    continue
                kind = 0x08 if any(page) else 0x02
                first = offset == 0
                target.write(words(offset | kind | (0 if first else 0x20)) + block * first)
                target.write(page if kind == 0x08 else b"\0")
        target.write(words(16) + footer + b"\0")


def write_bitmap(path, pages, page_count):
    """Writes a dirty bitmap, one bit for each page, from the lowest bit of the first byte."""
    bits = bytearray((page_count + 63) // 64 * 8)
    for page in pages:
        bits[page // 8] |= 1 << page % 8
    with open(path, "wb") as file:
        file.write(bits)


def make_sparse(path, length, extents, extent_length, seed):
    """Makes a file of holes with evenly spaced extents of noise."""
    rng = random.Random(seed)
    with open(path, "wb", buffering=0) as file:
        file.truncate(length)
        for number in range(extents):
            begin = number * (length // extents)
            for offset in range(begin, begin + extent_length, PIECE):
                os.pwrite(file.fileno(), rng.randbytes(PIECE), offset)


def make_dense(path, length, seed):
    """Makes a file without zero or equal pages, quickly; it compresses well, to save room."""
    rng = random.Random(seed)
    piece = bytearray()
    for _ in range(PIECE // PAGE):
        piece += rng.randbytes(64) * (PAGE // 64)
    with open(path, "wb", buffering=0) as file:
        for offset in range(0, length, PIECE):
            for place in range(0, PIECE, PAGE):
                piece[place:place + 8] = (offset + place + 1).to_bytes(8, "little")
            file.write(piece)
