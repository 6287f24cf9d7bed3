"""The retention policy of restic's forget, as a model for snap's --keep options.

Checkpoints count from the newest back, in the order of their numbers. A rule such as hourly=24
keeps the newest checkpoint of each of 24 hours; while it has kept fewer, it also keeps the oldest.
"""
PERIODS = {
    "last": None,
    "hourly": lambda time: time.strftime("%Y-%m-%d %H"),
    "daily": lambda time: time.strftime("%Y-%m-%d"),
    "weekly": lambda time: time.strftime("%G-%V"),
    "monthly": lambda time: time.strftime("%Y-%m"),
    "yearly": lambda time: time.strftime("%Y"),
}


def parse(text):
    """Returns the rules of a policy such as "last=12,daily=7"; raises ValueError for others."""
    rules = {}
    for word in text.split(","):
        name, _, count = word.partition("=")
        if name not in PERIODS:
            raise ValueError(f"{name} is not one of {', '.join(PERIODS)}")
        rules[name] = int(count)
    return rules


def arguments(rules):
    """Returns snap's options for a policy."""
    return [word for name, count in rules.items() for word in (f"--keep-{name}", str(count))]


def kept(rules, times):
    """Returns the numbers of the checkpoints that a policy keeps; the times are by number."""
    numbers = sorted(times, reverse=True)
    chosen = set()
    for name, count in rules.items():
        if name == "last":
            chosen.update(numbers[:count])
            continue
        previous = None
        for number in numbers:
            period = PERIODS[name](times[number])
            if count and (period != previous or number == numbers[-1]):
                chosen.add(number)
                previous = period
                count -= 1
    return sorted(chosen)
