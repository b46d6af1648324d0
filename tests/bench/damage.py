# SPDX-License-Identifier: MIT
"""A restore in place when 1 % of the code is damaged, beside tar, which extracts all of it. Invariant: both begin
with the same archive in the cache, and what jbackup has put in place equals the code before the damage."""
import shlex
import shutil
import statistics
import subprocess
import sys
import time

from bench import HERE, told


class Damage:
    def __init__(self, bench):
        self.bench = bench
        self.live, self.good, self.place = (bench.work / name for name in ("damaged", "undamaged", "extracted"))
        self.end()
        bench.shell(f"cp -a {shlex.quote(str(bench.tree()))} {self.live}")
        self.project = bench.project("damage", root=str(self.live), databases=[])
        self.restore = f"{shlex.quote(str(bench.tools / 'jbackup-restore'))} --project {self.project} --quiet"

    def end(self):
        for folder in (self.live, self.good, self.place, self.bench.work / "damage"):
            shutil.rmtree(folder, ignore_errors=True)

    def back_up(self, turn):
        """The newest backup and its archive; the code is older than that, and damaged since."""
        time.sleep(2.5)
        self.bench.shell(f"{self.bench.jbackup} --project {self.project} --quiet backup")
        timestamp = self.bench.shell(f"{self.bench.jbackup} --project {self.project} list | head -n 1 | cut -d'|' -f1").strip()
        archive = next((self.bench.work / "damage" / "backups").rglob(f"codebase_{timestamp}.tar.gz"))
        shutil.rmtree(self.good, ignore_errors=True)
        self.bench.shell(f"cp -a {self.live} {self.good}")
        subprocess.run([sys.executable, HERE / "make_tree.py", self.live, "--mutate", "1", "--seed", str(turn)],
                       stdout=subprocess.DEVNULL, check=True)
        return timestamp, archive

    def run(self):
        ours, theirs = [], []
        for turn in range(self.bench.given.rounds):
            timestamp, archive = self.back_up(turn)
            self.bench.shell(f"cat {archive} >/dev/null; rm -rf {self.place}; mkdir {self.place}; sync")
            theirs.append(self.bench.measure(f"tar -xzf {archive} -C {self.place}")[0])
            shutil.rmtree(self.place)
            ours.append(self.bench.measure(f"{self.restore} restore {timestamp} --type codebase --confirm --no-safety-backup")[0])
            self.bench.shell(f"{self.restore} discard-old; diff -rq --no-dereference {self.good} {self.live}")
            told(f"damage, round {turn + 1}: jbackup {ours[-1]:.2f} s, tar {theirs[-1]:.2f} s")
        mine = statistics.median(ours)
        print(f"\n**A restore in place after 1 % of damage** (the code alone, median of {self.bench.given.rounds})\n")
        print("| | time | jbackup's time to this |\n|---|---|---|")
        for name, walls in (("jbackup-restore restore", ours), ("tar -xzf", theirs)):
            print(f"| {name} | {statistics.median(walls):.2f} s ({min(walls):.2f}-{max(walls):.2f}) "
                  f"| {mine / statistics.median(walls):.2f} |")


def damage(bench, _):
    measured = Damage(bench)
    try:
        measured.run()
    finally:
        measured.end()
