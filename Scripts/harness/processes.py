"""Starting, running and waiting for processes."""
import shlex
import subprocess
import time

from harness.checks import Failed

_started = []  # processes that may still run


def say(text=""):
    """Prints a line and flushes it, so that it precedes the output of the next process."""
    print(text, flush=True)


def start(command, **options):
    """Starts a process, which `kill_all` kills if it still runs then; returns its Popen object."""
    _started[:] = [process for process in _started if process.returncode is None]
    process = subprocess.Popen(  # pylint: disable=consider-using-with  # the caller waits for it
        list(map(str, command)), **options)
    _started.append(process)
    return process


def kill_all():
    """Kills every process that `start` has started and that still runs."""
    for process in _started:
        process.kill()
        process.wait()


def run(*command, **options):
    """Prints a command and runs it; raises Failed if it fails."""
    say("$ " + shlex.join(command))
    try:
        result = subprocess.run(command, check=False, **options)
    except OSError as error:
        raise Failed(f"cannot run {command[0]}: {error.strerror}") from None
    if result.returncode:
        raise Failed(f"{command[0]} ended with status {result.returncode}")
    return result


def output_of(*command, **options):
    """Returns what a program prints on standard output, even if the program fails."""
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True,
                          errors="replace", **options).stdout


def wait_until(condition, message, timeout, interval=0.005):
    """Repeats a condition until it holds; raises Failed after the timeout, in seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{message} within {timeout} s")
        time.sleep(interval)


def copy_sparse(path, target):
    """Copies a file; pages of zeros become holes."""
    subprocess.run(["cp", "--sparse=always", path, target], check=True)
