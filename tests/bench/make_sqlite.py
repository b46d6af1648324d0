#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a SQLite database of journal text: make_sqlite.py FILE [--bytes 580M] [--seed N]. The same
arguments give the same content."""
import argparse
import os
import random
import sqlite3
import string
import sys

UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA page_size = 4096;
CREATE TABLE entry (id INTEGER PRIMARY KEY, written_at TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
                    mood INTEGER);
CREATE TABLE tag (entry_id INTEGER NOT NULL REFERENCES entry (id), name TEXT NOT NULL,
                  PRIMARY KEY (entry_id, name)) WITHOUT ROWID;
"""


def byte_count(text):
    return int(float(text[:-1]) * UNITS[text[-1].upper()]) if text[-1].upper() in UNITS else int(text)


def sentences(dice, count):
    words = ["".join(dice.choices(string.ascii_lowercase, [8, 2, 3, 4, 12, 2, 2, 6, 7, 1, 1, 4, 3, 7, 8, 2, 1, 6, 6,
                                                           9, 3, 1, 2, 1, 2, 1], k=dice.randint(2, 9)))
             for _ in range(30000)]
    weights = [1 / (n + 2) for n in range(len(words))]
    return [" ".join(dice.choices(words, weights, k=dice.randint(5, 22))).capitalize() + "." for _ in range(count)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--bytes", type=byte_count, default=580 * 10**6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if os.path.exists(given.file):
        sys.exit(f"make_sqlite.py: {given.file} exists")
    dice = random.Random(given.seed)
    pool = sentences(dice, 50000)
    tags = ["family", "work", "garden", "travel", "books", "weather"]
    db = sqlite3.connect(given.file)
    db.executescript(SCHEMA)
    number = 0
    while os.path.getsize(given.file) < given.bytes:
        entries, marks = [], []
        for _ in range(500):
            number += 1
            when = f"20{number % 24:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:00:00"
            entries.append((number, when, dice.choice(pool)[:60], " ".join(dice.choices(pool, k=dice.randint(3, 40))),
                            dice.randint(1, 5)))
            marks += [(number, tag) for tag in dice.sample(tags, dice.randint(0, 3))]
        db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entries)
        db.executemany("INSERT INTO tag VALUES (?, ?)", marks)
        db.commit()
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


if __name__ == "__main__":
    main()
