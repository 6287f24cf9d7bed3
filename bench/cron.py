"""Long use from cron: a checkpoint every few minutes, and a policy that deletes old ones.

The times are made up: snap runs with libfaketime, which sets its clock. At intervals, each kept
checkpoint is restored, compared with the image that was saved, and saved into a fresh store, which
shows how much space the same checkpoints need if no others have been saved.
"""
import datetime
import json
import os
import shutil
import sys
from dataclasses import dataclass

import measure
import retention
from harness.checks import check
from replay import digest_of

BEGIN = datetime.datetime(2024, 1, 1)  # of the made-up times, UTC
ROUNDS = 5  # of restores and verifications
STORES = ("pruned", "plain", "fresh")


class Store:
    """A store with one guest, g, and what snap's commands in it needed."""

    def __init__(self, snap, path):
        """Names a store that does not exist yet."""
        self.snap = snap
        self.path = path
        self.peaks = {}  # the most memory that a process used, in bytes, by command
        self.warnings = []

    def run(self, *words, environment=None):
        """Runs a command of snap; returns the sample and the decoded output."""
        sample = measure.run([self.snap, *words, "--store", self.path, "--json"], "/", environment)
        if sample.errors:
            self.warnings.append(f"snap {' '.join(map(str, words))} printed: {sample.errors}")
        self.peaks[words[0]] = max(sample.rss, self.peaks.get(words[0], 0))
        return sample, json.loads(sample.output.strip() or "null")

    def save(self, image, *words, environment=None):
        """Saves an image; returns the sample and the decoded output."""
        return self.run("save", image, "--guest", "g", *words, environment=environment)

    def restore(self, number, output):
        """Restores a checkpoint to a new file; returns the sample."""
        output.unlink(missing_ok=True)
        return self.run("restore", f"g:{number}", output)[0]

    def usage(self):
        """Returns the disk use of the guest's folder, in bytes, and the number of its files."""
        with os.scandir(self.path / "guests/g") as entries:
            blocks = [entry.stat(follow_symlinks=False).st_blocks for entry in entries]
        return sum(blocks) * 512, len(blocks)

    def clear(self):
        """Deletes the store."""
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass
class Pruned:
    """What one save cost, and the state of the store after it."""

    number: int
    changed: int  # pages of the image
    stored: int  # bytes, by the save
    written: int | None  # bytes, by pruning
    freed: int  # bytes, by pruning
    deleted: int  # checkpoints
    used: int  # bytes on disk, in the guest's folder
    files: int


@dataclass
class Comparison:
    """The store, and a fresh one with the same checkpoints."""

    number: int
    kept: int  # checkpoints
    used: int  # bytes on disk
    files: int
    fresh: int  # bytes on disk
    fresh_files: int

    @property
    def ratio(self):
        """The disk use of the store, divided by that of the fresh one."""
        return self.used / self.fresh


