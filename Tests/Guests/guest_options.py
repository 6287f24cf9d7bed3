"""The command line of the tests on real guests."""
import argparse
from pathlib import Path

from harness import options as snap_options
from harness.kernel import build_initramfs, fetch_kernel
from harness.qemu import Machine

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".demo"


class AddOption(argparse.Action):
    """Adds an option to the program that the last --qemu named."""

    def __call__(self, parser, options, value, _=None):
        """Adds the value."""
        if not options.qemu:
            parser.error("--qemu-option must follow the --qemu that it belongs to")
        options.qemu[-1][1].append(value)


class AddProgram(argparse.Action):
    """Adds a program without options."""

    def __call__(self, parser, options, value, _=None):
        """Adds the value."""
        options.qemu = [*(options.qemu or []), (value, [])]


def read_options(description):
    """Reads the command line."""
    parser = snap_options.parser(description)
    parser.add_argument("--qemu", action=AddProgram, metavar="PROGRAM",
                        help="a QEMU to test with, repeatable (default: qemu-system-x86_64)")
    parser.add_argument("--qemu-option", action=AddOption, metavar="OPTION",
                        help="an option for the last --qemu, repeatable: --qemu-option=-L")
    parser.add_argument("--model", default="pc", help="the machine type (default: pc)")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR",
                        help="where the guest's kernel is kept (default: .demo)")
    parser.add_argument("--short", action="store_true", help="run only the first half minute")
    options = parser.parse_args()
    options.qemu = options.qemu or [("qemu-system-x86_64", [])]
    options.cache = options.cache.absolute()
    return options


def machines(options, folder):
    """Yields the machine of the tests under each QEMU."""
    kernel, initramfs = fetch_kernel(options.cache), build_initramfs(HERE / "init", folder)
    for program, arguments in options.qemu:
        yield Machine(kernel, initramfs, program, tuple(arguments), options.model)
