"""Failures, and comparisons that end a script."""
import filecmp


class Failed(Exception):
    """A result that differs from the expected one; the message is for the reader."""


def check(condition, message):
    """Raises Failed with this message unless the condition holds."""
    if not condition:
        raise Failed(message)


def check_same(path, other):
    """Checks that two files have the same content."""
    check(filecmp.cmp(path, other, shallow=False), f"{path} differs from {other}")
