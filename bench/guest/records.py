"""The data of the recorded guest: events, logs, prose and blobs.

The prose is a random walk over the words of this machine's documentation, from each word to one
that follows it there. So it compresses like text, but does not repeat itself.
"""
import base64
import itertools
import random
import re
from pathlib import Path

WORDS = 600_000
METHODS = ["GET"] * 12 + ["POST"] * 5 + ["PUT", "DELETE", "PATCH"]
STATUSES = (200, 200, 200, 200, 201, 304, 404, 500)
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "curl/7.88.1", "okhttp/4.12.0")


class Records:
    """An endless source of random lines."""

    def __init__(self, seed):
        """Reads the words; the same seed gives the same lines on this machine."""
        self.random = random.Random(seed)
        words = self.read_words()
        self.followers = {}
        for word, follower in itertools.pairwise(words):
            self.followers.setdefault(word, []).append(follower)
        self.words = list(self.followers)
        self.names = sorted({w.lower() for w in words if re.fullmatch("[A-Za-z]{4,9}", w)})[:4000]

    @staticmethod
    def read_words():
        """Returns the words of this machine's documentation, in their order."""
        words = []
        texts = sorted(Path("/usr/share/doc").glob("*/copyright"))[:60]
        texts += sorted(Path("/usr/lib").glob("python3.*/**/*.py"))
        for path in texts:
            words += path.read_text(errors="replace")[:60000].split()
            if len(words) >= WORDS:
                break
        return words[:WORDS]

    def prose(self, count):
        """Returns so many words of prose."""
        chance = self.random.random
        word = self.words[int(chance() * len(self.words))]
        walk = []
        for _ in range(count):
            walk.append(word)
            following = self.followers.get(word) or self.words
            word = following[int(chance() * len(following))]
        return " ".join(walk)

    def event(self):
        """Returns an event in JSON, as a service logs it."""
        pick, number = self.random.choice, self.random.randrange
        note = re.sub(r'[\\"\x00-\x1f]', "", self.prose(number(3, 30)))
        return (
            f'{{"ts":"2026-{number(1, 13):02}-{number(1, 29):02}T{number(24):02}:{number(60):02}'
            f':{number(60):02}.{number(10**6):06}Z","id":"{self.random.getrandbits(128):032x}",'
            f'"user":"{pick(self.names)}.{pick(self.names)}@example.org",'
            f'"method":"{pick(METHODS)}","path":"/v1/{pick(self.names)}/{number(10**7)}",'
            f'"status":{pick(STATUSES)},"ms":{self.random.expovariate(1 / 40):.3f},'
            f'"ua":"{pick(AGENTS)}","note":"{note}"}}')

    def log(self):
        """Returns a line of a system log."""
        number = self.random.randrange
        return (f"Jan {number(1, 29):2} {number(24):02}:{number(60):02}:{number(60):02} "
                f"host{number(40)} {self.random.choice(self.names)}[{number(30000)}]: "
                f"{self.prose(number(5, 20))}")

    def blob(self):
        """Returns random bytes in base64, which compress badly."""
        noise = self.random.randbytes(self.random.randrange(200, 6000))
        return f'{{"blob":"{base64.b64encode(noise).decode()}"}}'

    def line(self):
        """Returns a line of any kind."""
        kind = self.random.random()
        if kind < 0.55:
            return self.event()
        if kind < 0.75:
            return self.log()
        if kind < 0.97:
            return self.prose(self.random.randrange(60, 500))
        return self.blob()


def write(path, size, seed=42):
    """Writes a file with at least a given number of bytes of records."""
    records = Records(seed)
    with open(path, "wb") as file:
        while file.tell() < size:
            file.write("".join(records.line() + "\n" for _ in range(500)).encode())
