"""The work of the recorded guest; bench/record describes the phases.

After each phase, it prints "phase N" on the serial port and waits for a line. The guest's memory is
copied in the meantime.
"""
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

RANDOM = random.Random(1234)
PARSED_BYTES = 14 << 20  # of records that are kept as Python objects
TABLE_ROWS = 12000
BUFFER_BYTES = 16 << 20
STORE_BYTES = 90 << 20
UPDATED = 0.02  # of all data
IDLE_SECONDS = 60


class Workload:
    """The data on the guest's heap, and the phases, which change it."""

    def __init__(self, records):
        """Takes the open file with the records."""
        self.records = records
        self.parsed = {}  # many small objects
        self.buffer = bytearray()  # one large object
        self.store = {}  # a key-value store, most of the heap
        self.database = None

    def boot(self):
        """Does nothing: only this program has been read so far."""

    def fill_working_set(self):
        """Parses records, and fills a buffer and a database, which is also in the page cache."""
        end = self.records.tell() + PARSED_BYTES
        while self.records.tell() < end:
            line = self.records.readline()
            event = line.startswith(b'{"ts"')
            self.parsed[len(self.parsed)] = json.loads(line) if event else line.decode()
        self.buffer = bytearray(self.records.read(BUFFER_BYTES))
        self.records.readline()
        self.database = sqlite3.connect("/app.db")
        self.database.execute("pragma cache_size = -16000")
        self.database.execute("create table event (id text primary key, user text, body text)")
        count = 0
        while count < TABLE_ROWS:
            line = self.records.readline()
            if line.startswith(b'{"ts"'):
                event = json.loads(line)
                row = event["id"], event["user"], line.decode()
                self.database.execute("insert into event values (?, ?, ?)", row)
                count += 1
        self.database.execute("create index event_user on event (user)")
        self.database.commit()
        self.forget_file()

    def fill_store(self):
        """Fills the key-value store."""
        end = self.records.tell() + STORE_BYTES
        while self.records.tell() < end:
            self.store[len(self.store)] = bytearray(self.records.readline())
        self.forget_file()

    def update(self):
        """Updates 2 % of all data in place, at random."""
        for key in RANDOM.sample(range(len(self.store)), int(len(self.store) * UPDATED)):
            revision = b'{"rev":%06d,' % RANDOM.randrange(10**6)
            value = self.store[key]
            length = min(len(value), len(revision))
            value[:length] = revision[:length]
        for key in RANDOM.sample(range(len(self.parsed)), int(len(self.parsed) * UPDATED)):
            if isinstance(self.parsed[key], dict):
                self.parsed[key]["status"] = RANDOM.randrange(1000)
        for _ in range(int(len(self.buffer) / 4096 * UPDATED)):
            target = RANDOM.randrange(len(self.buffer) // 4096) * 4096 + RANDOM.randrange(3500)
            source = RANDOM.randrange(len(self.buffer) - 400)
            self.buffer[target:target + 400] = self.buffer[source:source + 400]
        self.database.execute(
            "update event set body = body || '.' where rowid in "
            "(select rowid from event order by rowid desc limit 200)")
        self.database.commit()

    def work_in_bulk(self):
        """Reads programs and libraries through the page cache, and compiles Python modules."""
        for path in sorted(Path("/bulk").iterdir()):
            path.read_bytes()
        library = Path(json.__file__).parent.parent
        sources = [library / name for name in ("asyncio", "email", "http", "json", "xml")]
        # In a separate process, so that its memory is free afterwards.
        subprocess.run([sys.executable, "-m", "compileall", "-q", "-f", *sources], check=True)

    def idle(self):
        """Sleeps, as most guests do most of the time."""
        end = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < end:
            time.sleep(1)

    def free_half(self):
        """Frees half of the store; the freed memory keeps its bytes, except the allocator's own."""
        for key in range(1, len(self.store), 2):
            del self.store[key]
        Path("/proc/sys/vm/drop_caches").write_text("1", encoding="ascii")
        time.sleep(3)

    def forget_file(self):
        """Removes the records from the page cache, as if they had come from the network."""
        os.posix_fadvise(self.records.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(work):
    """Runs the phases of a workload, and then keeps its memory."""
    phases = (work.boot, work.fill_working_set, work.fill_store, work.update, work.work_in_bulk,
              work.idle, work.free_half)
    for number, phase in enumerate(phases, 1):
        phase()
        print(f"phase {number}", flush=True)
        input()
    while True:
        time.sleep(1)


def main():
    """Runs the phases; each line on standard input starts the next one."""
    with open("/records", "rb") as records:
        run(Workload(records))


main()
