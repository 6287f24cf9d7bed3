"""The goals of snap's performance, and whether they are reached."""
from dataclasses import dataclass

from tools import save_name

MB = 1_000_000
MIB = 1 << 20


@dataclass
class Target:
    """One figure and its limit; the figure is None if it was not measured."""

    text: str
    figure: float | None
    limit: float
    unit: str = ""

    @property
    def verdict(self):
        """Whether the goal was reached, as text."""
        if self.figure is None:
            return "not measured"
        return "ok" if self.figure <= self.limit else "MISSED"


def ratio(one, other):
    """Returns one figure divided by another, or None if one is missing."""
    return one / other if one is not None and other else None


def scaled(figure, unit):
    """Returns a figure in a larger unit, or None if it is missing."""
    return None if figure is None else figure / unit


def against(figures, measure, peers, figure="wall", tool="snap"):
    """Returns a target per peer: snap's figure divided by the peer's, with the peer's limit."""
    mine = figures.median(measure, tool, figure)
    return [Target(f"{measure}: {figure}, {tool} / {peer}",
                   ratio(mine, figures.median(measure, peer, figure)), limit)
            for peer, limit in peers.items()]


def saves(figures):
    """Returns the targets of the saves of the series."""
    def stored(measure, unit):
        return scaled(figures.median(measure, "snap", "stored"), unit)

    every = [stored(save_name(number), MB) for number in range(1, 8)]
    return [
        *against(figures, "full", {"zstd -1": 0.78, "borg lz4": 1 / 3, "restic": 1 / 5,
                                   "qemu-img -c": 1 / 10}),
        *against(figures, "full", {"zstd -1": 0.80}, tool="snap zstd"),
        *against(figures, "full", {"zstd -1": 1.0}, "stored"),
        *against(figures, "full", {"zstd -1": 0.98}, "stored", "snap zstd"),
        *against(figures, "4 after 3", {"xdelta3 -1": 1 / 3, "borg lz4": 1 / 6}),
        *[Target(f"4 after 3: wall, {tool} / its unchanged save",
                 ratio(figures.median("4 after 3", tool), figures.median("unchanged", tool)),
                 limit)
          for tool, limit in (("snap", 2.5), ("snap zstd", 2.0))],
        Target("4 after 3: stored", stored("4 after 3", MB), 0.6, "MB"),
        *against(figures, "6 after 5", {"borg lz4": 1 / 10, "restic": 1 / 10}),
        Target("6 after 5: stored", stored("6 after 5", 1024), 28, "KiB"),
        *against(figures, "7 after 6", {"xdelta3 -1": 1 / 4}),
        Target("7 after 6: stored", stored("7 after 6", MB), 2.2, "MB"),
        Target("all seven: stored", None if None in every else sum(every), 300, "MB"),
    ]


def restores(figures):
    """Returns the targets of restores."""
    def wall(measure):
        return figures.median(measure, "snap")

    return [
        *against(figures, "restore 7", {"zstd -1": 1.0, "restic": 1 / 3}),
        *against(figures, "restore 7", {"zstd -1": 0.75}, tool="snap zstd"),
        *[Target(f"random 4 KiB, median, {tool}",
                 scaled(figures.median("random 4 KiB: 1,000 x median", tool), 1 / 1000), limit,
                 "µs")
          for tool, limit in (("snap", 100), ("snap zstd", 60))],
        Target("chain: restore 200 / restore 1",
               ratio(wall("chain: restore 200"), wall("chain: restore 1")), 1.25),
        Target("restore 5: in place over phase 6 / to a new file",
               ratio(wall("in place"), wall("restore 5")), 0.25),
    ]


def limits(figures):
    """Returns the targets that compare snap with the limits of the machine."""
    targets = [
        Target(f"{measure}: wall, {tool} / its bare loop in C",
               ratio(figures.median(measure, tool), figures.median(loop, tool + ", bare loop")),
               limit)
        for measure, loop, limit in (("full", "limit compress", 1.25),
                                     ("restore 5", "limit restore", 1.15))
        for tool in ("snap", "snap zstd")]
    for name in "sparse: bitmap", "dense: bitmap":
        targets += [
            Target(f"{name}: wall", figures.median(name, "snap"), 0.15, "s"),
            Target(f"{name}: peak memory",
                   scaled(figures.median(name, "snap", "rss"), MIB), 64, "MiB")]
    peak, measure = figures.peak("snap")
    return targets + [
        Target("sparse: 1,000 pages: stored",
               scaled(figures.median("sparse: 1,000 pages", "snap", "stored"), 1000), 180, "KB"),
        Target(f"peak memory of any snap command ({measure})", scaled(peak, MIB), 100, "MiB")]


def streams(figures):
    """Returns the targets of saves of QEMU's streams."""
    raw = figures.median("stream: raw", "snap")
    return [Target(f"stream of a {kind} guest: wall, import / raw save",
                   ratio(figures.median(f"stream: {kind}", "snap"), raw), limit)
            for kind, limit in (("stopped", 1.5), ("live", 2.5))]


def readers(figures):
    """Returns the targets of commands that only read the store."""
    return [
        Target("verify / restore of the same checkpoint",
               ratio(figures.median("verify: the last", "snap"),
                     figures.median("verify: restore the last", "snap")), 2),
        Target("sparse: diff with the parent", figures.median("sparse: diff", "snap"), 0.1, "s")]


def all_targets(figures):
    """Returns all targets."""
    return (saves(figures) + restores(figures) + streams(figures) + readers(figures)
            + limits(figures))
