"""Restores of checkpoints of the random guests of `store_model`."""
from commands import AFTER, BEFORE, BETWEEN, Command
from harness.checks import check
from harness.memory import PAGE
from harness.snap import DONE, INTERRUPTED


class RestoreCommand(Command):
    """Restores a checkpoint into a file, sometimes with its device state."""

    def __init__(self, model, guest):
        """Draws a checkpoint and options."""
        super().__init__(model, guest)
        self.number = model.dice.choice(sorted(model.listed(guest)))
        self.saved = guest.saved[self.number]
        self.target = model.new_path("restored")
        self.devices = None  # the path for the device state
        self.old = None  # the target's content before the restore
        self.expected = self.saved.memory
        self.arguments = ["restore", guest.reference(self.number), self.target, "--json"]
        self.draw(model.dice)

    def draw(self, dice):
        """Draws the options of a restore to a file."""
        self.name = "restore to a file"
        if self.saved.is_stream and dice.random() < 0.4:
            self.arguments += ["--format", "qemu"]
            self.expected = self.model.stream_of(self.guest, self.number)
            self.name = "restore as a stream"
        elif self.saved.devices is not None and dice.random() < 0.5:
            self.devices = self.model.new_path("devices")
            self.arguments += ["--device-state", self.devices]
            self.name += ", with device state"
        if dice.random() < 0.3:
            self.old = dice.randbytes(5000)
            self.target.write_bytes(self.old)
            self.arguments.append("--force")
            self.name += ", replacing one"
        if dice.random() < 0.3:
            self.arguments.append("--sync")

    def settle(self, others):
        """The output is complete or unchanged."""
        found = self.target.read_bytes() if self.target.exists() else None
        is_complete = found == self.expected
        check(is_complete or found == self.old, "the output is neither complete nor unchanged")
        check(self.status != DONE or is_complete, "succeeded, but the output is missing")
        check(self.status != INTERRUPTED or not is_complete, "interrupted, but the output exists")
        if self.devices and self.devices.exists():
            check(self.devices.read_bytes() == self.saved.devices, "the device state differs")
            check(self.status != INTERRUPTED, "interrupted, but the device state exists")
        check(self.status != DONE or not self.devices or self.devices.exists(),
              "succeeded, but the device state is missing")
        return AFTER if is_complete else BEFORE


class PipeCommand(RestoreCommand):
    """Restores a checkpoint into a pipe."""

    def draw(self, dice):
        """Replaces the target with standard output, so there is no JSON."""
        self.name = "restore to a pipe"
        self.arguments = [*self.arguments[:2], "-"]

    def settle(self, others):
        """The output is a prefix of the memory, and all of it on success."""
        check(self.expected.startswith(self.output), "the bytes from the pipe differ")
        is_complete = len(self.output) == len(self.expected)
        check(self.status != DONE or is_complete, "succeeded, but the pipe has received less")
        return AFTER if is_complete else BETWEEN if self.output else BEFORE


class InPlaceCommand(RestoreCommand):
    """Updates an existing file to a checkpoint."""

    def draw(self, dice):
        """Fills the file with another checkpoint, or with zeros, and changes some bytes of it."""
        self.name = "restore in place"
        self.arguments.append("--in-place")
        other = self.guest.saved[dice.choice(sorted(self.guest.saved))].memory
        old = bytearray(other if len(other) == len(self.expected) else len(self.expected))
        for _ in range(dice.randrange(20)):
            place = dice.randrange(len(old))
            old[place:place + 1] = bytes([dice.randrange(256)])
        self.old = bytes(old)
        self.target.write_bytes(self.old)

    def settle(self, others):
        """Each page is old or new; the same command again completes the output."""
        found = self.target.read_bytes()
        check(len(found) == len(self.expected), "the output has another length")
        for place in range(0, len(found), PAGE):
            page = found[place:place + PAGE]
            check(page in (self.old[place:place + PAGE], self.expected[place:place + PAGE]),
                  f"the page at {place} is neither old nor new")
        check(self.status != DONE or found == self.expected, "succeeded, but the output differs")
        check(found in (self.old, self.expected) or self.status != INTERRUPTED
              or b"partly old" in self.errors, "snap does not report a partly updated file")
        if found != self.expected:
            self.model.snap(*self.arguments[:-2], "--in-place", "--wait", 5)
            check(self.target.read_bytes() == self.expected,
                  "the same command has not completed the output")
        return AFTER if found == self.expected else BEFORE if found == self.old else BETWEEN
