"""Commands on a store that is read-only."""
import hashlib
import random
import subprocess

from harness.checks import check
from harness.mounts import bound, remount, tmpfs
from harness.processes import say
from harness.snap import DONE, PERMISSION, Snap
from sample_store import SampleStore


def tree(folder):
    """Returns the digests of all files below a folder, by path."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def reading(folder):
    """Returns commands that only read the store."""
    return [("list",), ("show", "raw:5"), ("diff", "--devices", "raw:4", "raw:5"),
            ("delete", "raw:1", "--dry-run"), ("restore", "raw:5", "-"), ("status",),
            ("verify",), ("verify", "--limit-time", "1h"),
            ("restore", "raw:5", folder / "out", "--device-state", folder / "out.devices",
             "--force"),
            ("restore", "raw:5", folder / "old", "--in-place"),
            ("restore", "stream:1", "-", "--format", "qemu")]


def test(sample, snap, name, counts):
    """Runs all commands on one store: reading works, and writing is refused without a change."""
    before = tree(snap.store)
    sample.check_restores(snap)
    for command in reading(sample.folder):
        status, _, errors = snap.attempt(*command)
        check(status == DONE and not errors, f"{name}: {command}: {status}, {errors}")
        counts.add(name, "read")
    for what, command in sample.commands(sample.folder).items():
        if not what.startswith(("restore", "verify")):
            status, _, errors = snap.attempt(*command)
            check(status == PERMISSION, f"{name}: {what}: {status}, {errors.decode()}")
            counts.add(name, "write refused")
    check(tree(snap.store) == before, f"{name}: a file has changed")


def run(snap, folder, options, counts):
    """Runs all commands on each kind of read-only store."""
    sample = SampleStore(snap, random.Random(options.seed), folder)
    (folder / "old").write_bytes(bytes(reversed(sample.saved["raw", 1])))

    def store(path):
        return Snap(snap.binary, path, snap.timeout)

    with tmpfs(folder / "mount", "size=64m") as mount:
        subprocess.run(["cp", "-a", snap.store, mount / "store"], check=True)
        remount(mount, "ro")
        test(sample, store(mount / "store"), "read-only file system", counts)
    with bound(snap.store, folder / "bound") as mount:
        remount(mount, "bind", "ro")
        test(sample, store(mount), "read-only bind mount", counts)
    bare = folder / "bare"
    subprocess.run(["cp", "-a", snap.store, bare], check=True)
    for path in (bare / "lock", *bare.rglob("*.lock")):
        path.unlink()
    with bound(bare, folder / "bound") as mount:
        remount(mount, "bind", "ro")
        test(sample, store(mount), "read-only bind mount, no lock files", counts)
    say(f"read-only: {counts.total():,} commands, no change")
