#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""copy_lie.py BACKUPS LIE: makes the newest backup's index or manifest lie, and everything that vouches for it lie with it,
as somebody would who may write to the repository. A LIE is a Python statement on one of the lines of the index, its entry as the
dictionary e (of paths below src/), or on the manifest's text as t, begun with "manifest:"."""
import hashlib
import json
import pathlib
import sys
import zlib


def member(raw):
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(raw) + packer.flush()
    total = 24 + len(body) + 8
    return (b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0JB\x08\0" + total.to_bytes(4, "little") + len(raw).to_bytes(4, "little") + body +
            zlib.crc32(raw).to_bytes(4, "little") + len(raw).to_bytes(4, "little"))


def main():
    lie = sys.argv[2]
    manifest = max(pathlib.Path(sys.argv[1]).glob("*/manifest_*.json"), key=lambda path: path.name)
    text = manifest.read_text()
    text = text[:text.rindex('"manifest_sha256"')]
    if lie.startswith("manifest:"):
        told = {"t": text}
        exec(lie.removeprefix("manifest:"), told)
        assert told["t"] != text
        text = told["t"]
    else:
        index = manifest.with_name(manifest.name.replace("manifest", "codebase").replace(".json", ".index.jsonl.gz"))
        packed, lines = index.read_bytes(), b""
        while packed:
            reader = zlib.decompressobj(31)
            lines += reader.decompress(packed)
            packed = reader.unused_data
        entries = [json.loads(line) for line in lines.splitlines()]
        before = json.dumps(entries)
        for e in entries:
            if e["path"].startswith("src/"):
                exec(lie, {"e": e, "entries": entries})
        assert json.dumps(entries) != before
        told = member(b"".join(json.dumps(e, separators=(",", ":")).encode() + b"\n" for e in entries))
        whole = json.loads(text + '"manifest_sha256": null}')["backup_results"]["codebase"]["index"]
        old = hashlib.sha256(index.read_bytes()).hexdigest()
        total = json.loads(text + '"manifest_sha256": null}')["metadata"]["total_size"]
        index.unlink()
        index.write_bytes(told)
        sums = manifest.with_name(manifest.name.replace("manifest", "checksums").replace(".json", ".sha256"))
        old_sums = hashlib.sha256(sums.read_bytes()).hexdigest()
        vouched = sums.read_text().replace(old, hashlib.sha256(told).hexdigest())
        sums.write_text(vouched)
        text = text.replace(old, hashlib.sha256(told).hexdigest()).replace(old_sums, hashlib.sha256(vouched.encode()).hexdigest())
        text = text.replace(f'"size": {whole["size"]},', f'"size": {len(told)},')
        text = text.replace(f'"total_size": {total}', f'"total_size": {total - whole["size"] + len(told)}')
    manifest.write_text(text + f'"manifest_sha256": "{hashlib.sha256(text.encode()).hexdigest()}"}}\n')


main()
