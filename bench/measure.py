"""Runs one program and measures it: wall time, processor time, peak memory."""
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from statistics import median


class ToolFailed(Exception):
    """A program that is measured ended with an error."""


@dataclass
class Sample:
    """What one run of a program cost; a child's children count too, if it waited for them."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    rss: int  # bytes, the largest of its processes
    stored: int | None = None  # bytes that were added
    output: str = field(default="", repr=False)

    def as_json(self):
        """Returns the figures without what was printed."""
        return {key: value for key, value in asdict(self).items() if key != "output"}


running = None  # the program that is measured now, so that an interrupted benchmark can end it


def run(command, cwd, stdin=None):
    """Runs a program to its end and returns a sample; failing is an exception."""
    global running
    with tempfile.TemporaryFile("w+", errors="replace") as output, \
            tempfile.TemporaryFile("w+", errors="replace") as errors:
        begin = time.monotonic()
        running = subprocess.Popen([str(word) for word in command], cwd=cwd, stdout=output,
                                   stderr=errors, stdin=stdin or subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        wall = time.monotonic() - begin
        running.returncode = os.waitstatus_to_exitcode(status)
        status, running = running.returncode, None
        output.seek(0)
        errors.seek(0)
        if status:
            command = " ".join(map(str, command))
            raise ToolFailed(f"{command}\n    status {status}: {errors.read().strip()[-500:]}")
        # Linux counts what the parent had when it forked, so this program must stay small itself.
        return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024,
                      output=output.read())


def end_running():
    """Ends the program that is measured now, if there is one."""
    if running and running.returncode is None:
        running.kill()
        running.wait()


def use_memory(byte_count):
    """Uses so many bytes of memory and frees them.

    Where the host takes back what is free, the next to use it waits for the host: restores took
    twice as long for the tool that came first.
    """
    subprocess.run([sys.executable, "-c", f"b'1' * {byte_count}"], check=True)


def size(path):
    """Returns the bytes of all files under a folder, or of a file."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.lstat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(path) for name in names)


class Figures:
    """All samples, by what was measured and with which tool."""

    def __init__(self):
        self.samples = {}  # (measure, tool): samples, one for each round

    def add(self, measure, tool, sample):
        """Keeps a sample and returns it."""
        self.samples.setdefault((measure, tool), []).append(sample)
        return sample

    def median(self, measure, tool, figure="wall"):
        """Returns the median of one figure over the rounds, None if it was not measured."""
        values = [getattr(sample, figure) for sample in self.samples.get((measure, tool), [])]
        values = [value for value in values if value is not None]
        return median(values) if values else None

    def peak(self, tool):
        """Returns the largest memory that any run of a tool took, and in which measure."""
        peaks = [(sample.rss, measure) for (measure, name), samples in self.samples.items()
                 for sample in samples if name == tool]
        return max(peaks, default=(None, None))

    def tools(self, measure):
        """Returns the tools that a measure has samples of, in order of appearance."""
        return [tool for name, tool in self.samples if name == measure]

    def as_json(self):
        """Returns all raw figures."""
        return [{"measure": measure, "tool": tool, "samples": [s.as_json() for s in samples]}
                for (measure, tool), samples in self.samples.items()]
