"""The command line of scripts that test a built snap."""
import argparse
import os
from pathlib import Path


def parser(description):
    """Returns a parser with the argument SNAP, the absolute path of the built command."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("snap", type=os.path.abspath, metavar="SNAP", help="the built command")
    return made


def add_counts(made):
    """Adds the option --counts."""
    made.add_argument("--counts", type=Path, metavar="FILE",
                      help="append the counts to FILE, for Scripts/reliability")
