#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds a manifest against a PostgreSQL server, or against another manifest, by other means than
jbackup's: the tables by COPY and sha256sum, the large objects by lo_export.

    compare.py server MANIFEST NAME          the database is that of PGDATABASE
    compare.py manifests MANIFEST NAME MANIFEST NAME
    compare.py value MANIFEST NAME KEY...    prints the value at KEY of the database

Prints what differs, or how much was equal; status 1 if anything differs or nothing was compared."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

PSQL = os.environ.get("PSQL", "psql")
# What pg_dump sets, too.
SETTINGS = b"""SELECT pg_catalog.set_config('search_path', '', false) \\g /dev/null
SET synchronize_seqscans = off; SET DateStyle = ISO; SET IntervalStyle = postgres;
SET extra_float_digits = 3; SET row_security = off; SET statement_timeout = 0;
"""
TABLES = """COPY (SELECT encode(textsend(n.nspname::text), 'hex'), encode(textsend(c.relname::text), 'hex'),
    encode(textsend(format('%I.%I', n.nspname, c.relname)), 'hex'),
    encode(textsend(coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = ''), '')), 'hex')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'KIND'
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    AND (c.oid IN (SELECT unnest(extconfig) FROM pg_extension) OR NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
    ORDER BY 1, 2) TO STDOUT;
"""


def psql(script):
    environment = {k: v for k, v in os.environb.items() if k != b"PGCLIENTENCODING"}
    environment[b"PGTZ"] = b"UTC"
    done = subprocess.run([PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], input=script,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    if done.returncode != 0:
        sys.exit(f"psql: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode().splitlines()


def printable(name):
    """As a manifest has a name: one that is not UTF-8 is escaped."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        text = name.decode(errors="surrogateescape")
        return "".join(f"\\x{ord(c) - 0xdc00:02x}" if "\udc80" <= c <= "\udcff" else
                       f"\\x{ord(c):02x}" if ord(c) < 32 or ord(c) == 127 else c for c in text)


def database(path, name):
    with open(path, encoding="utf-8") as file:
        manifest = json.load(file)
    for artifact in manifest["backup_results"]["database"].values():
        if artifact["name"] == name:
            return artifact
    sys.exit(f"{path} has no database {name}")


def relations(kind):
    """{(schema, name): (SQL name, columns)} of the server, names as a manifest has them."""
    found = {}
    for line in psql(TABLES.replace("KIND", kind).encode()):
        schema, name, sql, columns = (bytes.fromhex(field) for field in line.split("\t"))
        found[printable(schema), printable(name)] = sql, columns
    return found


def tables_of_server():
    present = relations("r")
    script = SETTINGS
    for sql, columns in present.values():
        columns = b"(" + columns + b") " if columns else b""
        script += b"COPY " + sql + b" " + columns + b"TO STDOUT \\g |sha256sum\n"
        script += b"SELECT count(*) FROM ONLY " + sql + b";\n"
    lines = psql(script)
    assert len(lines) == 2 * len(present)
    return {key: (printable(columns), int(lines[2 * i + 1]), lines[2 * i].split()[0])
            for i, (key, (_, columns)) in enumerate(present.items())}


def sequences_of_server():
    present = relations("S")
    script = b"".join(b"SELECT last_value, is_called FROM " + sql + b";\n" for sql, _ in present.values())
    values = [line.split("|") for line in psql(script)] if present else []
    return {key: (int(value), called == "t") for key, (value, called) in zip(present, values)}


def objects_of_server():
    oids = psql(b"SELECT oid FROM pg_largeobject_metadata ORDER BY oid;")
    lines, total = b"", 0
    with tempfile.TemporaryDirectory() as folder:
        psql(b"".join(b"\\lo_export %s '%s/%s'\n" % (o.encode(), folder.encode(), o.encode()) for o in oids))
        for oid in oids:
            digest = hashlib.sha256()
            with open(f"{folder}/{oid}", "rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
                size = file.tell()
            lines += f"{oid} {size} {digest.hexdigest()}\n".encode()
            total += size
    return {"count": len(oids), "bytes": total,
            "sha256": hashlib.sha256(lines).hexdigest() if oids else None}


def tables_of(artifact):
    rows = {(t["schema"], t["name"]): (t["columns"], t["rows"], t["sha256"]) for t in artifact["tables"]}
    if len(rows) != len(artifact["tables"]):
        print("two tables of the manifest have one name")
    return rows


def sequences_of(artifact):
    return {(s["schema"], s["name"]): (s["value"], s["is_called"]) for s in artifact["sequences"]}


def differences(what, recorded, found):
    for key in sorted(set(recorded) | set(found)):
        if recorded.get(key) != found.get(key):
            yield f"{what} {key}: {str(recorded.get(key))[:200]}, found {str(found.get(key))[:200]}"


def compare(artifact, tables, sequences, objects):
    bad = list(differences("table", tables_of(artifact), tables))
    bad += differences("sequence", sequences_of(artifact), sequences)
    bad += differences("large objects", artifact["large_objects"], objects)
    return bad


def main():
    artifact = database(*sys.argv[2:4])
    if sys.argv[1] == "value":
        value = artifact
        for key in sys.argv[4:]:
            value = value[key]
        print(value if isinstance(value, str) else json.dumps(value))
        return 0
    if sys.argv[1] == "server":
        bad = compare(artifact, tables_of_server(), sequences_of_server(), objects_of_server())
    else:
        other = database(*sys.argv[4:6])
        bad = compare(artifact, tables_of(other), sequences_of(other), other["large_objects"])
        bad += differences("schema", {0: artifact["schema_sha256"]}, {0: other["schema_sha256"]})
    held = f"{len(artifact['tables'])} tables, {len(artifact['sequences'])} sequences, " \
           f"{artifact['large_objects']['count']} large objects"
    print("\n".join(bad) if bad else f"equal: {held}")
    return 1 if bad else 0


sys.exit(main())
