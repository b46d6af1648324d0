#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small web journal: entries with tags, a search, an attachment folder. Python's own library only.

    journal.py seed  [--entries N]                  make .env and a database with N entries
    journal.py serve [--port P]                     answer on http://127.0.0.1:P/
    journal.py write --per-second N [--seconds S]   keep committing entries, as busy users would
"""
import argparse
import datetime
import html
import http.server
import pathlib
import random
import signal
import sqlite3
import string
import sys
import time
import urllib.parse

HOME = pathlib.Path(__file__).resolve().parent
DEFAULT_URL = "sqlite:///instance/journal.db"
PAGE_SIZE = 20
BODY_MAX = 1 << 20

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    written_at TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    mood INTEGER CHECK (mood BETWEEN 1 AND 5)
);
CREATE INDEX IF NOT EXISTS entry_written_at ON entry (written_at);
CREATE TABLE IF NOT EXISTS tag (
    entry_id INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (entry_id, name)
) WITHOUT ROWID;
"""
SEARCH_SCHEMA = """
CREATE VIRTUAL TABLE IF NOT EXISTS entry_search USING fts5(title, body, content='entry', content_rowid='id');
CREATE TRIGGER IF NOT EXISTS entry_search_add AFTER INSERT ON entry BEGIN
    INSERT INTO entry_search (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
"""
PEOPLE = "Anna Ben Carla David Eva Finn Greta Henri Ida Jonas".split()
DOINGS = ("walked along the river with|had coffee with|wrote a long letter to|repaired the old bicycle with|"
          "cooked lentil soup for|argued about maps with|planted tomatoes beside|read poems aloud to|"
          "missed the train and met|listened to the rain with").split("|")
THOUGHTS = ("It rained until noon.|The light was beautiful.|I should do this more often.|"
            "Nothing went as planned, and that was fine.|Tomorrow the kitchen must be painted.|"
            "The cat slept through all of it.|We laughed a great deal.|"
            "I still think about what was said.|The bread turned out well.|Early to bed.").split("|")
TAGS = "family work garden travel books weather kitchen music".split()


def database_path():
    """Where .env says the database lies."""
    url = DEFAULT_URL
    env = HOME / ".env"
    if env.exists():
        for line in env.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "DATABASE_URL":
                url = value.strip().strip("'\"")
    if not url.startswith("sqlite:///"):
        sys.exit(f"journal: DATABASE_URL is {url}, but only sqlite:///FILE is known")
    return HOME / url.removeprefix("sqlite:///")


def connect():
    path = database_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.executescript(SCHEMA)
    try:
        db.executescript(SEARCH_SCHEMA)
    except sqlite3.OperationalError:
        pass  # this SQLite was built without FTS5: the search uses LIKE
    return db


def has_search(db):
    return db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'entry_search'").fetchone()[0] > 0


def make_entry(dice, when):
    sentences = [f"Today I {dice.choice(DOINGS)} {dice.choice(PEOPLE)}."]
    sentences += dice.choices(THOUGHTS, k=dice.randint(2, 12))
    title = f"{when:%A}, {dice.choice(PEOPLE)} and the {dice.choice(TAGS)}"
    return title, " ".join(sentences), dice.randint(1, 5), dice.sample(TAGS, dice.randint(0, 3))


def add_entry(db, when, title, body, mood, tags):
    """Inside the caller's transaction."""
    row = db.execute("INSERT INTO entry (written_at, title, body, mood) VALUES (?, ?, ?, ?)",
                     (when.isoformat(timespec="milliseconds"), title, body, mood))
    db.executemany("INSERT INTO tag (entry_id, name) VALUES (?, ?)",
                   [(row.lastrowid, tag) for tag in sorted(set(tags))])
    return row.lastrowid


def seed(entries):
    env = HOME / ".env"
    if not env.exists():
        env.touch(mode=0o600)
        env.write_text(f"DATABASE_URL={DEFAULT_URL}\n", encoding="utf-8")
    uploads = HOME / "uploads"
    uploads.mkdir(exist_ok=True)
    dice = random.Random(20240708)
    db = connect()
    when = datetime.datetime(2016, 1, 1, 7, 30)
    db.execute("BEGIN IMMEDIATE")
    for number in range(entries):
        when += datetime.timedelta(minutes=dice.randint(30, 1500))
        add_entry(db, when, *make_entry(dice, when))
        if number % 500 == 0:
            (uploads / f"photo-{number:05d}.bin").write_bytes(dice.randbytes(20000))
    db.execute("COMMIT")
    count = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    db.close()
    print(f"{count} entries in {database_path()}")


