#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Digests of a SQLite database file, from the definition in libjbackup/source/sqlite.h alone:
first "schema SHA256", then "TABLE ROWS SHA256" for each table (control characters as \\xNN)."""
import hashlib
import sqlite3
import struct
import sys
import urllib.parse


class Text(bytes):
    pass


def canonical(value):
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"I%d" % value
    if isinstance(value, float):
        return b"R" + struct.pack(">d", value).hex().encode()
    return (b"T" if isinstance(value, Text) else b"B") + b"%d:" % len(value) + bytes(value)


def digest(*row_sets):
    sha256, count = hashlib.sha256(), 0
    for rows in row_sets:
        for row in rows:
            sha256.update(b"".join(canonical(value) + b"," for value in row) + b"\n")
            count += 1
    return count, sha256.hexdigest()


def main():
    name = urllib.parse.quote(sys.argv[1])
    db = sqlite3.connect(f"file:{name}?mode=ro&immutable=1", uri=True)
    db.text_factory = Text
    order = "type, name, tbl_name, sql"
    numbers = [db.execute(f"PRAGMA {which}").fetchone()[0]
               for which in ("user_version", "application_id")]
    print("schema", digest(db.execute(f"SELECT {order} FROM sqlite_schema ORDER BY {order}"),
                           [numbers])[1])
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
    for table in sorted(row[0].decode() for row in tables.fetchall()):
        quoted = table.replace('"', '""')
        rows = db.execute(f'SELECT * FROM "{quoted}" NOT INDEXED')
        shown = "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in table)
        print(shown, *digest(rows))


main()
