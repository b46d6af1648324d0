# SPDX-License-Identifier: MIT
"""Where it is measured: a working folder, the data made in it, and what one command takes. Invariant: nothing
is written outside the working folder."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Failed(Exception):
    """A command that ended with another status than 0."""

    def __init__(self, command, status, output):
        super().__init__(f"status {status}: {command}\n{output.strip()}")
        self.brief = f"status {status}" + "".join(f": {line}" for line in output.strip().splitlines()[-1:])


def told(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, given):
        self.given = given
        self.work = pathlib.Path(given.work or tempfile.mkdtemp(prefix="jbackup-bench-")).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.tools = pathlib.Path(given.jbackup).resolve().parent
        self.jbackup = shlex.quote(str(pathlib.Path(given.jbackup).resolve()))
        self.environment = dict(os.environ, JBACKUP=str(pathlib.Path(given.jbackup).resolve()))

    def end(self):
        if not self.given.keep and not self.given.work:
            shutil.rmtree(self.work)

    def make(self, name, script, *arguments):
        """Data is made once and kept between runs with the same working folder."""
        path = self.work / name
        if not path.exists():
            told(f"making {path}")
            subprocess.run([sys.executable, HERE / script, path, *map(str, arguments)], check=True)
        return path

    def tree(self):
        if self.given.tree:
            return pathlib.Path(self.given.tree).resolve()
        return self.make("tree", "make_tree.py", "--files", self.given.files, "--bytes", self.given.bytes)

    def sqlite(self):
        return self.make("journal.db", "make_sqlite.py", "--bytes", self.given.db_bytes)

    def project(self, name, **settings):
        """A project folder apart from what it protects."""
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        settings = {"name": name, "backup_dir": str(folder / "backups"), "default_excludes": False, **settings}
        (folder / "jbackup.json").write_text(json.dumps(settings))
        return shlex.quote(str(folder))

    def shell(self, command, variables=None):
        """What the command prints; variables are added to its environment."""
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + command], stdin=subprocess.DEVNULL,
                              env={**self.environment, **(variables or {})}, capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            raise Failed(command, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def measure(self, command, variables=None):
        """Wall time in seconds, until what it wrote is on the disk, and peak memory in MB of the command's
        largest process. Not all programs sync what they write, so that is done for all."""
        sync = f"sync -f {shlex.quote(str(self.work))}"
        self.shell(sync)
        peak = self.work / "peak"
        timed = f"command time -f %M -o {shlex.quote(str(peak))} bash -c {shlex.quote('set -o pipefail; ' + command)}"
        before = time.monotonic()
        self.shell(f"{timed} && {sync}", variables)
        wall = time.monotonic() - before
        return wall, int(peak.read_text()) / 1000

    def warm(self, *paths):
        """Reads all files, so that nobody gets them from the disk."""
        names = " ".join(shlex.quote(str(path)) for path in paths)
        self.shell(f"find {names} -type f -print0 | xargs -0 -r cat > /dev/null")


def stored_bytes(folder):
    """What the files in it hold; what is linked counts once."""
    files = [path.lstat() for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink()]
    return sum({info.st_ino: info.st_size for info in files}.values())
