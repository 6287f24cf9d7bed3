"""A long history of a guest: its image changes in small parts from one recorded phase to the next.

The phases are visited in rounds: 1, 2, ..., n, 1, 2, ..., n, and again. The pages that differ
between two phases are put in random order, in which runs of neighbouring pages stay together, and
are split into equal parts; each checkpoint has one more part. A page that goes from the last phase
back to the first gets other bytes than in the round before, because memory hardly ever returns to
an earlier state: each byte that is not zero is mapped to another one, which compresses equally
well. A few hot pages change in every checkpoint. The same seed makes the same history.
"""
import hashlib
import itertools
import os
import random
from array import array

from harness.memory import PAGE
from harness.processes import copy_sparse

PIECE = 64 << 10  # bytes
ZERO_PAGE = bytes(PAGE)
LONGEST_RUN = 64  # pages that change together
HOT_BYTES = 64  # the part of a hot page that changes: counters and times, not noise in all bytes


def mapping(key):
    """Returns a table for bytes.translate that maps zero to zero and shifts all other bytes."""
    return bytes([0, *((byte + key) % 255 + 1 for byte in range(255))])


MAPPINGS = [mapping(key) for key in range(255)]


def changed_pages(one, other, length):
    """Returns the numbers of the pages in which two files differ."""
    pages = array("I")
    for offset in range(0, length, PIECE):
        mine, yours = os.pread(one, PIECE, offset), os.pread(other, PIECE, offset)
        if mine != yours:
            pages.extend((offset + place) // PAGE for place in range(0, len(mine), PAGE)
                         if mine[place:place + PAGE] != yours[place:place + PAGE])
    return pages


def shuffled(pages, rng):
    """Returns ascending page numbers in random order; runs of neighbouring pages stay together."""
    starts = array("I")
    for index, page in enumerate(pages):
        if not index or page != pages[index - 1] + 1 or index - starts[-1] == LONGEST_RUN:
            starts.append(index)
    starts.append(len(pages))
    runs = list(range(len(starts) - 1))
    rng.shuffle(runs)
    order = array("I")
    for run in runs:
        order.extend(pages[starts[run]:starts[run + 1]])
    return order


class Digest:
    """The digest of an image, made of the digests of its pieces, so that it is quick to update."""

    def __init__(self, file, length):
        """Reads an open file of this length."""
        self.pieces = bytearray()
        for offset in range(0, length, PIECE):
            self.pieces += self._piece(file, offset)

    @staticmethod
    def _piece(file, offset):
        return hashlib.sha256(os.pread(file, PIECE, offset)).digest()

    def update(self, file, pages):
        """Reads the pieces with these pages again."""
        size = hashlib.sha256().digest_size
        for piece in {page * PAGE // PIECE for page in pages}:
            self.pieces[piece * size:(piece + 1) * size] = self._piece(file, piece * PIECE)

    def value(self):
        """Returns the digest of the image."""
        return hashlib.sha256(self.pieces).hexdigest()


def digest_of(path):
    """Returns the digest of an image."""
    with open(path, "rb", buffering=0) as file:
        return Digest(file.fileno(), os.fstat(file.fileno()).st_size).value()


class Replay:
    """The guest's image, which each call of `advance` changes in place."""

    def __init__(self, series, image, part_count, hot_count, seed):
        """Copies the first phase to the image.

        PART_COUNT is the number of checkpoints from one phase to the next, HOT_COUNT the number of
        pages that change in each of them.
        """
        self.rng = random.Random(seed)
        self.phases = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in series]
        copy_sparse(series[0], image)
        self.path = image
        self.image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        # The key of the mapping of each page's bytes.
        self.keys = bytearray(series[0].stat().st_size // PAGE)
        self.hot = self._choose_hot_pages(hot_count)
        self.parts = self._parts(part_count)
        self.digest = Digest(self.image, self.length)
        self.changed_count = 0  # pages that the last call of `advance` wrote

    @property
    def length(self):
        """The length of the image in bytes."""
        return len(self.keys) * PAGE

    def _choose_hot_pages(self, count):
        """Returns pages of the first phase that are not zero, each with the place that changes."""
        pages = [offset // PAGE for offset in range(0, self.length, PAGE)
                 if os.pread(self.image, PAGE, offset) != ZERO_PAGE]
        chosen = self.rng.sample(pages, min(count, len(pages)))
        return {page: self.rng.randrange(0, PAGE - HOT_BYTES) for page in chosen}

    def _parts(self, part_count):
        """Yields each part: the phase with the bytes, and the pages to copy from it."""
        phases = itertools.cycle(self.phases)
        before = next(phases)
        for after in phases:
            pages = changed_pages(before, after, self.length)
            pages = array("I", (page for page in pages if page not in self.hot))
            order = shuffled(pages, self.rng)
            for part in range(part_count):
                begin = len(order) * part // part_count
                end = len(order) * (part + 1) // part_count
                yield after, order[begin:end]
            before = after

    def advance(self):
        """Changes the image to the state of the next checkpoint."""
        phase, pages = next(self.parts)
        for page in pages:
            if phase == self.phases[0]:
                self.keys[page] = (self.keys[page] + 1) % len(MAPPINGS)
            content = os.pread(phase, PAGE, page * PAGE).translate(MAPPINGS[self.keys[page]])
            os.pwrite(self.image, content, page * PAGE)
        for page, place in self.hot.items():
            place += page * PAGE + self.rng.randrange(HOT_BYTES - 3)
            old = os.pread(self.image, 3, place)
            os.pwrite(self.image, bytes(byte ^ self.rng.randrange(1, 256) for byte in old), place)
        self.changed_count = len(pages) + len(self.hot)
        self.digest.update(self.image, itertools.chain(pages, self.hot))
