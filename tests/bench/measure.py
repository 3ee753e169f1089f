"""Runs a command and says what it took; runs two in turn and compares them.

CPU is user and system time of the command and of every descendant that was waited for. Two commands are always
compared in one run, A B, B A, A B, …: what else the machine does meets both alike, and the median of the pairs'
ratios is kept.
"""

import dataclasses
import math
import os
import signal
import statistics
import subprocess
import tempfile

MOST_SECONDS = 120  # what takes longer hangs


class Failed(Exception):
    """A command did not do what it should: its figures would mean nothing."""


@dataclasses.dataclass(frozen=True)
class Command:
    arguments: tuple
    environment: tuple = ()  # "VARIABLE=VALUE"
    stdin: str = os.devnull
    directory: str = "."
    statuses: tuple = (0,)  # exit statuses that are no failure

    def under(self, *environment):
        """The same command with more in its environment."""
        return dataclasses.replace(self, environment=self.environment + environment)

    def behind(self, *arguments):
        """The same command as the arguments of another."""
        return dataclasses.replace(self, arguments=arguments + self.arguments)


@dataclasses.dataclass(frozen=True)
class Cost:
    cpu: float  # seconds
    wall: float
    peak: float  # KiB


class Launcher:
    """Starts commands through tests/bench/launch.c."""

    def __init__(self, path, scratch):
        self.path = path
        self.scratch = scratch

    def run(self, command, times=1):
        """The mean cost of one of `times` runs."""
        result = os.path.join(self.scratch, "launched")
        with open(command.stdin, "rb") as stdin, tempfile.TemporaryFile() as output:
            started = subprocess.Popen(
                [self.path, str(times), result, *command.environment, "--", *command.arguments],
                stdin=stdin, stdout=subprocess.DEVNULL, stderr=output, cwd=command.directory, start_new_session=True)
            try:
                started.wait(MOST_SECONDS)
            except subprocess.TimeoutExpired:
                raise Failed(f"{' '.join(command.arguments)[:80]}: not done after {MOST_SECONDS} s") from None
            finally:
                if started.returncode is None:  # too slow, or we are to end
                    os.killpg(started.pid, signal.SIGKILL)  # the session is the command's alone
                    started.wait()
            output.seek(0)
            said = output.read(2000).decode(errors="replace")
        if started.returncode != 0:
            raise Failed(f"{command.arguments[0]}: could not be started: {said}")
        costs = []
        with open(result, encoding="ascii") as lines:
            for line in lines:
                user, system, wall, peak, status = (int(word) for word in line.split())
                if os.waitstatus_to_exitcode(status) not in command.statuses:
                    raise Failed(f"{' '.join(command.arguments)[:80]}: status {status:#x}: {said}")
                costs.append(Cost((user + system) / 1e9, wall / 1e9, peak))
        return Cost(*(statistics.fmean(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "peak")))


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The median of pairwise ratios, with the smallest and the largest."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values):
        return Ratio(statistics.median(values), min(values), max(values))


def in_pairs(first, second, pairs):
    """Calls first and second in turn, their order swapped every other pair; the list of (of first, of second)."""
    results = []
    for number in range(pairs):
        if number % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        results.append((a, b))
    return results


def in_rounds(ways, rounds):
    """Calls each of the named ways once a round, another one first each time; the list of {name: result}."""
    names = list(ways)
    results = []
    for number in range(rounds):
        first = number % len(names)
        results.append({name: ways[name]() for name in names[first:] + names[:first]})
    return results


def ratio(results, what):
    """The ratio of `what` of the first to the second, over pairs of costs."""
    return Ratio.of([getattr(a, what) / getattr(b, what) for a, b in results])


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))
