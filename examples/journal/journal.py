#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small web journal: entries with tags, a search, files that were sent to it. Python's own library
only, and psycopg2 if the entries lie in PostgreSQL.

    journal.py seed  [--entries N]                  make .env and a database with N entries
    journal.py serve [--port P]                     answer on http://127.0.0.1:P/
    journal.py write --per-second N [--seconds S]   keep committing entries, as busy users would

DATABASE_URL and PORT come from the environment, else from .env beside this file.
"""
import argparse
import contextlib
import datetime
import html
import http.server
import json
import os
import pathlib
import random
import re
import signal
import socket
import string
import sys
import threading
import time
import urllib.parse

import store

HOME = pathlib.Path(__file__).resolve().parent
UPLOADS = HOME / "uploads"
DEFAULTS = {"DATABASE_URL": "sqlite:///instance/journal.db", "PORT": "5000"}
PAGE_SIZE = 20
FORM_MAX = 1 << 20
UPLOAD_MAX = 32 << 20
UPLOAD_NAME = re.compile(r"/uploads/([A-Za-z0-9][A-Za-z0-9._-]{0,99})")

PEOPLE = "Anna Ben Carla David Eva Finn Greta Henri Ida Jonas".split()
DOINGS = ("walked along the river with|had coffee with|wrote a long letter to|repaired the old bicycle with|"
          "cooked lentil soup for|argued about maps with|planted tomatoes beside|read poems aloud to|"
          "missed the train and met|listened to the rain with").split("|")
THOUGHTS = ("It rained until noon.|The light was beautiful.|I should do this more often.|"
            "Nothing went as planned, and that was fine.|Tomorrow the kitchen must be painted.|"
            "The cat slept through all of it.|We laughed a great deal.|"
            "I still think about what was said.|The bread turned out well.|Early to bed.").split("|")
TAGS = "family work garden travel books weather kitchen music".split()


def setting(name):
    """The environment, then .env, then what is usual."""
    if os.environ.get(name):
        return os.environ[name]
    env = HOME / ".env"
    for line in env.read_text(encoding="utf-8").splitlines() if env.exists() else []:
        key, _, value = line.strip().removeprefix("export ").partition("=")
        if key.strip() == name:
            return value.strip().strip("'\"")
    return DEFAULTS[name]


def connect(make=False):
    return contextlib.closing(store.open_store(setting("DATABASE_URL"), HOME, make))


def make_entry(dice, when):
    sentences = [f"Today I {dice.choice(DOINGS)} {dice.choice(PEOPLE)}."]
    sentences += dice.choices(THOUGHTS, k=dice.randint(2, 12))
    title = f"{when:%A}, {dice.choice(PEOPLE)} and the {dice.choice(TAGS)}"
    return title, " ".join(sentences), dice.randint(1, 5), dice.sample(TAGS, dice.randint(0, 3))


def seed(entries):
    env = HOME / ".env"
    if not env.exists():
        env.touch(mode=0o600)
        env.write_text(f"DATABASE_URL={DEFAULTS['DATABASE_URL']}\n", encoding="utf-8")
    UPLOADS.mkdir(exist_ok=True)
    dice = random.Random(20240708)
    when = datetime.datetime(2016, 1, 1, 7, 30)
    with connect(make=True) as journal:
        with journal.transaction():
            for number in range(entries):
                when += datetime.timedelta(minutes=dice.randint(30, 1500))
                journal.add(when, *make_entry(dice, when))
                if number % 500 == 0:
                    (UPLOADS / f"photo-{number:05d}.bin").write_bytes(dice.randbytes(20000))
        print(f"{journal.count()} entries")


def write(per_second, seconds):
    """Commits entries until the time is over or a signal comes; prints how many and the longest wait."""
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    dice = random.Random()
    began = time.monotonic()
    count, longest = 0, 0.0
    with connect(make=True) as journal:
        while not stop and (seconds is None or time.monotonic() - began < seconds):
            now = datetime.datetime.now()
            before = time.monotonic()
            with journal.transaction():
                journal.add(now, *make_entry(dice, now))
            longest = max(longest, time.monotonic() - before)
            count += 1
            pause = began + count / per_second - time.monotonic()
            if pause > 0:
                time.sleep(pause)
    print(f"{count} entries committed, the longest wait was {longest * 1000:.0f} ms")


def page(title, content):
    template = string.Template((HOME / "templates/page.html").read_text(encoding="utf-8"))
    return template.substitute(title=html.escape(title), content=content)


def entry_html(row):
    number, when, title, body, mood = row
    template = string.Template((HOME / "templates/entry.html").read_text(encoding="utf-8"))
    return template.substitute(id=number, when=html.escape(when[:16].replace("T", " ")),
                               title=html.escape(title), body=html.escape(body), mood="●" * (mood or 0))


class Handler(http.server.BaseHTTPRequestHandler):
    server_version = "journal"
    timeout = 10  # a client that stalls keeps the service from ending for no longer

    def answer(self, status, kind, body, **more):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, why):
        self.answer(status, "text/plain; charset=utf-8", why + "\n")

    def when_database_answers(self, do):
        try:
            do()
        except store.ERRORS as why:
            self.log_error("the database does not answer: %s", str(why).strip())
            self.answer(503, "application/json", '{"status": "the database does not answer"}\n')

    def do_GET(self):
        self.when_database_answers(self.get)

    def do_POST(self):
        origin = self.headers.get("Origin")
        if origin and urllib.parse.urlsplit(origin).netloc != self.headers.get("Host"):
            self.refuse(403, "this came from another site")
        else:
            self.when_database_answers(self.post)

    def get(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/":
            self.get_entries(urllib.parse.parse_qs(url.query).get("q", [""])[0])
        elif url.path == "/health":
            with connect() as journal:
                count = journal.count()
            self.answer(200, "application/json", json.dumps({"status": "ok", "entries": count}) + "\n")
        elif url.path == "/entries":
            with connect() as journal:
                rows = journal.newest(PAGE_SIZE)
            names = ("id", "written_at", "title", "body", "mood")
            self.answer(200, "application/json", json.dumps([dict(zip(names, row)) for row in rows]) + "\n")
        elif url.path == "/static/style.css":
            self.answer(200, "text/css", (HOME / "static/style.css").read_bytes())
        elif (name := UPLOAD_NAME.fullmatch(url.path)) and (UPLOADS / name[1]).is_file():
            self.answer(200, "application/octet-stream", (UPLOADS / name[1]).read_bytes(),
                        Content_Disposition="attachment")
        else:
            self.answer(404, "text/html; charset=utf-8", page("Not found", "<p>There is no such page.</p>"))

    def get_entries(self, words):
        with connect() as journal:
            rows = journal.find(words, PAGE_SIZE) if words.split() else journal.newest(PAGE_SIZE)
        entries = "".join(entry_html(row) for row in rows)
        self.answer(200, "text/html; charset=utf-8",
                    page("Journal", entries or "<p>Nothing was found.</p>"))

    def body(self, most):
        """What was sent; None, and the refusal is answered, if that can't be taken."""
        length = self.headers.get("Content-Length") or ""
        if not length.isdecimal() or not 0 < int(length) <= most:
            self.refuse(413 if length.isdecimal() and int(length) else 400, "cannot take this")
            return None
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            self.refuse(400, "this has ended too early")
            return None
        return data

    def post(self):
        name = UPLOAD_NAME.fullmatch(self.path)
        if self.path != "/entries" and not name:
            self.refuse(404, "nothing is taken here")
        elif (data := self.body(UPLOAD_MAX if name else FORM_MAX)) is None:
            pass
        elif name:
            self.take_upload(name[1], data)
        else:
            self.take_entry(urllib.parse.parse_qs(data.decode("utf-8", "replace")))

    def take_entry(self, form):
        title, body = form.get("title", [""])[0], form.get("body", [""])[0]
        tags = form.get("tags", [""])[0].split()
        if not title or not body or "\0" in title + body + "".join(tags):
            self.refuse(400, "an entry needs a title and a text")
            return
        with connect() as journal, journal.transaction():
            journal.add(datetime.datetime.now(), title, body, None, tags)
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take_upload(self, name, data):
        UPLOADS.mkdir(exist_ok=True)
        staged = UPLOADS / f".{name}.{threading.get_ident()}"
        staged.write_bytes(data)
        staged.replace(UPLOADS / name)
        self.answer(201, "text/plain", f"/uploads/{name}\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the answers that are on their way


def notify(state):
    """Tells systemd (Type=notify); nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def serve(port):
    with connect(make=True):
        pass
    server = Server(("127.0.0.1", port), Handler)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    notify("READY=1")
    server.serve_forever(poll_interval=0.1)
    notify("STOPPING=1")
    server.server_close()


def main():
    parser = argparse.ArgumentParser(description="A small web journal.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("seed", help="make .env and a database with entries")
    verb.add_argument("--entries", type=int, default=5000)
    verb = verbs.add_parser("serve", help="answer on http://127.0.0.1:PORT/")
    verb.add_argument("--port", type=int, default=None)
    verb = verbs.add_parser("write", help="keep committing entries")
    verb.add_argument("--per-second", type=float, required=True)
    verb.add_argument("--seconds", type=float)
    given = parser.parse_args()
    try:
        if given.verb == "seed":
            seed(given.entries)
        elif given.verb == "serve":
            serve(int(setting("PORT")) if given.port is None else given.port)
        else:
            write(given.per_second, given.seconds)
    except (ValueError, OSError, *store.ERRORS) as why:
        sys.exit(f"journal: {str(why).strip()}")


main()
