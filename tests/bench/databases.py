# SPDX-License-Identifier: MIT
"""What is measured on databases: a copy of a SQLite file, and a PostgreSQL server of our own. Invariant: the
server ends with this process at the latest."""
import contextlib
import os
import shlex
import shutil
import sys

from bench import HERE, ROOT, told
from source import Source


def project(bench, name, url, **settings):
    empty = bench.work / "empty"
    empty.mkdir(exist_ok=True)
    bench.project(name, root=str(empty), databases=[url], **settings)
    return bench.work / name


def one_per_cent(table, seed):
    """One per cent of the rows, side by side, others for each seed."""
    first = f"(SELECT max(id) FROM {table}) * {seed % 97} / 100"
    return f"UPDATE {table} SET body = upper(body) || {seed} WHERE id > {first} AND id <= {first} + (SELECT max(id) FROM {table}) / 100"


class Sqlite(Source):
    kind, name = "sqlite", "SQLite"

    def begin(self):
        self.file = self.bench.work / "copy" / "journal.db"
        self.file.parent.mkdir(exist_ok=True)
        shutil.copy(self.bench.sqlite(), self.file)
        self.project = project(self.bench, "db", f"sqlite:///{self.file}")

    def end(self):
        shutil.rmtree(self.file.parent)
        super().end()

    def commands(self, peer):
        return super().commands(peer) if shutil.which("sqlite3") else {}

    def alter(self, seed):
        self.bench.shell(f'sqlite3 "{self.file}" "{one_per_cent("entry", seed)}"')

    def given(self, peer, **more):
        return super().given(peer, DATABASE=self.file, PROJECT=self.project, KIND="--db-only", **more)

    def warm(self):
        return (self.file.parent,)

    def same(self, step, peer):
        return 'cmp <(sqlite3 "$DATABASE" .dump) <(sqlite3 "$(find "$PLACE" -name "*.db")" .dump) && rm -rf "$PLACE"'


class Postgresql(Source):
    kind, name = "postgresql", "PostgreSQL"

    def run(self, chosen):
        with server(self.bench):
            super().run(chosen)

    def begin(self):
        test = self.bench.work / "test"
        self.project = project(self.bench, "pg", "postgresql:///journal", plain_sql="never", environments={
            "test": {"root": str(test), "databases": ["postgresql:///journal_test"]}})
        self.clear = f'dropdb --if-exists journal_test && mkdir -p "{test}"'

    def end(self):
        self.bench.shell("dropdb --if-exists journal_test")
        super().end()

    def alter(self, seed):
        self.bench.shell(f'psql -q -d journal -c "{one_per_cent("comment", seed)}" -c "{one_per_cent("entry", seed)}"')

    def given(self, peer, **more):
        return super().given(peer, PROJECT=self.project, KIND="--db-only", **more)

    def warm(self):
        return (self.bench.work / "server/data/base",)

    def same(self, step, peer):
        rows = "psql -X -A -t -c 'SELECT * FROM entry ORDER BY id' -c 'SELECT * FROM comment ORDER BY id' -d"
        return f"cmp <({rows} journal) <({rows} journal_test)"


def has_server(bench):
    return "yes" in bench.shell(f'. {shlex.quote(str(ROOT / "tests/postgres.sh"))}; [[ ! -x $pg_bin/initdb ]] || echo yes')


@contextlib.contextmanager
def server(bench):
    """It is reached by its socket; all its settings but the size of its log are the defaults of the tests."""
    folder = bench.work / "server"
    library = f". {shlex.quote(str(ROOT / 'tests/postgres.sh'))}; PG_OWNER={os.getpid()}"
    before = dict(bench.environment)
    bench.shell(f"{library}; pg_start {folder} 'max_wal_size = 4GB'")
    try:
        told_by = bench.shell(f"{library}; pg_env {folder}; PGHOST={folder}/run; echo $PGPORT $PGHOST $PGPASSFILE $pg_bin")
        port, host, passfile, programs = told_by.split()
        bench.environment.update(PGHOST=host, PGPORT=port, PGUSER="admin", PGPASSFILE=passfile,
                                 PATH=f"{programs}:{before['PATH']}")
        if not (folder / "filled").exists():
            told("making the database")
            bench.shell(f"dropdb --if-exists journal_made && createdb journal_made && {sys.executable} {HERE}/make_postgresql.py "
                        f"--bytes {bench.given.pg_bytes} | psql -q -v ON_ERROR_STOP=1 -d journal_made > /dev/null && "
                        "psql -q -d journal_made -c 'VACUUM ANALYZE'")
            (folder / "filled").touch()
        bench.shell("dropdb --if-exists journal && createdb -T journal_made journal")
        yield
    finally:
        bench.environment = before
        bench.shell(f"{library}; pg_stop {folder}")
