"""Signals at random moments of random commands, and checks of the store after each."""
import collections
import random
import signal
import time

from commands import TIMEOUT, DeleteCommand, PruneCommand, ReindexCommand, SaveCommand
from harness.checks import Failed, check
from harness.processes import say
from harness.snap import BUSY, DONE, INTERRUPTED
from restores import InPlaceCommand, PipeCommand, RestoreCommand
from store_model import StoreModel

WEIGHTS = {SaveCommand: 9, RestoreCommand: 4, PipeCommand: 1, InPlaceCommand: 2, DeleteCommand: 3,
           PruneCommand: 2, ReindexCommand: 1}
ALL = 10_000  # more checkpoints than the store ever has


def settle(command, others):
    """Settles a command; a failure names the command and its status."""
    try:
        return command.settle(others)
    except Failed as error:
        raise Failed(f"{command.describe()}: {error}") from None


def save(model, guest):
    """Saves a guest without a signal: no leftovers may disturb the save, or remain after it."""
    command = SaveCommand(model, guest)
    command.start()
    command.finish()
    check(command.status == DONE and not command.errors, command.describe())
    model.unlisted = [pair for pair in model.unlisted if pair[0] is not guest]
    guest.is_settled = True
    command.settle([])
    model.check_folder(guest)


def may_draw(model, kind, guest, first):
    """Whether a command of a kind can run on a guest, and at the same time as the first command."""
    if first:
        # The effects of two commands on the same checkpoints could not be told apart.
        if kind in (ReindexCommand, DeleteCommand, PruneCommand, PipeCommand, InPlaceCommand):
            return False
        if guest is first.guest and not (kind is RestoreCommand and isinstance(first, SaveCommand)):
            return False
    if kind in (DeleteCommand, PruneCommand):
        return bool(guest.saved)
    if issubclass(kind, RestoreCommand):
        return bool(model.listed(guest))
    return True


def draw(model, first=None):
    """Draws a command that can run, and that can run at the same time as the first command."""
    while True:
        guest = model.dice.choice(model.guests)
        kind = model.dice.choices([*WEIGHTS], WEIGHTS.values())[0]
        if may_draw(model, kind, guest, first):
            return kind(model, guest)


class Durations:
    """The durations of the last commands of each kind, from which random moments are drawn."""

    def __init__(self, dice):
        """Starts without any duration."""
        self.dice = dice
        self.seconds = collections.defaultdict(lambda: collections.deque(maxlen=5))

    @staticmethod
    def _key(command):
        """Returns a key that commands of similar duration share."""
        return command.name.removesuffix(", replacing one"), command.guest.memory.page_count

    def draw(self, command):
        """Returns a random moment of a command in seconds, or None to measure its duration."""
        known = self.seconds[self._key(command)]
        if len(known) < 2 or self.dice.random() < 0.05:
            return None
        # The longest duration; otherwise, signals would seldom hit the time after the commit.
        return self.dice.uniform(0, max(known))

    def add(self, command, seconds):
        """Adds the duration of a command that has run to its end."""
        self.seconds[self._key(command)].append(seconds)


class Strikes:
    """Commands that receive a signal, and what happened to them."""

    def __init__(self, model, number, counts):
        """Takes the signal's number."""
        self.model = model
        self.number = number
        self.counts = counts
        self.durations = Durations(model.dice)
        self.hits = 0
        self.late = 0  # signals after the command's end
        self.concurrent = 0  # hits with a second command at the same time

    def strike(self):
        """Runs one command, sometimes with a second one; returns whether the signal hit it."""
        dice = self.model.dice
        command = draw(self.model)
        moment = self.durations.draw(command)
        others = [draw(self.model, command)] if moment is not None and dice.random() < 0.25 else []
        for other in others:
            other.start()
        command.start()
        is_hit = command.signal_after(TIMEOUT if moment is None else moment, self.number)
        if not is_hit and not others:
            self.durations.add(command, time.monotonic() - command.started)
        for other in others:
            other.finish()
        self._settle(command, others, is_hit)
        self.hits += is_hit
        self.late += not is_hit
        return is_hit

    def _settle(self, command, others, is_hit):
        """Checks the statuses and effects of a command and of those that ran at the same time."""
        allowed = {DONE, BUSY} if others else {DONE}
        signalled = {INTERRUPTED, -self.number} if is_hit else set()
        check(command.status in allowed | signalled, command.describe())
        for other in others:
            check(other.status in allowed, other.describe())
            settle(other, [command])
        where = settle(command, others)
        if is_hit:
            self.counts.add(command.name, where)
            self.concurrent += bool(others)


def run(snap, folder, options, counts):
    """Sends so many signals, and checks the store after each."""
    dice = random.Random(options.seed)
    model = StoreModel(snap, folder, dice)
    for guest in model.guests:
        for _ in range(3):
            save(model, guest)
    strikes = Strikes(model, signal.Signals[options.signal], counts)
    while strikes.hits < options.kills:
        if strikes.strike():
            model.check_store(sample=ALL if strikes.hits % 50 == 0 else 3)
            # Otherwise the next command meets the leftovers of this one.
            if dice.random() < 0.6:
                save(model, dice.choice(model.guests))
            model.prune()
        model.clear()
    for guest in model.guests:
        save(model, guest)
    model.check_store(sample=ALL)
    snap("reindex")
    model.check_store(sample=ALL)
    say(f"{strikes.hits:,} times {options.signal}, {strikes.concurrent:,} of them with a second "
        f"command at the same time; {strikes.late:,} commands ended before their signal; "
        f"{model.strays} hidden files were left next to outputs that --force replaces")