def write(per_second, seconds):
    """Commits entries until the time is over or a signal comes; prints how many and the longest wait."""
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    dice = random.Random()
    db = connect()
    began = time.monotonic()
    count, longest = 0, 0.0
    while not stop and (seconds is None or time.monotonic() - began < seconds):
        now = datetime.datetime.now()
        before = time.monotonic()
        db.execute("BEGIN IMMEDIATE")
        add_entry(db, now, *make_entry(dice, now))
        db.execute("COMMIT")
        longest = max(longest, time.monotonic() - before)
        count += 1
        pause = began + count / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
    db.close()
    print(f"{count} entries committed, the longest wait was {longest * 1000:.0f} ms")


def page(title, content):
    template = string.Template((HOME / "templates/page.html").read_text(encoding="utf-8"))
    return template.substitute(title=html.escape(title), content=content)


def entry_html(row):
    number, when, title, body, mood = row
    template = string.Template((HOME / "templates/entry.html").read_text(encoding="utf-8"))
    return template.substitute(id=number, when=html.escape(when[:16].replace("T", " ")),
                               title=html.escape(title), body=html.escape(body), mood="●" * (mood or 0))


def find_entries(db, words):
    columns = "entry.id, written_at, entry.title, entry.body, mood"
    if not words:
        return db.execute(f"SELECT {columns} FROM entry ORDER BY written_at DESC LIMIT ?", (PAGE_SIZE,))
    if has_search(db):
        quoted = " ".join('"' + word.replace('"', '""') + '"' for word in words.split())
        return db.execute(f"SELECT {columns} FROM entry_search JOIN entry ON entry.id = entry_search.rowid "
                          "WHERE entry_search MATCH ? ORDER BY rank LIMIT ?", (quoted, PAGE_SIZE))
    return db.execute(f"SELECT {columns} FROM entry WHERE body LIKE '%' || ? || '%' "
                      "ORDER BY written_at DESC LIMIT ?", (words, PAGE_SIZE))


class Handler(http.server.BaseHTTPRequestHandler):
    server_version = "journal"

    def answer(self, status, kind, body):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/":
            words = query.get("q", [""])[0]
            db = connect()
            entries = "".join(entry_html(row) for row in find_entries(db, words))
            db.close()
            self.answer(200, "text/html; charset=utf-8",
                        page("Journal", entries or "<p>Nothing was found.</p>"))
        elif url.path == "/health":
            db = connect()
            count = db.execute("SELECT count(*) FROM entry").fetchone()[0]
            db.close()
            self.answer(200, "application/json", f'{{"status": "ok", "entries": {count}}}\n')
        elif url.path == "/static/style.css":
            self.answer(200, "text/css", (HOME / "static/style.css").read_bytes())
        else:
            self.answer(404, "text/html; charset=utf-8", page("Not found", "<p>There is no such page.</p>"))

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/entries" or not 0 < length <= BODY_MAX:
            self.answer(400, "text/plain", "cannot take this\n")
            return
        form = urllib.parse.parse_qs(self.rfile.read(length).decode("utf-8", "replace"))
        title, body = form.get("title", [""])[0], form.get("body", [""])[0]
        tags = form.get("tags", [""])[0].split()
        if not title or not body:
            self.answer(400, "text/plain", "an entry needs a title and a text\n")
            return
        db = connect()
        db.execute("BEGIN IMMEDIATE")
        add_entry(db, datetime.datetime.now(), title, body, None, tags)
        db.execute("COMMIT")
        db.close()
        self.send_response(303)
        self.send_header("Location", "/")
        self.end_headers()


def serve(port):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


def main():
    parser = argparse.ArgumentParser(description="A small web journal.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("seed", help="make .env and a database with entries")
    verb.add_argument("--entries", type=int, default=5000)
    verb = verbs.add_parser("serve", help="answer on http://127.0.0.1:PORT/")
    verb.add_argument("--port", type=int, default=5000)
    verb = verbs.add_parser("write", help="keep committing entries")
    verb.add_argument("--per-second", type=float, required=True)
    verb.add_argument("--seconds", type=float)
    given = parser.parse_args()
    if given.verb == "seed":
        seed(given.entries)
    elif given.verb == "serve":
        serve(given.port)
    else:
        write(given.per_second, given.seconds)


main()
