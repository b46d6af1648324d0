# SPDX-License-Identifier: MIT
"""Reading many gigabytes of backups in full, beside what only decodes them."""
import json
import shlex
import shutil

from compare import Comparison, OURS, Way
from make_sqlite import byte_count


def reading(bench, summary):
    """Backups of the tree and the SQLite database, until there are so many bytes of them. What is
    linked counts and is read as often as it has names, by all."""
    repository = bench.work / "verified"
    shutil.rmtree(repository, ignore_errors=True)
    project = bench.project("verify", root=str(bench.tree()), databases=[f"sqlite:///{bench.sqlite()}"],
                            backup_dir=str(repository))
    stored = 0
    while stored < byte_count(bench.given.verify_bytes):
        done = json.loads(bench.shell(f"{bench.jbackup} --project {project} --json backup"))
        stored += done["figures"]["total_size"]
    packed = f"find {shlex.quote(str(repository))} -name '*.gz' -print0 | xargs -0 -n 1"
    commands = [(OURS, f"{bench.jbackup} --project {project} --quiet verify --depth content"),
                ("gzip -t", f"{packed} gzip -t")]
    if shutil.which("pigz"):
        commands.append(("pigz -t", f"{packed} pigz -t"))
    ways = [Way(name, command, {}, warm=(repository,)) for name, command in commands]
    comparison = Comparison(bench, f"Reading {stored / 1e9:.1f} GB of backups in full", has_stored=False)
    for turn in range(bench.given.rounds):
        comparison.turn(turn, ways)
    shutil.rmtree(repository)
    comparison.print()
    summary.add(f"reading {stored / 1e9:.1f} GB of backups", comparison.times())
