"""A store that a test creates once, and commands on copies of it."""
from harness.checks import check, check_same
from harness.memory import Memory
from harness.snap import DONE, NOT_FOUND
from harness.stream import stream


class SampleStore:
    """A store with the guests "raw" and "stream", and a next save of each."""

    def __init__(self, snap, dice, folder):
        """Saves five checkpoints of a raw guest, deletes the second, and saves a stream."""
        self.folder = folder
        self.saved = {}  # the memory of each checkpoint, by guest and number
        self.devices = folder / "devices"
        self.devices.write_bytes(dice.randbytes(9000))
        self.image = folder / "image"
        self.stream = folder / "stream"
        raw = Memory(dice, 300)
        for number in range(1, 6):
            raw.edit(40)
            raw.write(self.image)
            snap("save", self.image, "--guest", "raw", "--device-state", f"dev={self.devices}")
            self.saved["raw", number] = bytes(raw.bytes)
        snap("delete", "raw:2")
        del self.saved["raw", 2]
        other = Memory(dice, 40)
        self.stream.write_bytes(stream(other, dice)[0])
        snap("save", self.stream, "--guest", "stream")
        self.saved["stream", 1] = bytes(other.bytes)
        raw.edit(60)
        raw.write(self.image)
        other.edit(20)
        self.stream.write_bytes(stream(other, dice)[0])
        self.next = {"raw": (self.image, bytes(raw.bytes)),
                     "stream": (self.stream, bytes(other.bytes))}

    def commands(self, place):
        """Returns commands by name; they write their outputs into the folder `place`."""
        devices = "--device-state", f"dev={self.devices}"
        return {
            "save, full": ("save", self.image, "--guest", "raw", "--full", *devices),
            "save, incremental": ("save", self.image, "--guest", "raw", *devices),
            "save, first of a guest": ("save", self.image, "--guest", "new", *devices),
            "save of a stream": ("save", self.stream, "--guest", "stream"),
            "restore to a file": ("restore", "raw:5", place / "out", "--device-state",
                                  place / "out.devices"),
            "restore in place": ("restore", "raw:5", place / "memory", "--in-place"),
            "restore as a stream": ("restore", "stream:1", place / "out", "--format", "qemu"),
            "delete": ("delete", "raw:1", "raw:4"),
            "delete all": ("delete", "stream:1", "--allow-last"),
            "prune": ("prune", "--keep-last", "1"),
            "save with a policy": ("save", self.image, "--guest", "raw", "--keep-last", "2",
                                   *devices),
            "verify by file": ("verify", "--limit-time", "1h"),
            "reindex": ("reindex",),
        }

    def deletable(self, name):
        """Returns the checkpoints that the command of this name may delete."""
        if name.startswith("delete"):
            return self.commands(self.folder)[name][1:]
        return ("raw:1", "raw:3", "raw:4") if name in ("prune", "save with a policy") else ()

    def check_restores(self, snap, deleting=()):
        """Restores each checkpoint; those that the command deletes may be deleted."""
        target = self.folder / "check"
        for (guest, number), memory in self.saved.items():
            reference = f"{guest}:{number}"
            devices = ["--device-state", self.folder / "check.devices", "--force"]
            status, _, errors = snap.attempt(
                "restore", reference, target, *(devices if guest == "raw" else []))
            if reference in deleting and number not in snap.files(guest):
                check(status == NOT_FOUND, f"{reference} is deleted: {status}, {errors}")
                continue
            check(status == DONE, f"{reference}: status {status}, {errors.decode()}")
            check(target.read_bytes() == memory, f"{reference} differs")
            if guest == "raw":
                check_same(devices[1], self.devices)
            target.unlink()

    def check_recovered(self, snap):
        """With free space again, both guests are saved without a warning, and nothing is left."""
        known = {guest: snap.files(guest) for guest in self.next}
        target = self.folder / "check"
        for guest, (image, expected) in self.next.items():
            number = snap("save", image, "--guest", guest)["number"]
            snap("restore", f"{guest}:{number}", target)
            check(target.read_bytes() == expected, f"{guest}:{number} differs")
            target.unlink()
            known[guest].add(number)
            names = [path.name for path in snap.folder(guest).iterdir()]
            check(not any(name.startswith(".") for name in names), f"leftovers: {names}")
            check(snap.files(guest) == known[guest], f"files: {names}")
        listed = snap.listed()
        for guest, numbers in known.items():
            check(listed[guest] == numbers,
                  f"{guest}: listed {listed[guest]}, expected {numbers}")
