"""The state that all measures share: settings, figures, problems."""
import re
import shutil
import sys

import images
import measure
from harness.checks import Failed
from harness.processes import output_of
from tools import BEFORE, SNAP, SNAP_ZSTD, fill


class Bench:
    """One benchmark."""

    def __init__(self, options, folder, series):
        """Starts without figures."""
        self.options = options
        self.snap = options.snap
        self.rounds = options.rounds
        self.folder = folder
        self.series = series  # the paths of the images, in order
        self.figures = measure.Figures()
        self.problems = []  # failures, which make the exit status 1
        self.notes = []  # measures that were skipped, and why
        self.helps = {}  # the help of snap's commands

    def wanted(self, name):
        """Whether the options select a tool or measure."""
        return not self.options.only or re.search(self.options.only, name)

    def say(self, text):
        """Prints a progress message on standard error."""
        print(text, file=sys.stderr, flush=True)

    def note(self, text):
        """Adds a note, if it is a new one."""
        if text not in self.notes:
            self.notes.append(text)
            self.say(text)

    def problem(self, text):
        """Adds a failure."""
        self.problems.append(text)
        self.say("FAILED: " + text)

    def available(self, command, option, name):
        """Whether this snap has an option; otherwise notes that a measure needs it."""
        if command not in self.helps:
            self.helps[command] = output_of(self.snap, command, "--help")
        if option in self.helps[command]:
            return True
        self.note(f"{name}: not measured; this snap has no option {option} of {command}")
        return False

    def run(self, name, tool, command, cwd=None, store=None):
        """Runs a command and adds its figures; returns the sample, or None on failure."""
        before = measure.size(store) if store else 0
        try:
            sample = measure.run(command, cwd or self.folder)
        except (Failed, OSError) as failure:
            self.problem(f"{name}, {tool}: {failure}")
            return None
        if store:
            sample.stored = measure.size(store) - before
        return self.figures.add(name, tool, sample)

    def run_snap(self, name, template, cwd=None, store=None, tool=SNAP, **words):
        """Runs snap as `run` does; the template is the command line without program and store."""
        options = " --store {store}" if store else ""
        if tool == SNAP_ZSTD and template.startswith("save"):
            options += " --codec zstd"
        program = self.options.before if tool == BEFORE else self.snap
        command = fill("{program} " + template + options, program=program, store=store, **words)
        grows = store if template.startswith("save") else None
        return self.run(name, tool.name, command, cwd, grows)

    def check(self, name, tool, restored, expected):
        """Compares a restored image with the saved one."""
        if not restored.exists() or not images.same(restored, expected):
            self.problem(f"{name}, {tool}: the restored image differs from the saved one")

    def has_space(self, folder, need, name):
        """Whether a folder has enough free space; otherwise notes that it has less."""
        free = shutil.disk_usage(folder).free
        if is_memory(folder):
            free = min(free, memory("MemAvailable"))
        if free >= need:
            return True
        self.note(f"{name}: not measured; it needs {need >> 20} MiB free in {folder}, "
                  f"which has {free >> 20} MiB")
        return False


def memory(what):
    """Returns a figure of /proc/meminfo, in bytes."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what + ":"))


def is_memory(folder):
    """Whether a folder is on tmpfs, where files use memory."""
    return file_system(folder) == "tmpfs"


def file_system(folder):
    """Returns the type of a folder's file system."""
    return output_of("stat", "-f", "-c", "%T", str(folder)).strip()
