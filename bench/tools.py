"""The compared tools, as data: how each tool saves an image and restores it.

A command that saves runs in a folder with the images current.mem and previous.mem. A command that
restores runs in an empty folder and creates current.mem. `fill` replaces the words in braces.
"""
import os
import shutil
from dataclasses import dataclass, replace

THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Tool:
    """One program with its settings.

    The kind is "archive" for a tool that does not store the same data twice, "full" for a tool that
    writes the complete image each time, and "patch" for a tool that writes the difference from the
    previous image, which it also needs to restore.
    """

    name: str
    save: str
    restore: str
    start: str = ""
    kind: str = "archive"
    version: str = "--version"

    @property
    def program(self):
        """The name of the program: the first word of the tool's name."""
        return self.name.split()[0]


def fill(template, **words):
    """Returns the words of a command line; a quoted part of the template is one word."""
    parts = template.split("'")
    command = []
    for index, part in enumerate(parts):
        command += [part] if index % 2 else part.split()
    return [word.format(**words) for word in command]


SNAP = Tool(
    "snap",
    "{snap} save current.mem --guest series --store {store} --json",
    "{snap} restore series:{number} current.mem --store {store}")

# The same program with its other codec.
SNAP_ZSTD = replace(SNAP, name="snap zstd", save=SNAP.save + " --codec zstd")

# Another build of snap, to compare with.
BEFORE = replace(SNAP, name="snap before", save=SNAP.save.replace("{snap}", "{before}"),
                 restore=SNAP.restore.replace("{snap}", "{before}"))

PEERS = (
    Tool("zstd -1",
         f"zstd -q -f -1 -T{THREADS} current.mem -o {{store}}/{{number}}.zst",
         "zstd -q -d -f {store}/{number}.zst -o current.mem", kind="full"),
    Tool("pigz -1",
         f"sh -c 'exec pigz -1 -p{THREADS} -c current.mem >{{store}}/{{number}}.gz'",
         f"sh -c 'exec pigz -d -p{THREADS} -c {{store}}/{{number}}.gz >current.mem'", kind="full"),
    Tool("qemu-img -c",
         "qemu-img convert -f raw -O qcow2 -c -m 8 -W current.mem {store}/{number}.qcow2",
         "qemu-img convert -f qcow2 -O raw -m 8 -W {store}/{number}.qcow2 current.mem",
         kind="full"),
    Tool("borg lz4",
         "borg create -C lz4 {store}::{number} current.mem",
         "borg extract --sparse {store}::{number}", start="borg init -e none {store}"),
    Tool("borg zstd,1",
         "borg create -C zstd,1 {store}::{number} current.mem",
         "borg extract --sparse {store}::{number}", start="borg init -e none {store}"),
    Tool("restic",
         "restic -q -r {store} backup current.mem",
         "restic -q -r {store} restore latest --target .", start="restic -q init -r {store}",
         version="version"),
    Tool("xdelta3 -1",
         "xdelta3 -1 -f -B {size} -e -s previous.mem current.mem {store}/{number}.xdelta",
         "xdelta3 -f -B {size} -d -s {previous} {store}/{number}.xdelta current.mem",
         kind="patch", version="-V"),
    Tool("zstd --patch-from",
         f"zstd -q -f -1 -T{THREADS} --long=30 --patch-from=previous.mem current.mem "
         "-o {store}/{number}.zst",
         "zstd -q -d -f --long=30 --patch-from={previous} {store}/{number}.zst -o current.mem",
         kind="patch"),
)


def save_name(number):
    """Returns the name of the measure that saves a phase of the series."""
    return f"{number} after {number - 1}" if number > 1 else "1, empty store"


def installed():
    """Returns the installed peers, and the program names of the missing ones."""
    found = [tool for tool in PEERS if shutil.which(tool.program)]
    return found, sorted({tool.program for tool in PEERS if tool not in found})


def set_environment(folder):
    """Makes the peers keep their caches and settings in the scratch folder."""
    os.environ.update(HOME=str(folder), XDG_CACHE_HOME=str(folder / "cache"), LC_ALL="C.UTF-8",
                      BORG_BASE_DIR=str(folder), RESTIC_PASSWORD="benchmark",
                      RESTIC_CACHE_DIR=str(folder / "cache/restic"),
                      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