class Cron:
    """The replay of a history into a store that is pruned, and into one that is not."""

    def __init__(self, options, folder, replay):
        """Starts with empty stores."""
        self.options = options
        self.replay = replay
        self.restored = folder / "restored.mem"
        self.stores = {name: Store(options.snap, folder / name) for name in STORES}
        self.digests = {}  # of the kept images, by checkpoint
        self.checkpoints = []
        self.comparisons = []
        self.walls = {}  # wall times in seconds, by measure and store
        self.problems = []

    def time(self, number):
        """Returns the made-up time of a checkpoint."""
        return BEGIN + datetime.timedelta(minutes=self.options.minutes) * number

    def environment(self, number):
        """Returns the environment of a snap whose clock shows the time of a checkpoint."""
        return {**os.environ, "TZ": "UTC", "LD_PRELOAD": self.options.faketime,
                "FAKETIME": f"{self.time(number):%Y-%m-%d %H:%M:%S}",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def run(self):
        """Saves all checkpoints; compares the stores at intervals and after the last one."""
        last = self.options.checkpoints
        for number in range(1, last + 1):
            if number > 1:
                self.replay.advance()
            self.save(number)
            if number % self.options.every == 0 or number == last:
                self.compare(number)
        check(digest_of(self.replay.path) == self.replay.digest.value(),
              "the image has changed while snap read it")
        self.compare_times(max(self.digests), min(self.digests))

    def warnings(self):
        """Returns the warnings that snap has printed."""
        return [warning for store in self.stores.values() for warning in store.warnings]

    def save(self, number):
        """Saves the image in both stores; they take turns to be the first."""
        self.digests[number] = self.replay.digest.value()
        saves = [self.save_and_prune]
        if self.options.compare:
            saves.insert(number % 2, self.save_plain)
        for save in saves:
            save(number)

    def save_plain(self, number):
        """Saves the image in the store that is never pruned."""
        environment = self.environment(number)
        sample, _ = self.stores["plain"].save(self.replay.path, environment=environment)
        self.add_wall("save", "plain", sample.wall)

    def save_and_prune(self, number):
        """Saves the image in the store that is pruned."""
        expected = retention.kept(self.options.policy,
                                  {each: self.time(each) for each in self.digests})
        run = self.save_then_delete if self.options.by_delete else self.save_with_policy
        saved, wall, pruned, deleted = run(number, set(self.digests) - set(expected))
        for dropped in deleted:
            self.digests.pop(dropped, None)
        self.expect(f"checkpoint {number}: kept", sorted(self.digests), expected)
        self.expect("number", saved["number"], number)
        self.expect(f"checkpoint {number}: createdAt", saved["createdAt"], self.stamp(number))
        self.add_wall("save", "pruned", wall)
        used, files = self.stores["pruned"].usage()
        self.checkpoints.append(Pruned(
            number, self.replay.changed_count, saved["storedByteCount"],
            pruned.get("writtenByteCount"), pruned.get("freedByteCount", 0), len(deleted), used,
            files))

    def save_with_policy(self, number, _):
        """Saves with the --keep options.

        Returns the output about the save, the wall time, the output about pruning, and the numbers
        of the deleted checkpoints.
        """
        sample, saved = self.stores["pruned"].save(
            self.replay.path, *retention.arguments(self.options.policy),
            environment=self.environment(number))
        return saved, sample.wall, saved["prune"], saved["prune"]["deleted"]

    def save_then_delete(self, number, dropped):
        """Saves, and deletes these checkpoints; returns the same values as save_with_policy."""
        environment = self.environment(number)
        sample, saved = self.stores["pruned"].save(self.replay.path, environment=environment)
        if not dropped:
            return saved, sample.wall, {}, []
        names = (f"g:{old}" for old in sorted(dropped))
        deletion, deleted = self.stores["pruned"].run("delete", *names, environment=environment)
        return saved, sample.wall + deletion.wall, deleted, [
            checkpoint["number"] for checkpoint in deleted["deleted"]]

    def stamp(self, number):
        """Returns the made-up time of a checkpoint as snap prints it."""
        return f"{self.time(number):%Y-%m-%dT%H:%M:%SZ}"

    def expect(self, name, value, expected):
        """Reports a problem if a value is not the expected one."""
        if value != expected:
            self.problems.append(f"{name} is {value}, expected {expected}")

    def add_wall(self, name, store, wall):
        """Adds a wall time."""
        self.walls.setdefault((name, store), []).append(wall)

    def compare(self, number):
        """Restores the kept checkpoints, compares them, and saves them into a fresh store."""
        pruned, fresh = self.stores["pruned"], self.stores["fresh"]
        listed = {made["number"]: made["createdAt"] for made in pruned.run("list")[1]}
        self.expect("snap list", listed, {kept: self.stamp(kept) for kept in sorted(self.digests)})
        fresh.clear()
        for kept in sorted(self.digests):
            pruned.restore(kept, self.restored)
            if digest_of(self.restored) != self.digests[kept]:
                self.problems.append(
                    f"checkpoint {kept}, restored after {number}, differs from the saved image")
            fresh.save(self.restored)
        self.restored.unlink()
        made = Comparison(number, len(self.digests), *pruned.usage(), *fresh.usage())
        self.comparisons.append(made)
        print(f"{number} of {self.options.checkpoints}: {made.kept} kept, {made.files} files, "
              f"{made.used / 1e6:.1f} MB, fresh {made.fresh / 1e6:.1f} MB, ratio {made.ratio:.3f}",
              file=sys.stderr, flush=True)

    def compare_times(self, newest, oldest):
        """Restores the newest and the oldest checkpoint from both stores, and verifies the stores.

        The fresh store numbers the same checkpoints from 1.
        """
        measure.use_memory(self.replay.length)
        numbers = {"pruned": (newest, oldest), "fresh": (len(self.digests), 1)}
        for _ in range(ROUNDS):
            for index, which in enumerate(("newest", "oldest")):
                for name, names in numbers.items():
                    sample = self.stores[name].restore(names[index], self.restored)
                    self.add_wall(f"restore {which}", name, sample.wall)
                    self.restored.unlink()
            for name in numbers:
                self.add_wall("verify", name, self.stores[name].run("verify")[0].wall)
