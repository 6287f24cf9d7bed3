"""Signals to a snap that has paused a guest."""
import random
import signal
import time

from harness.qemu import TIMEOUT

ATTEMPTS_MAX = 50


def interrupt(snap, guest, arguments, number, longest=0.05):
    """Sends a signal to a save that has paused the guest; returns snap's exit status.

    The signal comes up to so many seconds after the start of the pause.
    """
    process = snap.start(*arguments)
    while guest.is_running and process.poll() is None:
        pass
    time.sleep(random.uniform(0, longest))
    process.send_signal(number)
    process.communicate(timeout=TIMEOUT)
    return process.returncode


def kill_while_paused(snap, guest, arguments):
    """Kills saves until one leaves the guest paused; returns whether one did.

    On a busy machine, each kill may come after snap has written the device state. QEMU then reports
    the status "postmigrate", from which the guest is resumed before the next attempt.
    """
    for _ in range(ATTEMPTS_MAX):
        status = interrupt(snap, guest, arguments, signal.SIGKILL, longest=0)
        guest.wait_for_migration()
        if status == -signal.SIGKILL and guest.command("query-status")["status"] == "paused":
            return True
        guest.command("cont")
    return False
