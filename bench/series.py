"""The series of images: every tool saves the phases in order and restores the last one.

The tools take turns at each phase, so that a disturbance of the machine affects all of them. Each
round starts with empty repositories and with another tool.
"""
import shutil
from pathlib import Path

import measure
from harness.checks import Failed
from tools import BEFORE, SNAP, SNAP_ZSTD, fill, save_name

FIRST = 5  # the phase that is also saved as a guest's first checkpoint
TOO_SLOW = 8  # seconds


class Round:
    """One round of all tools.

    Later rounds skip slow saves that no goal depends on: full tools save only the compared phases,
    and a patch that was too slow in the first round is not repeated.
    """

    def __init__(self, bench, tools, number):
        """Creates the folder of the round; each round starts with another tool."""
        self.bench = bench
        self.is_repeated = number > 0
        self.tools = tools[number % len(tools):] + tools[:number % len(tools)]
        self.folder = bench.folder / "round"
        self.current = self.folder / "current.mem"
        self.previous = self.folder / "previous.mem"
        self.folder.mkdir()

    def store(self, tool):
        """Returns the folder of a tool's repository."""
        return self.folder / "stores" / tool.name.replace(" ", "_").replace(",", "_")

    def command(self, template, store, number):
        """Returns the command line of a template."""
        return fill(template, snap=self.bench.snap, before=self.bench.options.before,
                    store=store, number=number, size=self.bench.series[0].stat().st_size,
                    previous=self.bench.series[number - 2])

    def start(self, tool, store):
        """Creates an empty repository."""
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(parents=True)
        if tool.start:
            measure.run(self.command(tool.start, store, 1), self.folder)

    def load(self, number):
        """Copies a phase to current.mem; the phase before becomes previous.mem."""
        if self.current.exists():
            self.current.replace(self.previous)
        measure.run(["cp", "--sparse=always", self.bench.series[number - 1], self.current], "/")

    def save(self, name, tool, store, number):
        """Saves current.mem with one tool."""
        return self.bench.run(name, tool.name, self.command(tool.save, store, number),
                              self.folder, store)

    def is_skipped(self, tool, number):
        """Whether a tool does not save a phase in this round."""
        if tool.kind == "patch":
            slow = self.bench.figures.median(save_name(number), tool.name) or 0
            return number == 1 or (self.is_repeated and slow > TOO_SLOW)
        return (tool.kind == "full" and self.is_repeated
                and number not in (FIRST, len(self.bench.series)))

    def save_phase(self, number):
        """Saves a phase with each tool."""
        for tool in self.tools:
            store = self.store(tool)
            if self.is_skipped(tool, number):
                continue
            if tool.kind != "archive":
                self.start(tool, store)  # only the last save is restored, and memory is scarce
            sample = self.save(save_name(number), tool, store, number)
            if sample and tool.kind == "full" and number == FIRST:
                self.bench.figures.add("full", tool.name, sample)

    def save_first(self):
        """Saves one phase with each archive, into an empty repository."""
        self.load(FIRST)
        for tool in self.tools:
            if tool.kind == "archive":
                store = self.store(tool)
                self.start(tool, store)
                self.save("full", tool, store, FIRST)
                shutil.rmtree(store)
        self.current.unlink()

    def restore(self, tool, number, name):
        """Restores a phase and compares it with the image."""
        folder = self.folder / "restored"
        folder.mkdir()
        measure.use_memory(self.bench.series[0].stat().st_size)
        command = self.command(tool.restore, self.store(tool), number)
        if self.bench.run(name, tool.name, command, folder):
            self.bench.check(name, tool.name, folder / "current.mem",
                             self.bench.series[number - 1])
        shutil.rmtree(folder)

    def run_snap_alone(self, tool):
        """Measures snap alone: an older phase, an unchanged image, and a restore in place."""
        bench, store = self.bench, self.store(tool)
        self.restore(tool, FIRST, f"restore {FIRST}")
        bench.run_snap("unchanged", "save current.mem --guest series", self.folder, store, tool)
        if bench.available("restore", "--in-place", "in place"):
            target = self.folder / "in-place.mem"
            measure.run(["cp", "--sparse=always", bench.series[FIRST], target], "/")
            if bench.run_snap("in place", f"restore series:{FIRST} {target} --in-place",
                              store=store, tool=tool):
                bench.check("in place", tool.name, target, bench.series[FIRST - 1])

    def run(self):
        """Runs the round."""
        self.save_first()
        for tool in self.tools:
            self.start(tool, self.store(tool))
        last = len(self.bench.series)
        for number in range(1, last + 1):
            self.load(number)
            self.save_phase(number)
        for tool in self.tools:
            self.restore(tool, last, f"restore {last}")
        for tool in self.tools:
            if tool in (SNAP, SNAP_ZSTD, BEFORE):
                self.run_snap_alone(tool)
        shutil.rmtree(self.folder)


class Limit:
    """The bare loops in C: snap's data path without anything else."""

    def __init__(self, bench):
        """Compiles limit.c, if this machine has a compiler and the libraries."""
        self.bench = bench
        self.program = bench.folder / "limit"
        source = Path(__file__).with_name("limit.c")
        try:
            measure.run(["gcc", "-O3", "-o", self.program, source,
                         "-lisal", "-lzstd", "-lpthread"], bench.folder)
        except (Failed, OSError) as failure:
            self.program = None
            bench.note("limit: not measured; it needs gcc, libisal-dev, libzstd-dev and "
                       f"libxxhash-dev\n{failure}")

    def run(self, threads):
        """Runs each loop once per codec, and adds the times that the program measures."""
        if not self.program:
            return
        image, output = self.bench.series[FIRST - 1], self.bench.folder / "limit.out"
        try:
            measure.use_memory(3 * image.stat().st_size)
            sample = measure.run([self.program, image, output, threads], self.bench.folder)
        except Failed as failure:
            self.bench.problem(f"limit: {failure}")
            return
        for line in sample.output.splitlines():
            figures = dict(word.split("=") for word in line.split())
            tool = SNAP_ZSTD if figures["codec"] == "zstd" else SNAP
            for loop, stored in ("digest", None), ("compress", int(figures["compressed_bytes"])), \
                    ("restore", None):
                self.bench.figures.add(f"limit {loop}", tool.name + ", bare loop", measure.Sample(
                    float(figures[loop + "_s"]), None, None, stored))
