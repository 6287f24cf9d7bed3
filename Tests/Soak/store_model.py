"""What a store must contain: random guests, and their checkpoints."""
import dataclasses

from harness.checks import check
from harness.memory import Memory
from harness.snap import DONE

CHECKPOINTS_MAX = 7  # of a guest; if there are more, half of them are deleted


@dataclasses.dataclass
class Saved:
    """The content of a checkpoint."""

    memory: bytes
    devices: bytes | None
    is_stream: bool
    is_reported: bool  # whether snap reported success


def base_of(path):
    """Returns the number of the base that a device-state file names; 0 if it has none."""
    with open(path, "rb") as file:
        return int.from_bytes(file.read(512)[112:120], "little")


class RandomGuest:
    """A guest with random memory, and its checkpoints."""

    def __init__(self, name, dice, is_stream, page_count):
        """Draws its memory; its RAM is saved as a stream or as an image."""
        self.name = name
        self.is_stream = is_stream
        self.memory = Memory(dice, page_count)
        self.devices = b""  # the last device state, if the RAM is saved as an image
        self.saved = {}  # existing checkpoints by number
        self.deleted = set()  # numbers that must not be used again
        self.is_settled = True  # whether index and files must agree

    def next_devices(self, dice):
        """Returns a new device state: the last one with a few other bytes, or random bytes."""
        if not self.devices or dice.random() < 0.2:
            self.devices = dice.randbytes(dice.choice((1, 2, 5000, 5000, 200_000)))
        else:
            changed = bytearray(self.devices)
            for _ in range(dice.choice((0, 1, 5, 50))):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            self.devices = bytes(changed)
        return self.devices

    def reference(self, number):
        """Returns a checkpoint's specifier."""
        return f"{self.name}:{number}"

    def forget(self, number):
        """Notes that a checkpoint has been deleted."""
        del self.saved[number]
        self.deleted.add(number)


class StoreModel:
    """A store with guests, and all that must hold for it."""

    def __init__(self, snap, folder, dice):
        """Draws the guests."""
        self.snap = snap
        self.outputs = folder / "outputs"
        self.outputs.mkdir()
        self.dice = dice
        self.path_count = 0
        self.streams = {}  # checkpoints as streams, by guest and number
        self.unlisted = []  # checkpoints whose index row may be missing
        self.strays = 0  # hidden files that commands have left in the folder of outputs
        self.guests = [
            RandomGuest(f"guest{index}", dice, index % 3 == 2, dice.choice((256, 700, 1024, 4096)))
            for index in range(5)]

    def new_path(self, name):
        """Returns a new path for an input or output of a command."""
        self.path_count += 1
        return self.outputs / f"{name}-{self.path_count}"

    def clear(self):
        """Deletes the inputs and outputs of commands, and counts hidden files among them."""
        for path in self.outputs.iterdir():
            self.strays += path.name.startswith(".")
            path.unlink()

    def stream_of(self, guest, number):
        """Returns a checkpoint as the stream that an undisturbed restore writes."""
        if (guest.name, number) not in self.streams:
            status, output, errors = self.snap.attempt(
                "restore", guest.reference(number), "-", "--format", "qemu")
            check(status == DONE, f"status {status}, {errors}")
            self.streams[guest.name, number] = output
        return self.streams[guest.name, number]

    def listed(self, guest):
        """Returns the numbers of a guest's checkpoints that must be in the index."""
        return guest.saved.keys() - {number for other, number in self.unlisted if other is guest}

    def check_restores(self, guest, number):
        """Restores a checkpoint and compares every byte of its memory and device state."""
        saved = guest.saved[number]
        target, devices = self.new_path("check"), self.new_path("check-devices")
        options = ["--device-state", devices] if saved.devices is not None else []
        self.snap("restore", guest.reference(number), target, *options)
        check(target.read_bytes() == saved.memory, f"{guest.reference(number)} differs")
        if options:
            check(devices.read_bytes() == saved.devices,
                  f"the device state of {guest.reference(number)} differs")

    def check_store(self, sample):
        """Compares files and index with the model, and restores so many random checkpoints."""
        listed = self.snap.listed()
        for guest in self.guests:
            known = set(guest.saved)
            files = self.snap.files(guest.name)
            check(files == known, f"{guest.name}: files {files}, expected {known}")
            numbers = listed[guest.name]
            check(self.listed(guest) <= numbers,
                  f"{guest.name}: not listed: {self.listed(guest) - numbers}")
            extra = numbers - known
            check(extra <= guest.deleted and (not extra or not guest.is_settled),
                  f"{guest.name}: listed, but missing: {extra}")
        pairs = [(guest, number) for guest in self.guests for number in self.listed(guest)]
        for guest, number in self.dice.sample(pairs, min(sample, len(pairs))):
            self.check_restores(guest, number)

    def check_folder(self, guest):
        """Checks that a guest's folder contains no leftovers and the right device states."""
        names = {path.name for path in self.snap.folder(guest.name).iterdir()}
        leftovers = {name for name in names if name.startswith(".")}
        check(not leftovers, f"{guest.name}: leftovers: {leftovers}")
        states = self.snap.files(guest.name, ".devstate")
        expected = {number for number, saved in guest.saved.items()
                    if saved.devices is not None}
        check(states == expected, f"{guest.name}: device states {states}, expected {expected}")
        bases = set(map(base_of, self.snap.folder(guest.name).glob("*.devstate")))
        retired = self.snap.files(guest.name, ".devretired")
        check(retired <= bases, f"{guest.name}: device states {retired}, needed {bases}")

    def prune(self):
        """Deletes half of the checkpoints of each guest that has too many to check each time."""
        for guest in self.guests:
            known = sorted(self.listed(guest))
            if len(known) > CHECKPOINTS_MAX:
                numbers = self.dice.sample(known, len(known) // 2)
                self.snap("delete", *map(guest.reference, numbers))
                for number in numbers:
                    guest.forget(number)
