#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A service of an application, as init scripts have them: it holds its databases open.

    restore_service.py start|stop|status FILE

FILE is JSON: run (a folder of its own), root, port, sqlite, postgresql (a URL). /health answers with
the version of the code that it was started from and with what both databases say; 503 if one of
them does not. A stop is a kill: the last rows of the SQLite database stay in its -wal.
"""
import fcntl
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request

QUESTION = "SELECT 'state ' || note FROM state;"


class Answer:
    def __init__(self, setup):
        with open(os.path.join(setup["root"], "version.txt"), encoding="utf-8") as file:
            self.version = file.read().strip()
        self.sqlite = sqlite3.connect(setup["sqlite"], check_same_thread=False)
        self.sqlite.execute("PRAGMA wal_autocheckpoint = 0")
        self.url = setup["postgresql"]
        self.psql = None

    def ask(self):
        try:
            self.psql.stdin.write(QUESTION.encode() + b"\n")
            self.psql.stdin.flush()
            return self.psql.stdout.readline().decode().strip()
        except OSError:
            return ""

    def postgresql(self):
        """One connection, made anew when the server has ended it."""
        said = self.ask() if self.psql is not None else ""
        if not said:
            if self.psql is not None:
                self.psql.kill()
                self.psql.wait()
            self.psql = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.url], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            said = self.ask()
        return said

    def all(self):
        said = {"code": self.version, "sqlite": "", "postgresql": self.postgresql()}
        try:
            said["sqlite"] = self.sqlite.execute(QUESTION).fetchone()[0]
        except sqlite3.Error as error:
            said["error"] = str(error)
        return said


def serve(setup):
    answer = Answer(setup)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            said = answer.all()
            body = json.dumps(said, sort_keys=True).encode()
            self.send_response(200 if all(said.values()) else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", setup["port"]), Handler)
    answer.all()
    server.serve_forever()


def running(setup):
    """The process, if it lives (a zombie does not)."""
    try:
        with open(os.path.join(setup["run"], "pid"), encoding="utf-8") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return 0 if file.read().rsplit(")", 1)[1].split()[0] in "ZX" else pid
    except (OSError, ValueError):
        return 0


def health(setup):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{setup['port']}/health", timeout=5) as reply:
            return json.load(reply)
    except (OSError, ValueError) as error:
        return {"error": str(error)}


def start(setup):
    if running(setup):
        return 0
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(os.path.join(setup["run"], "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for fd, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(fd, target)
        os.closerange(3, 64)
        with open(os.path.join(setup["run"], "pid"), "w", encoding="utf-8") as file:
            file.write(str(os.getpid()))
        serve(setup)
    until = time.monotonic() + 10
    while time.monotonic() < until and "code" not in health(setup):
        time.sleep(0.03)
    return 0 if running(setup) else 1


def stop(setup):
    pid = running(setup)
    if pid:
        os.kill(pid, signal.SIGKILL)
        while running(setup) == pid:
            time.sleep(0.01)
    return 0


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        setup = json.load(file)
    if sys.argv[1] == "status":
        return 0 if running(setup) else 3
    # One at a time: whoever began one may have been killed.
    with open(os.path.join(setup["run"], "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {"start": start, "stop": stop}[sys.argv[1]](setup)


if __name__ == "__main__":
    sys.exit(main())
