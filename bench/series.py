"""The series of images: every tool saves the phases in order and restores the last one.

The tools take turns at each phase, so that a noisy moment of the machine hits them all alike, and
each round begins with fresh repositories and another tool.
"""
import shutil
from pathlib import Path

import measure
from tools import BEFORE, SNAP, fill, save_name

FIRST = 5  # the phase that is also saved as a guest's first checkpoint


TOO_SLOW = 8  # seconds


class Round:
    """One round of all tools.

    Rounds after the first leave out what takes long and changes no verdict: full tools save only
    the phases that are compared, and what was too slow once is not repeated.
    """

    def __init__(self, bench, tools, number):
        """Makes an empty repository for each tool."""
        self.bench = bench
        self.repeated = number > 0
        self.tools = tools[number % len(tools):] + tools[:number % len(tools)]
        self.folder = bench.folder / "round"
        self.current = self.folder / "current.mem"
        self.previous = self.folder / "previous.mem"
        self.folder.mkdir()

    def store(self, tool):
        """Returns the folder of a tool's repository."""
        return self.folder / "stores" / tool.name.replace(" ", "_").replace(",", "_")

    def command(self, template, store, number):
        """Fills a command in."""
        return fill(template, snap=self.bench.snap, before=self.bench.before, store=store,
                    number=number,
                    size=self.bench.series[0].stat().st_size,
                    previous=self.bench.series[number - 2])

    def start(self, tool, store):
        """Makes a repository that is empty."""
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(parents=True)
        if tool.start:
            measure.run(self.command(tool.start, store, 1), self.folder)

    def load(self, number):
        """Makes a phase current.mem, and the one before it previous.mem."""
        if self.current.exists():
            self.current.replace(self.previous)
        measure.run(["cp", "--sparse=always", self.bench.series[number - 1], self.current], "/")

    def save(self, name, tool, store, number):
        """Saves current.mem with one tool."""
        return self.bench.run(name, tool.name, self.command(tool.save, store, number),
                              self.folder, store)

    def leave_out(self, tool, number):
        """Tells whether a tool need not save a phase."""
        if tool.kind == "patch":
            slow = self.bench.figures.median(save_name(number), tool.name) or 0
            return number == 1 or self.repeated and slow > TOO_SLOW
        return (tool.kind == "full" and self.repeated
                and number not in (FIRST, len(self.bench.series)))

    def save_phase(self, number):
        """Saves a phase with each tool."""
        for tool in self.tools:
            store = self.store(tool)
            if self.leave_out(tool, number):
                continue
            if tool.kind != "archive":
                self.start(tool, store)  # only the last one is needed, and memory is scarce
            sample = self.save(save_name(number), tool, store, number)
            if sample and tool.kind == "full" and number == FIRST:
                self.bench.figures.add("full", tool.name, sample)

    def save_first(self):
        """Saves one phase with each tool that has never seen this guest."""
        self.load(FIRST)
        for tool in self.tools:
            if tool.kind == "archive":
                store = self.store(tool)
                self.start(tool, store)
                self.save("full", tool, store, FIRST)
                shutil.rmtree(store)
        self.current.unlink()

    def restore(self, tool, number, name):
        """Restores a phase and compares it."""
        folder = self.folder / "restored"
        folder.mkdir()
        measure.use_memory(self.bench.series[0].stat().st_size)
        command = self.command(tool.restore, self.store(tool), number)
        if self.bench.run(name, tool.name, command, folder):
            self.bench.check(name, tool.name, folder / "current.mem",
                             self.bench.series[number - 1])
        shutil.rmtree(folder)

    def snap_again(self, tool):
        """What only snap does: an unchanged image, an older phase, and one in place."""
        bench, store = self.bench, self.store(tool)
        self.restore(tool, FIRST, f"restore {FIRST}")
        bench.run_snap("unchanged", "save current.mem --guest series", self.folder, store, tool)
        if bench.available("restore", "--in-place", "in place"):
            target = self.folder / "in-place.mem"
            measure.run(["cp", "--sparse=always", bench.series[FIRST], target], "/")
            if bench.run_snap("in place", f"restore series:{FIRST} {target} --in-place",
                              store=store, tool=tool):
                bench.check("in place", tool.name, target, bench.series[FIRST - 1])

    def go(self):
        """The whole round."""
        self.save_first()
        for tool in self.tools:
            self.start(tool, self.store(tool))
        for number in range(1, len(self.bench.series) + 1):
            self.load(number)
            self.save_phase(number)
        for tool in self.tools:
            self.restore(tool, number, f"restore {number}")
        for tool in self.tools:
            if tool in (SNAP, BEFORE):
                self.snap_again(tool)
        shutil.rmtree(self.folder)


class Limit:
    """The C program that has snap's data path and nothing around it."""

    def __init__(self, bench):
        """Builds it, if this machine can."""
        self.bench = bench
        self.program = bench.folder / "limit"
        source = Path(__file__).with_name("limit.c")
        try:
            measure.run(["gcc", "-O3", "-o", self.program, source,
                         "-lisal", "-ldeflate", "-lpthread"], bench.folder)
        except (measure.ToolFailed, OSError) as failure:
            self.program = None
            bench.note("limit: not measured; it needs gcc, libisal-dev, libdeflate-dev and "
                       f"libxxhash-dev\n{failure}")

    def go(self, threads):
        """Runs each loop once; its own clock counts, because the loops are what is asked for."""
        if not self.program:
            return
        image, output = self.bench.series[FIRST - 1], self.bench.folder / "limit.out"
        try:
            sample = measure.run([self.program, image, output, threads], self.bench.folder)
        except measure.ToolFailed as failure:
            self.bench.problem(f"limit: {failure}")
            return
        said = dict(word.split("=") for word in sample.output.split())
        for loop, stored in ("digest", None), ("compress", int(said["compressed_bytes"])), \
                ("restore", None):
            self.bench.figures.add(f"limit {loop}", "limit", measure.Sample(
                float(said[loop + "_s"]), None, None, stored))
