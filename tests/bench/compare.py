# SPDX-License-Identifier: MIT
"""Several ways to do the same thing: measured in turns, told as a table of each thing and as one table of all.
Invariant: a way that fails once is measured no more, is said, and stops nobody else."""
import statistics
from dataclasses import dataclass, field

from bench import Failed, stored_bytes, told

OURS = "jbackup"
FAILED, ABSENT = "failed", "-"


@dataclass
class Way:
    name: str
    command: str           # what is measured, for the shell
    variables: dict        # its environment; STORE is where it keeps its backups
    prepare: str = "true"  # before it, and not measured
    warm: tuple = ()       # what is read before it, so that it is in the cache for all
    check: str = "true"    # after it in the first round: fails if it has not done its work


@dataclass
class Figures:
    walls: list = field(default_factory=list)
    peaks: list = field(default_factory=list)
    sizes: list = field(default_factory=list)


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def megabytes(value):
    return f"{value:.1f} MB"


class Comparison:
    def __init__(self, bench, title, has_stored=True):
        self.bench, self.title, self.has_stored = bench, title, has_stored
        self.figures = {}  # by the name of the way, in order; the first is ours
        self.failures = {}

    def turn(self, number, ways):
        """One round of all the ways; says whose failed."""
        lost = []
        for way in ways:
            figures = self.figures.setdefault(way.name, Figures())
            if way.name in self.failures:
                continue
            try:
                self.take(number, way, figures)
            except Failed as failure:
                told(f"bench: {self.title}: {way.name} failed and is left out: {failure}")
                self.failures[way.name] = failure.brief
                lost.append(way.name)
        return lost

    def take(self, number, way, figures):
        self.bench.shell(way.prepare, way.variables)
        self.bench.warm(*way.warm)
        wall, peak = self.bench.measure(way.command, way.variables)
        if number == 0:
            self.bench.shell(way.check, way.variables)
        figures.walls.append(wall)
        figures.peaks.append(peak)
        if self.has_stored:
            figures.sizes.append(stored_bytes(way.variables["STORE"]) / 1e6)
        told(f"{self.title}, round {number + 1}: {way.name}: {seconds(wall)}, {megabytes(peak)}")

    def good(self):
        return {name: figures for name, figures in self.figures.items() if figures.walls and name not in self.failures}

    def of_ways(self, value):
        """Of each way the value, or that it failed."""
        good = self.good()
        return {name: value(figures) if name in good else FAILED for name, figures in self.figures.items()}

    def times(self):
        return self.of_ways(lambda figures: statistics.median(figures.walls))

    def peaks(self):
        return self.of_ways(lambda figures: max(figures.peaks))

    def print(self):
        ours = self.good().get(OURS)
        ours = statistics.median(ours.walls) if ours else None
        print(f"\n**{self.title}** (median of {self.bench.given.rounds})\n")
        stored = (" stored |", "---|") if self.has_stored else ("", "")
        print(f"| | time | jbackup's time to this |{stored[0]} peak memory |\n|---|---|---|{stored[1]}---|")
        for name, figures in self.good().items():
            wall = statistics.median(figures.walls)
            spread = f"{seconds(min(figures.walls))} - {seconds(max(figures.walls))}"
            ratio = f"{ours / wall:.2f}" if ours else ABSENT
            size = f" {megabytes(max(figures.sizes))} |" if self.has_stored else ""
            print(f"| {cell(name)} | {seconds(wall)} ({spread}) | {ratio} |{size} {megabytes(max(figures.peaks))} |")
        if self.failures:
            print()
        for name, why in self.failures.items():
            print(f"{cell(name)} failed: {why}", flush=True)


def cell(text):
    return text.replace("|", "\\|")


class Summary:
    """One line for each thing that was measured, one column for each who can do it."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = []

    def add(self, title, values, unit=seconds):
        """values: by column; who is not in it can't do it or is not installed."""
        self.rows.append((title, values, unit))

    def print(self, heading):
        if not self.rows:
            return
        print(f"\n## Summary\n\n{heading}\n")
        print("| | " + " | ".join(map(cell, self.columns)) + " |\n|---|" + "---|" * len(self.columns))
        for title, values, unit in self.rows:
            ours = values.get(OURS)
            print(f"| {title} | " + " | ".join(self.one(values.get(column), column, ours, unit) for column in self.columns) + " |")
        print("\nIn brackets: jbackup's figure to this one; below 1, jbackup is quicker or takes less.", flush=True)

    @staticmethod
    def one(value, column, ours, unit):
        if value is None:
            return ABSENT
        if value == FAILED:
            return FAILED
        if column == OURS or ours in (None, FAILED) or not value:
            return unit(value)
        return f"{unit(value)} ({ours / value:.2f})"
