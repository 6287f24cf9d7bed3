"""Running one program and measuring its wall time, processor time and peak memory."""
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from statistics import median

from harness import processes
from harness.checks import Failed


@dataclass
class Sample:
    """The cost of one run of a program, including the children that it waited for."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    rss: int  # bytes, of its largest process
    stored: int | None = None  # bytes added to the store
    output: str = field(default="", repr=False)
    errors: str = field(default="", repr=False)

    def as_json(self):
        """Returns the figures without the output."""
        return {key: value for key, value in asdict(self).items()
                if key not in ("output", "errors")}


def run(command, cwd, environment=None):
    """Runs a program to its end and returns a sample; raises Failed if the program fails.

    The environment is that of this program, unless another one is given.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as output, \
            tempfile.TemporaryFile("w+", errors="replace") as errors:
        begin = time.monotonic()
        process = processes.start(command, cwd=cwd, stdout=output, stderr=errors,
                                  stdin=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        messages = errors.read().strip()
        if process.returncode:
            command = " ".join(map(str, command))
            raise Failed(f"{command}\n    status {process.returncode}: {messages[-500:]}")
        # Linux includes the parent's memory at the fork, so this program must stay small itself.
        return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024,
                      output=output.read(), errors=messages)


def use_memory(byte_count):
    """Uses a number of bytes of memory and frees them.

    If the host of a virtual machine has reclaimed free memory, the next process that uses it waits
    for the host: restores took twice as long with the first tool.
    """
    subprocess.run([sys.executable, "-c", f"b'1' * {byte_count}"], check=True)


def size(path):
    """Returns the size of a file, or of all files below a folder, in bytes."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.lstat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(path) for name in names)


class Figures:
    """All samples, by measure and tool."""

    def __init__(self):
        """Starts without samples."""
        self.samples = {}  # the samples of all rounds, by (measure, tool)

    def add(self, measure, tool, sample):
        """Adds a sample and returns it."""
        self.samples.setdefault((measure, tool), []).append(sample)
        return sample

    def median(self, measure, tool, figure="wall"):
        """Returns the median of one figure over the rounds, or None if it was not measured."""
        values = [getattr(sample, figure) for sample in self.samples.get((measure, tool), [])]
        values = [value for value in values if value is not None]
        return median(values) if values else None

    def peak(self, tool):
        """Returns the peak memory of all runs of a tool and its measure, or None for both."""
        peaks = [(sample.rss, measure) for (measure, name), samples in self.samples.items()
                 for sample in samples if name == tool and sample.rss]
        return max(peaks, default=(None, None))

    def as_json(self):
        """Returns all raw figures."""
        return [{"measure": measure, "tool": tool, "samples": [s.as_json() for s in samples]}
                for (measure, tool), samples in self.samples.items()]
