# SPDX-License-Identifier: MIT
"""The restore in place beside what one would type otherwise: how long a service is down, and how long the
restore itself takes. Invariant: both ways restore the same backup to the same place, in turns."""
import json
import shlex
import shutil
import statistics
import sys
import time


def median_line(name, values, unit="s"):
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"


class InPlace:
    """A project of a tree and a PostgreSQL database, with a service that is a sleeping process, and an
    environment "test" without one."""

    def __init__(self, bench, tree, tools):
        self.bench = bench
        self.live = bench.work / "live"
        self.store = bench.work / "place-backups"
        self.restore = shlex.quote(str(tools / "jbackup-restore"))
        pid = bench.work / "service.pid"
        start = f"setsid sleep 100000 >/dev/null 2>&1 & echo $! > {pid}"
        self.stop_command = f"kill $(cat {pid}) && rm {pid}"
        self.start_command = start
        bench.shell(f"rm -rf {self.live} {self.store} && cp -a {shlex.quote(str(tree))} {self.live}")
        service = {"start": ["bash", "-c", start], "stop": ["bash", "-c", self.stop_command],
                   "status": ["bash", "-c", f"kill -0 $(cat {pid})"]}
        test = {"root": str(bench.work / "test"), "databases": ["postgresql:///journal_test"]}
        self.project = bench.project("place", root=str(self.live), databases=["postgresql:///journal"], service=service,
                                     backup_dir=str(self.store), plain_sql="never", environments={"test": test})
        bench.shell(start)
        made = json.loads(bench.shell(f"{bench.jbackup} --project {self.project} --json backup"))
        self.timestamp = made["figures"]["timestamp"]
        self.archive = next(self.store.rglob("codebase_*.tar.gz"))
        self.dump = next(self.store.rglob("*.dump"))

    def end(self):
        self.bench.shell(self.stop_command)
        self.bench.shell(f"{self.restore} --project {self.project} discard-old || true")
        self.bench.shell("dropdb --if-exists journal_test")
        for folder in (self.live, self.store, self.bench.work / "test"):
            shutil.rmtree(folder, ignore_errors=True)

    def damage(self):
        self.bench.shell(f"find {self.live} -type f | head -n 100 | xargs truncate -s 0; "
                         "psql -q -d journal -c 'UPDATE comment SET body = body || chr(33) WHERE id % 100 = 1'")
        self.bench.shell("sync")

    def timed(self, command):
        before = time.monotonic()
        output = self.bench.shell(command)
        return time.monotonic() - before, output

    def down(self):
        """Seconds without the service, and the whole."""
        ours, ours_whole, theirs = [], [], []
        for turn in range(self.bench.given.rounds):
            self.damage()
            wall, output = self.timed(f"{self.restore} --project {self.project} --json restore {self.timestamp} --confirm")
            ours_whole.append(wall)
            ours.append(json.loads(output)["figures"]["down_ms"] / 1000)
            self.damage()
            wall, _ = self.timed(f"{self.stop_command} && pg_restore --clean --if-exists -d journal {self.dump} && "
                                 f"tar -xzf {self.archive} -C {self.live} && {{ {self.start_command}; }}")
            theirs.append(wall)
            print(f"in place, round {turn + 1}: down {ours[-1]:.2f} s of {ours_whole[-1]:.2f} s; by hand {wall:.2f} s",
                  file=sys.stderr)
        print(f"\n**A service is down** (median of {self.bench.given.rounds}; its own stop and start take 0.1 s)\n")
        print("| | down | the whole |\n|---|---|---|")
        print(f"| jbackup-restore restore | {median_line('', ours)} | {median_line('', ours_whole)} |")
        print(f"| stop; pg_restore --clean; tar -xzf; start | {median_line('', theirs)} | the same |")

    def staged(self):
        """Restoring alone: to an environment, which has no service and gets no safety backup."""
        test = self.bench.work / "test"
        for kind, title, theirs, clear in (
                ("codebase", "tar -xzf", f"mkdir {test} && tar -xzf {self.archive} -C {test}", f"rm -rf {test}"),
                ("database", "pg_restore -j2", f"createdb -T template0 journal_test && pg_restore -j2 -d journal_test {self.dump}",
                 "dropdb --if-exists journal_test")):
            figures = {"jbackup-restore restore --environment": [], title: []}
            ours = f"{self.restore} --project {self.project} --quiet restore {self.timestamp} --type {kind} --environment test"
            for turn in range(self.bench.given.rounds):
                for name, command in zip(figures, (ours, theirs)):
                    self.bench.shell(f"{self.restore} --project {self.project} discard-old >/dev/null 2>&1; {clear}; "
                                     f"mkdir -p {self.bench.work / 'empty'}; cat {self.archive} {self.dump} > /dev/null; sync")
                    if name != title and kind == "database":
                        self.bench.shell(f"mkdir -p {test}")
                    figures[name].append(self.timed(command)[0])
                    print(f"{kind}, round {turn + 1}: {name}: {figures[name][-1]:.2f} s", file=sys.stderr)
            mine = statistics.median(figures["jbackup-restore restore --environment"])
            print(f"\n**Restoring the {kind}, staged, compared and exchanged** (median of {self.bench.given.rounds})\n")
            print("| | time | jbackup's time to this |\n|---|---|---|")
            for name, walls in figures.items():
                print(f"| {name} | {median_line('', walls)} | {mine / statistics.median(walls):.2f} |")
