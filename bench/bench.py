"""What all measures share: where things are, what is wanted, what was measured, what went wrong."""
import re
import shutil
import subprocess
import sys

import images
import measure
from tools import BEFORE, SNAP, fill


class Bench:
    """One benchmark."""

    def __init__(self, options, folder, series):
        """Begins with no figures."""
        self.snap = options.snap
        self.before = options.before  # another build of snap, or None
        self.rounds = options.rounds
        self.disk = options.disk
        self.only = re.compile(options.only) if options.only else None
        self.folder = folder
        self.series = series  # the images' paths, in order
        self.figures = measure.Figures()
        self.problems = []  # what makes the exit status 1
        self.notes = []  # what could not be measured here
        self.helps = {}

    def wanted(self, name):
        """Tells whether a tool or measure was asked for."""
        return not self.only or self.only.search(name)

    def say(self, text):
        """Shows what is being done, on standard error."""
        print(text, file=sys.stderr, flush=True)

    def note(self, text):
        """Keeps what could not be measured, once."""
        if text not in self.notes:
            self.notes.append(text)
            self.say(text)

    def problem(self, text):
        """Keeps what went wrong."""
        self.problems.append(text)
        self.say("FAILED: " + text)

    def available(self, command, option, name):
        """Tells whether this snap has an option; a measure that needs it is noted if not."""
        if command not in self.helps:
            self.helps[command] = subprocess.run(
                [self.snap, command, "--help"], stdout=subprocess.PIPE, text=True).stdout
        if option in self.helps[command]:
            return True
        self.note(f"{name}: not available, this snap has no {command} {option}")
        return False

    def run(self, name, tool, command, cwd=None, store=None):
        """Runs a command and keeps its figures; returns the sample, or None if it failed."""
        before = measure.size(store) if store else 0
        try:
            sample = measure.run(command, cwd or self.folder)
        except (measure.ToolFailed, OSError) as failure:
            self.problem(f"{name}, {tool}: {failure}")
            return None
        if store:
            sample.stored = measure.size(store) - before
        return self.figures.add(name, tool, sample)

    def run_snap(self, name, template, cwd=None, store=None, tool=SNAP, **words):
        """Runs snap and keeps its figures; the template is all but the program and its store."""
        options = " --store {store}" if store else ""
        program = self.before if tool == BEFORE else self.snap
        command = fill("{program} " + template + options, program=program, store=store, **words)
        grows = store if template.startswith("save") else None
        return self.run(name, tool.name, command, cwd, grows)

    def check(self, name, tool, restored, expected):
        """Compares a restored image with what was saved."""
        if not restored.exists() or not images.same(restored, expected):
            self.problem(f"{name}, {tool}: the restored image differs from the one saved")

    def room(self, folder, need, name):
        """Tells whether a folder has that many bytes free, and notes it if not."""
        free = shutil.disk_usage(folder).free
        if is_memory(folder):
            free = min(free, memory("MemAvailable"))
        if free >= need:
            return True
        self.note(f"{name}: skipped, it needs {need >> 20} MiB free in {folder}, which has "
                  f"{free >> 20} MiB")
        return False


def memory(what):
    """Returns a figure of /proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what + ":"))


def is_memory(folder):
    """Tells whether a folder is in tmpfs, where files take memory."""
    return file_system(folder) == "tmpfs"


def file_system(folder):
    """Returns the kind of file system that a folder is on."""
    command = ["stat", "-f", "-c", "%T", str(folder)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()
