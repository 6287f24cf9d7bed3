"""Measures of snap alone: long chains, large guests, dirty bitmaps, and a disk."""
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import images
import measure
from bench import file_system
from images import PAGE

GIB = 1 << 30
CHAIN = 200
CHANGED = 1000  # pages


def work_folder(function):
    """Gives a measure a folder of its own, which is removed after it."""
    def measured(bench):
        folder = Path(tempfile.mkdtemp(prefix=function.__name__ + "-", dir=bench.folder))
        try:
            function(bench, folder)
        finally:
            shutil.rmtree(folder)
    measured.__name__ = function.__name__
    return measured


@work_folder
def chain(bench, folder):
    """200 small increments: the last one must restore about as fast as the first."""
    image, store = folder / "image", folder / "store"
    first = bench.series[4]
    measure.run(["cp", "--sparse=always", first, image], "/")
    rng = random.Random(200)
    pages = image.stat().st_size // PAGE
    for number in range(1, CHAIN + 1):
        if number > 1:
            images.change_pages(image, rng.sample(range(pages), 200), rng)
        name = "chain: increment" if number > 1 else "chain: first"
        if not bench.run_snap(name, f"save {image} --guest chain", store=store):
            return
    for _ in range(bench.rounds):
        for number, expected in (CHAIN, image), (1, first):
            output = folder / "restored"
            name = f"chain: restore {number}"
            if bench.run_snap(name, f"restore chain:{number} {output}", store=store):
                bench.check(name, "snap", output, expected)
            output.unlink(missing_ok=True)


def save_changes(bench, name, image, pages, rng, options=""):
    """Changes pages of an image that the guest has a checkpoint of, and saves it."""
    store, bitmap = image.with_name("store"), image.with_name("bitmap")
    images.change_pages(image, pages, rng)
    images.write_bitmap(bitmap, pages, image.stat().st_size // PAGE)
    bench.run_snap(name, f"save {image} --guest large {options.format(bitmap=bitmap)}",
                   store=store)


BITMAP = "--dirty-bitmap {bitmap} --parent large"


@work_folder
def sparse(bench, folder):
    """A guest of 64 GiB with 1 GiB of noise, 16 MiB in each GiB."""
    image, store, rng = folder / "image", folder / "store", random.Random(64)
    if not bench.room(folder, 4 * GIB, "sparse guest of 64 GiB"):
        return
    images.make_sparse(image, 64 * GIB, 64, 16 << 20, seed=1)

    def some_pages():
        data = rng.sample(range(GIB // PAGE), CHANGED)
        return [number // 4096 * (GIB // PAGE) + number % 4096 for number in data]

    if not bench.run_snap("sparse: first", f"save {image} --guest large", store=store):
        return
    bitmaps = bench.available("save", "--dirty-bitmap", "sparse: bitmap")
    for _ in range(bench.rounds):
        save_changes(bench, "sparse: 1,000 pages", image, some_pages(), rng)
        bench.run_snap("sparse: diff", "diff large@latest~1 large", store=store)
        if bitmaps:
            save_changes(bench, "sparse: bitmap", image, some_pages(), rng, BITMAP)
    output = folder / "restored"
    if bench.run_snap("sparse: restore", f"restore large {output}", store=store):
        bench.check("sparse: restore", "snap", output, image)


@work_folder
def dense(bench, folder):
    """A guest of 8 GiB without a zero page."""
    if not bench.available("save", "--dirty-bitmap", "dense: bitmap"):
        return
    if not bench.room(folder, 10 * GIB, "dense guest of 8 GiB"):
        return
    image, store, rng = folder / "image", folder / "store", random.Random(8)
    images.make_dense(image, 8 * GIB, seed=2)
    if not bench.run_snap("dense: first", f"save {image} --guest large", store=store):
        return
    for _ in range(bench.rounds):
        pages = rng.sample(range(8 * GIB // PAGE), CHANGED)
        save_changes(bench, "dense: bitmap", image, pages, rng, BITMAP)
    # There may be no room for another 8 GiB, so that the comparison is on the way.
    restore = [bench.snap, "restore", "large", "-", "--store", store]
    with subprocess.Popen(restore, stdout=subprocess.PIPE) as process:
        same = subprocess.run(["cmp", "-", image], stdin=process.stdout).returncode == 0
        process.stdout.close()
    if not same or process.returncode:
        bench.problem("dense: restore, snap: the restored image differs from the one saved")


@work_folder
def streams(bench, folder):
    """The same memory as a raw image and as QEMU's streams of it."""
    if not bench.available("save", "--format", "stream"):
        return
    image = bench.series[4]
    images.write_stream(image, folder / "stopped")
    images.write_stream(image, folder / "live", passes=4)
    for _ in range(bench.rounds):
        for name, source in (("stream: raw", image), ("stream: stopped", folder / "stopped"),
                             ("stream: live", folder / "live")):
            store, output = folder / "store", folder / "restored"
            images.read(source)
            if bench.run_snap(name, f"save {source} --guest stream", store=store) and \
                    bench.run_snap("stream: restore", f"restore stream {output}", store=store):
                bench.check(name, "snap", output, image)
            output.unlink(missing_ok=True)
            shutil.rmtree(store, ignore_errors=True)


@work_folder
def verify(bench, folder):
    """One checkpoint at the end of a history, restored and verified; and the whole history."""
    store, output = folder / "store", folder / "restored"
    for phase in bench.series:
        if not bench.run_snap("verify: save", f"save {phase} --guest history", store=store):
            return
    for _ in range(bench.rounds):
        bench.run_snap("verify: restore the last", f"restore history {output}", store=store)
        output.unlink(missing_ok=True)
        bench.run_snap("verify: the last", "verify history", store=store)
        bench.run_snap("verify: all seven", "verify", store=store)
        bench.run_snap("verify: all seven, --quick", "verify --quick", store=store)


def disk(bench):
    """A real file system instead of memory: what it costs that all is on the disk at the end."""
    if not bench.disk:
        return
    folder = Path(tempfile.mkdtemp(prefix="snap-bench-", dir=bench.disk))
    bench.note(f"disk: {bench.disk} is on {file_system(folder)}")
    try:
        for number in range(bench.rounds):
            disk_round(bench, folder / str(number))
            shutil.rmtree(folder / str(number))
    finally:
        shutil.rmtree(folder)


def disk_round(bench, folder):
    """Saves and restores once, each after all earlier writes have ended."""
    folder.mkdir()
    store, output = folder / "store", folder / "restored"
    for name, phase in ("disk: full", 5), ("disk: 6 after 5", 6):
        os.sync()
        bench.run_snap(name, f"save {bench.series[phase - 1]} --guest disk", store=store)
    os.sync()
    if bench.run_snap("disk: restore --sync", f"restore disk:1 {output} --sync", store=store):
        bench.check("disk: restore --sync", "snap", output, bench.series[4])
    output.unlink(missing_ok=True)
    # The same bytes and nothing else, to tell the disk's part from snap's.
    stored = sorted(store.rglob("*.savevm"))
    os.sync()
    if stored:
        bench.run("disk: full", "dd conv=fsync", ["dd", f"if={stored[0]}", f"of={folder / 'copy'}",
                                                  "bs=1M", "conv=fsync"])


MEASURES = (chain, sparse, dense, streams, verify, disk)
