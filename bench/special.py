"""Measures of snap alone: long chains, large guests, dirty bitmaps, and a disk."""
import functools
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import images
import measure
from bench import file_system
from harness.memory import PAGE
from tools import SNAP, SNAP_ZSTD

GIB = 1 << 30
CHAIN = 200  # checkpoints
CHANGED = 1000  # pages


def work_folder(function):
    """Gives a measure its own folder, which is deleted after it."""
    @functools.wraps(function)
    def measured(bench):
        folder = Path(tempfile.mkdtemp(prefix=function.__name__ + "-", dir=bench.folder))
        try:
            function(bench, folder)
        finally:
            shutil.rmtree(folder)
    return measured


@work_folder
def chain(bench, folder):
    """Saves 200 small increments: the last one must restore about as fast as the first."""
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


def save_changes(bench, name, image, pages, options=""):
    """Changes pages of an image whose last state is a checkpoint, and saves it."""
    store, bitmap = image.with_name("store"), image.with_name("bitmap")
    images.change_pages(image, pages, random.Random(pages[0]))
    images.write_bitmap(bitmap, pages, image.stat().st_size // PAGE)
    bench.run_snap(name, f"save {image} --guest large {options.format(bitmap=bitmap)}",
                   store=store)


BITMAP = "--dirty-bitmap {bitmap} --parent large"


@work_folder
def sparse(bench, folder):
    """Saves a guest of 64 GiB with 1 GiB of noise, 16 MiB in each GiB."""
    image, store, rng = folder / "image", folder / "store", random.Random(64)
    if not bench.has_space(folder, 4 * GIB, "sparse guest of 64 GiB"):
        return
    images.make_sparse(image, 64 * GIB, 64, 16 << 20, seed=1)

    def some_pages():
        data = rng.sample(range(GIB // PAGE), CHANGED)
        return [number // 4096 * (GIB // PAGE) + number % 4096 for number in data]

    if not bench.run_snap("sparse: first", f"save {image} --guest large", store=store):
        return
    bitmaps = bench.available("save", "--dirty-bitmap", "sparse: bitmap")
    for _ in range(bench.rounds):
        save_changes(bench, "sparse: 1,000 pages", image, some_pages())
        bench.run_snap("sparse: diff", "diff large@latest~1 large", store=store)
        if bitmaps:
            save_changes(bench, "sparse: bitmap", image, some_pages(), BITMAP)
    output = folder / "restored"
    if bench.run_snap("sparse: restore", f"restore large {output}", store=store):
        bench.check("sparse: restore", "snap", output, image)


@work_folder
def dense(bench, folder):
    """Saves a guest of 8 GiB without zero pages."""
    if not bench.available("save", "--dirty-bitmap", "dense: bitmap"):
        return
    if not bench.has_space(folder, 10 * GIB, "dense guest of 8 GiB"):
        return
    image, store, rng = folder / "image", folder / "store", random.Random(8)
    images.make_dense(image, 8 * GIB, seed=2)
    if not bench.run_snap("dense: first", f"save {image} --guest large", store=store):
        return
    for _ in range(bench.rounds):
        pages = rng.sample(range(8 * GIB // PAGE), CHANGED)
        save_changes(bench, "dense: bitmap", image, pages, BITMAP)
    # The restored image is compared in a pipe, because there may be no space for another 8 GiB.
    restore = [bench.snap, "restore", "large", "-", "--store", store]
    with subprocess.Popen(restore, stdout=subprocess.PIPE) as process:
        compared = subprocess.run(["cmp", "-", image], check=False, stdin=process.stdout)
        process.stdout.close()
    if compared.returncode or process.returncode:
        bench.problem("dense: restore, snap: the restored image differs from the saved one")


@work_folder
def streams(bench, folder):
    """Saves the same memory as a raw image and as QEMU's streams."""
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
    """Restores and verifies the last checkpoint of a history, and verifies the complete history."""
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


@work_folder
def reads(bench, folder):
    """Reads random pages of a full checkpoint with the reader that all commands use."""
    program = Path(bench.snap).with_name("random-reads")
    if not program.exists():
        bench.note("reads: not measured; make bench builds the program")
        return
    for tool in (SNAP, SNAP_ZSTD):
        store = folder / tool.name.replace(" ", "-")
        if not bench.run_snap("reads: save", f"save {bench.series[4]} --guest reads", store=store,
                              tool=tool):
            return
        for _ in range(bench.rounds):
            sample = measure.run([program, store, "reads", 1], folder)
            figures = dict(word.split("=") for word in sample.output.split())
            bench.figures.add("random 4 KiB: 1,000 x median", tool.name, measure.Sample(
                float(figures["p50_us"]) / 1000, None, None))


def disk(bench):
    """Measures snap on a real file system, where a save includes writing to the disk."""
    place = bench.options.disk
    if not place:
        return
    folder = Path(tempfile.mkdtemp(prefix="snap-bench-", dir=place))
    bench.note(f"disk: {place} is on {file_system(folder)}")
    try:
        for number in range(bench.rounds):
            disk_round(bench, folder / str(number))
            shutil.rmtree(folder / str(number))
    finally:
        shutil.rmtree(folder)


def disk_round(bench, folder):
    """Saves and restores once, each after all earlier writes are on the disk."""
    folder.mkdir()
    store, output = folder / "store", folder / "restored"
    for name, phase in ("disk: full", 5), ("disk: 6 after 5", 6):
        os.sync()
        bench.run_snap(name, f"save {bench.series[phase - 1]} --guest disk", store=store)
    os.sync()
    if bench.run_snap("disk: restore --sync", f"restore disk:1 {output} --sync", store=store):
        bench.check("disk: restore --sync", "snap", output, bench.series[4])
    output.unlink(missing_ok=True)
    # A plain copy of the same bytes shows how much of the time the disk takes.
    stored = sorted(store.rglob("*.savevm"))
    os.sync()
    if stored:
        bench.run("disk: full", "dd conv=fsync", ["dd", f"if={stored[0]}", f"of={folder / 'copy'}",
                                                  "bs=1M", "conv=fsync"])


MEASURES = (chain, sparse, dense, streams, verify, reads, disk)
