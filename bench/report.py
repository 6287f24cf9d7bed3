"""The figures as tables, for a terminal or in Markdown."""
import os
import platform
import subprocess
import time
from dataclasses import dataclass

from bench import memory
from harness.processes import output_of
from targets import all_targets
from tools import BEFORE, PEERS, SNAP, SNAP_ZSTD, THREADS, save_name

PHASES = range(1, 8)


@dataclass
class Table:
    """A table with a heading; the first column is text, the others are figures."""

    title: str
    header: list
    rows: list

    def text(self):
        """Returns the table with aligned columns."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        lines = [self.title, ""]
        for row in [self.header, *self.rows]:
            cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
            cells[0] = row[0].ljust(widths[0])
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)

    def markdown(self):
        """Returns the table in Markdown."""
        lines = [f"## {self.title}", ""]
        rule = ["---"] + ["---:"] * (len(self.header) - 1)
        for row in [self.header, rule, *self.rows]:
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        return "\n".join(lines)


def shown(figure, unit=1, digits=2):
    """Returns a figure as text, with about three significant digits."""
    if figure is None:
        return "–"
    figure /= unit
    if abs(figure) < 0.1:
        digits = max(digits, 3)
    return f"{figure:,.{0 if abs(figure) >= 1000 else digits}f}"


def all_tools(figures):
    """Returns the names of the measured tools, in the order of the list of tools."""
    measured = {tool for _, tool in figures.samples}
    return [tool.name for tool in (SNAP, SNAP_ZSTD, BEFORE, *PEERS) if tool.name in measured]


def series_table(figures, title, figure, unit):
    """Returns the table of one figure for each save and restore of the series."""
    measures = ["full", *map(save_name, PHASES)]
    header = ["", "5 first", *(str(number) for number in PHASES)]
    if figure == "stored":
        header.append("1–7")
    else:
        measures.append("restore 7")
        header.append("restore 7")
    rows = []
    for tool in all_tools(figures):
        values = [figures.median(measure, tool, figure) for measure in measures]
        if figure == "stored":
            values.append(None if None in values[1:] else sum(values[1:]))
        rows.append([tool, *(shown(value, unit) for value in values)])
    return Table(title, header, rows)


def other_table(figures):
    """Returns the table of the measures of snap alone, and of the bare loops."""
    series = {"full", "restore 7", *map(save_name, PHASES)}
    rows = []
    for measure, tool in figures.samples:
        if measure in series:
            continue
        rows.append([measure, tool, *(shown(figures.median(measure, tool, figure), unit)
                                      for figure, unit in (("wall", 1), ("cpu", 1),
                                                           ("rss", 1 << 20), ("stored", 1e6)))])
    return Table("Other measures", ["", "with", "wall s", "cpu s", "peak MiB", "stored MB"], rows)


def targets_table(figures):
    """Returns the table of the goals, and whether they were reached."""
    rows = [[target.text, f"{shown(target.figure)} {target.unit}".strip(),
             f"{shown(target.limit)} {target.unit}".strip(), target.verdict]
            for target in all_targets(figures)]
    return Table("Goals", ["", "measured", "at most", ""], rows)


def tables(figures):
    """Returns all tables."""
    made = [targets_table(figures),
            series_table(figures, "Series: wall time, s", "wall", 1),
            series_table(figures, "Series: processor time, s", "cpu", 1),
            series_table(figures, "Series: peak memory, MiB (values below 18 cannot be measured)",
                         "rss", 1 << 20),
            series_table(figures, "Series: stored, MB", "stored", 1e6),
            other_table(figures)]
    return [table for table in made if table.rows]


def first_line(command):
    """Returns the first line that a program prints."""
    lines = output_of(*command, stderr=subprocess.STDOUT).splitlines()
    return (lines or [""])[0].strip(" *")


def cpu_model():
    """Returns the model of the processor."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def conditions(snap, tools, where, rounds, load):
    """Returns the conditions that the figures depend on, by name."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{cpu_model()}, {os.cpu_count()} cores, {THREADS} used",
        "memory": f"{memory('MemTotal') / (1 << 30):.1f} GiB",
        "kernel": platform.release(),
        "files": f"on {where}, page cache warm",
        "load": f"{load:.1f} before the first measure (0.0: the machine was idle)",
        "rounds": f"{rounds}, the tools in turn; medians; slow measures in the first round only",
        "snap": first_line([snap, "--version"]),
        **{tool.program: first_line([tool.program, tool.version]) for tool in tools},
    }


def as_text(pairs, made, notes):
    """Returns the report for a terminal."""
    lines = [f"{name:>10}  {value}" for name, value in pairs.items()]
    return "\n\n".join(["\n".join(lines), *(table.text() for table in made), *notes])


def as_markdown(pairs, made, notes, tools):
    """Returns the report for a file."""
    lines = ["# Benchmarks", "",
             "`bench/run` compares snap with other tools on 512 MiB of a real guest's memory, in",
             "seven phases that `bench/record` describes. `make bench` writes this file again: the",
             "first run records the guest in 1.5 minutes, and the measures take about 8 minutes.",
             ""]
    lines += [f"- {name}: {value}" for name, value in pairs.items()]
    commands = [f"- {tool.name}: `{tool.save}`" for tool in tools]
    sections = ["\n".join(lines), *(table.markdown() for table in made),
                "## Commands\n\n" + "\n".join(commands)]
    if notes:
        sections.append("## Notes\n\n" + "\n".join(f"- {note}" for note in notes))
    return "\n\n".join(sections) + "\n"
