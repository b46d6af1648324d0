# SPDX-License-Identifier: MIT
"""What is measured on anything that is backed up. A round begins with empty repositories and goes through the
steps; each step is done by all peers in turns before the next. Invariant: all peers see the same content."""
import shutil
import time

from bench import Failed, stored_bytes, told
from compare import Comparison, FAILED, Way, megabytes
from peers import EMPTY_PLACE, PEERS, fresh, variables

SETTLED_S = 2.2  # what was changed within two seconds before a backup is read again by the next
STEPS = {"full": "full backup", "verify": "verify", "restore": "restore", "file": "one file restored",
         "unchanged": "backup, unchanged", "change": "backup, 1 % changed"}
BACKUPS = ("full", "unchanged", "change")
DAYS = "days"


class Source:
    """Of each kind of source: what it is called, how it begins, changes by one per cent and ends, what is in
    the cache, and how it is told that what was restored equals it."""
    kind = name = ""        # its commands in Peer; its name in the tables
    clear = EMPTY_PLACE     # before a restore

    def __init__(self, bench, summary):
        self.bench, self.summary = bench, summary
        self.peers = [peer for peer in PEERS if self.commands(peer) and peer.is_installed()]

    def commands(self, peer):
        return getattr(peer, self.kind)

    def able(self, step):
        needed = "backup" if step in BACKUPS else step
        return [peer for peer in self.peers if needed in self.commands(peer) and
                (peer.repeats or step not in ("unchanged", "change"))]

    def run(self, chosen):
        steps = [step for step in STEPS if step in chosen]
        if steps:
            self.begin()
            self.rounds(steps)
            self.end()
        if DAYS in chosen:
            self.peers = [peer for peer in PEERS if self.commands(peer) and peer.is_installed()]
            self.begin()
            self.days()
            self.end()

    def rounds(self, chosen):
        """Every step needs the full backup, so that is measured in any case."""
        steps = {step: Comparison(self.bench, f"{self.name}: {title}", has_stored=step in BACKUPS)
                 for step, title in STEPS.items() if step == "full" or step in chosen and self.able(step)}
        for turn in range(self.bench.given.rounds):
            for step, comparison in steps.items():
                self.come_to(step, seed=1000 + turn)
                lost = comparison.turn(turn, [self.way(step, peer) for peer in self.able(step)])
                self.peers = [peer for peer in self.peers if peer.column not in lost]
        for comparison in steps.values():
            comparison.print()
            self.summary.add(comparison.title, comparison.times())
        full = steps["full"]
        self.summary.add(f"{self.name}: stored by the full backup",
                         full.of_ways(lambda figures: max(figures.sizes)), megabytes)
        self.summary.add(f"{self.name}: peak memory of these backups",
                         greatest([steps[step].peaks() for step in BACKUPS if step in steps]), megabytes)
        self.and_more(steps)

    def and_more(self, steps):
        """What is measured on this kind alone."""

    def come_to(self, step, seed):
        if step == "change":
            self.alter(seed)
        if step in BACKUPS:
            time.sleep(SETTLED_S)

    def given(self, peer, **more):
        return variables(self.bench.work, peer, **more)

    def way(self, step, peer):
        given, commands = self.given(peer, LABEL=step), self.commands(peer)
        store = given["STORE"]
        if step in BACKUPS:
            return Way(peer.column, commands["backup"], given, warm=(*self.warm(), store),
                       prepare=fresh(peer) if step == "full" else "true")
        if step == "verify":
            return Way(peer.column, commands["verify"], given, warm=(store,))
        return Way(peer.column, commands[step], self.with_newest(peer, given), self.clear, (store,), self.same(step, peer))

    def with_newest(self, peer, given):
        try:
            return {**given, "BACKUP": self.bench.shell(peer.newest, given).strip()}
        except Failed as failure:
            return {**given, "BACKUP": failure.brief}  # restoring that fails, which is said and counted there

    def days(self):
        """What is stored after a first backup and ten days, on each of which one per cent changed."""
        peers = [peer for peer in self.peers if peer.repeats]
        sizes = {peer.column: [] for peer in peers}
        for day in range(11):
            self.come_to("change" if day else "full", seed=day)
            for peer in peers:
                if sizes[peer.column] == FAILED:
                    continue
                told(f"{self.name}: ten days, day {day}: {peer.column}")
                given = self.given(peer, LABEL=f"day{day}")
                try:
                    self.bench.shell((f"{fresh(peer)} && " if not day else "") + self.commands(peer)["backup"], given)
                    sizes[peer.column].append(stored_bytes(given["STORE"]) / 1e6)
                except Failed as failure:
                    told(f"bench: ten days: {peer.column} failed and is left out: {failure}")
                    sizes[peer.column] = FAILED
        self.summary.add(f"{self.name}: stored after ten days", {column: stored if stored == FAILED else stored[-1]
                                                                 for column, stored in sizes.items()}, megabytes)

    def end(self):
        shutil.rmtree(self.bench.work / "peers", ignore_errors=True)


def greatest(peaks):
    return {column: FAILED if any(FAILED == peak.get(column) for peak in peaks) else
            max(peak[column] for peak in peaks if column in peak) for column in peaks[0]}
