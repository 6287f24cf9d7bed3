"""Commands on the random guests of `store_model`: saves, deletions, prunes and reindexes.

Each command knows what must hold after it has ended, or after a signal has ended it.
"""
import json
import os
import subprocess
import time

from harness.checks import check
from harness.snap import BUSY, DONE, INTERRUPTED, NOT_FOUND
from harness.stream import stream
from store_model import Saved

# Where a signal has hit a command.
BEFORE, AFTER, BETWEEN = "before the commit", "after the commit", "in between"
TIMEOUT = 60  # seconds; no command takes more than a tenth of it


class Command:
    """One run of snap."""

    name = ""  # the row of RELIABILITY.md

    def __init__(self, model, guest):
        """Draws the command's options; a subclass appends its arguments."""
        self.model = model
        self.guest = guest
        self.arguments = []
        self.input = None  # a file for standard input
        self.process = None
        self.started = 0
        self.output = self.errors = b""

    def start(self):
        """Starts snap."""
        with open(self.input or os.devnull, "rb") as file:
            self.process = self.model.snap.start(*self.arguments, stdin=file)
        self.started = time.monotonic()

    def signal_after(self, seconds, number):
        """Sends a signal after so many seconds; returns whether snap still ran then.

        Reads snap's output while it waits, because snap blocks when its pipe is full.
        """
        try:
            self.output, self.errors = self.process.communicate(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            self.process.send_signal(number)
            self.output, self.errors = self.process.communicate(timeout=TIMEOUT)
            return True

    def finish(self):
        """Waits for the end of snap."""
        self.output, self.errors = self.process.communicate(timeout=TIMEOUT)

    @property
    def status(self):
        """The exit status, or the negative number of the signal that killed snap."""
        return self.process.returncode

    @property
    def is_reported(self):
        """Whether snap has printed that it succeeded."""
        try:
            return bool(json.loads(self.output))
        except ValueError:
            return False

    def describe(self):
        """Returns the command and its result for a message."""
        command = " ".join(map(str, self.arguments))
        return f"snap {command}: status {self.status}, {self.errors.decode().strip()}"

    def settle(self, others):
        """Checks the effects and updates the model; others ran at the same time.

        Returns where the command was when it ended.
        """
        raise NotImplementedError

    def settle_policy(self, keep):
        """Checks the effects of a policy that keeps the newest checkpoints."""
        guest = self.guest
        known = sorted(guest.saved)
        may_go = known[:-keep]
        gone = set(known) - self.model.snap.files(guest.name)
        check(gone <= set(may_go), f"the policy keeps {known[-keep:]}, deleted: {gone}")
        check(self.status != DONE or len(gone) == len(may_go), f"not deleted: {may_go}")
        for number in gone:
            guest.forget(number)
        self.model.unlisted = [pair for pair in self.model.unlisted
                               if pair[0] is not guest or pair[1] not in gone]
        if self.status != DONE:
            guest.is_settled = False
        return AFTER if len(gone) == len(may_go) else BETWEEN if gone else BEFORE


class SaveCommand(Command):
    """Saves a guest after its memory has changed."""

    def __init__(self, model, guest):
        """Changes the guest's memory and draws options."""
        super().__init__(model, guest)
        guest.memory.edit(model.dice.choice((0, 3, 30, 300)))
        self.memory = bytes(guest.memory.bytes)
        self.devices = None
        self.keep = None  # how many checkpoints the policy keeps
        image = model.new_path("image")
        self.arguments = ["save", image, "--guest", guest.name, "--json"]
        if guest.is_stream:
            self._write_stream(image)
        else:
            self._write_image(image)
        self._draw_options()

    def _write_stream(self, image):
        """Writes the guest as a stream, and draws whether it comes through a pipe."""
        self.name = "save of a stream"
        content, self.devices = stream(self.guest.memory, self.model.dice)
        image.write_bytes(content)
        if self.model.dice.random() < 0.5:
            self.arguments[1] = "-"
            self.input = image
            self.name = "save of a stream, from a pipe"

    def _write_image(self, image):
        """Writes the guest's memory, and draws whether there is a device state."""
        dice = self.model.dice
        self.name = "save, incremental"
        self.guest.memory.write(image)
        if dice.random() < 0.5:
            self.devices = self.guest.next_devices(dice)
            state = self.model.new_path("devices")
            state.write_bytes(self.devices)
            self.arguments += ["--device-state", f"dev={state}"]
            self.name += ", with device state"

    def _draw_options(self):
        """Draws the options that all saves have."""
        dice, guest = self.model.dice, self.guest
        if dice.random() < 0.25:
            self.arguments.append("--full")
            self.name = self.name.replace("incremental", "full")
        elif guest.saved and dice.random() < 0.2:
            self.arguments += ["--parent", guest.reference(dice.choice(sorted(guest.saved)))]
        if dice.random() < 0.3:
            self.arguments += ["--level", dice.choice((0, 2, 6))]
        if dice.random() < 0.3:
            self.arguments += ["--label", f"label {dice.randrange(100)}"]
        if dice.random() < 0.1:
            self.arguments.append("--compare-bytes")
        if guest.saved and dice.random() < 0.3:
            self.keep = dice.choice((1, 2, 4))
            self.arguments += ["--keep-last", self.keep]
            self.name += ", with a policy"
        if dice.random() < 0.3:
            self.arguments += ["--wait", 5]

    def _new_numbers(self, others):
        """Returns the numbers of the checkpoints that this save must have created: one or none."""
        files = self.model.snap.files(self.guest.name)
        if self.is_reported:
            number = json.loads(self.output)["number"]
            check(number in files, f"reported, but missing: {number}")
            return {number}
        claimed = {json.loads(other.output)["number"] for other in others
                   if isinstance(other, SaveCommand) and other.guest is self.guest
                   and other.is_reported}
        return files - self.guest.saved.keys() - claimed

    def settle(self, others):
        """A new checkpoint is complete; without one, nothing has changed."""
        guest = self.guest
        new = self._new_numbers(others)
        check(len(new) <= 1, f"more than one new checkpoint: {new}")
        check(not new & guest.deleted, f"a number was used again: {new & guest.deleted}")
        check(not (self.status in (INTERRUPTED, BUSY) and new), "failed, but saved")
        check(self.status != DONE or new, "succeeded, but not saved")
        for number in new:
            guest.saved[number] = Saved(
                self.memory, self.devices, guest.is_stream, self.is_reported)
            if self.status == DONE or self.is_reported:
                self.model.check_restores(guest, number)
            else:
                # Its index row may be missing; then only the next save makes it restorable.
                guest.is_settled = False
                self.model.unlisted.append((guest, number))
        if not new and self.status not in (DONE, INTERRUPTED, BUSY):
            guest.is_settled = False
        if self.keep is not None and new:
            return self.settle_policy(self.keep)
        return AFTER if new else BEFORE


class PruneCommand(Command):
    """Deletes the checkpoints of a guest that a policy does not keep."""

    name = "prune"

    def __init__(self, model, guest):
        """Draws the policy."""
        super().__init__(model, guest)
        self.keep = model.dice.choice((1, 2, 3, 5))
        self.arguments = ["prune", "--guest", guest.name, "--keep-last", self.keep, "--json"]

    def settle(self, others):
        """The newest checkpoints are complete, and each other one is complete or deleted."""
        return self.settle_policy(self.keep)


class DeleteCommand(Command):
    """Deletes some of a guest's checkpoints."""

    def __init__(self, model, guest):
        """Draws the checkpoints, sometimes all of them."""
        super().__init__(model, guest)
        dice = model.dice
        known = sorted(guest.saved)
        count = len(known) if dice.random() < 0.05 else min(
            dice.choice((1, 1, 2, 3)), len(known) - 1)
        self.numbers = dice.sample(known, max(1, count))
        self.arguments = ["delete", *map(guest.reference, self.numbers), "--json"]
        self.name = "delete"
        if len(self.numbers) == len(known):
            self.arguments.append("--allow-last")
            self.name = "delete all"
        if dice.random() < 0.3:
            self.arguments += ["--wait", 5]

    def settle(self, others):
        """Each checkpoint is complete or deleted, in the order of the arguments."""
        guest = self.guest
        files = self.model.snap.files(guest.name)
        deleted = [number not in files for number in self.numbers]
        check(deleted == sorted(deleted, reverse=True), f"out of order: {self.numbers}, {deleted}")
        check(self.status != DONE or all(deleted), "succeeded, but not deleted")
        check(not self.is_reported or all(deleted), "reported, but not deleted")
        check(self.status != BUSY or not any(deleted), "busy, but deleted")
        for number, is_deleted in zip(self.numbers, deleted, strict=True):
            if is_deleted:
                guest.forget(number)
                status, _, errors = self.model.snap.attempt(
                    "restore", guest.reference(number), self.model.new_path("deleted"))
                check(status == NOT_FOUND, f"a deleted checkpoint: status {status}, {errors}")
        if self.status != DONE:
            guest.is_settled = False
        return AFTER if all(deleted) else BETWEEN if any(deleted) else BEFORE


class ReindexCommand(Command):
    """Rebuilds the index."""

    name = "reindex"

    def __init__(self, model, guest):
        """Remembers the current index."""
        super().__init__(model, guest)
        self.arguments = ["reindex", "--json"]
        self.index = model.snap.store / "index.sqlite"
        self.inode = self.index.stat().st_ino

    def settle(self, others):
        """The index is the old one or the new one."""
        check(self.index.exists(), "the index is missing")
        is_new = self.index.stat().st_ino != self.inode
        check(self.status != DONE or is_new, "succeeded, but the index is the old one")
        if is_new:
            self.model.unlisted.clear()
        return AFTER if is_new else BEFORE
