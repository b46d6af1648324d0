#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts a hostile archive in the place of a backup's own, with index, checksums and manifest that fit:
as someone would who may write to the repository.

    hostile_archive.py list
    hostile_archive.py CASE BACKUPS TIMESTAMP CANARY

CANARY is the folder that the archive tries to reach. A case is refused, restored, or either.
"""
import hashlib
import json
import os
import struct
import sys
import zlib

BLOCK = 512
PIECE = 1 << 20
PATH_MAX = 4095  # bytes of a stored path
CONTROL = b"\x1b[2J\x1b]0;owned\x07\r\n\x08\x7f\xc2\x9b31m\x9b1m\xff\xe2\x80\xae"
TYPES = {b"0": "file", b"5": "folder", b"2": "symlink", b"1": "hardlink", b"6": "fifo"}


def number(value, width):
    """Octal digits, or base-256 where they don't suffice."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    raw = value.to_bytes(width, "big", signed=True)
    return (bytes([0xFF]) if value < 0 else bytes([0x80 | raw[0]])) + raw[1:]


def header(name, kind, size=0, mode=0o644, link=b"", mtime=1_700_000_000, uid=0, gid=0):
    block = (name[:100].ljust(100, b"\0") + number(mode, 8) + number(uid, 8) + number(gid, 8) +
             number(size, 12) + number(mtime, 12) + b" " * 8 + kind + link[:100].ljust(100, b"\0") +
             b"ustar\x0000")
    block = block.ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(content):
    return content + bytes(-len(content) % BLOCK)


def extension(kind, content, size=None):
    return header(b"././@LongLink", kind, len(content) if size is None else size) + padded(content)


def record(key, value):
    rest = len(key) + len(value) + 3
    total = rest + 1
    while len(str(total)) + rest != total:
        total += 1
    return b"%d %s=%s\n" % (total, key, value)


def member(raw, told_raw=None, told_total=None, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = packer.compress(raw) + packer.flush()
    total = 24 + len(body) + 8
    told_raw = len(raw) if told_raw is None else told_raw
    told_total = total if told_total is None else told_total
    return (b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0JB\x08\0" + struct.pack("<II", told_total, told_raw) +
            body + struct.pack("<II", zlib.crc32(raw), told_raw & 0xFFFFFFFF))


def members(raw):
    return [member(raw[at:at + PIECE]) for at in range(0, max(len(raw), 1), PIECE)]


class Entry:
    """One entry of the archive, and its line of the index unless that is given apart."""

    def __init__(self, path, kind=b"0", content=b"", link=None, mode=None, **other):
        self.path, self.kind, self.content, self.link = path, kind, content, link
        self.mode = mode if mode is not None else 0o755 if kind == b"5" else 0o644
        self.size = other.get("size", len(content))
        self.owner = other.get("owner", os.geteuid())
        self.mtime = other.get("mtime", 1_700_000_000)
        self.before = other.get("before", b"")  # extensions of one's own making
        self.name = other.get("name")  # in the header, if not the path
        self.line = other.get("line", {})  # what the index says instead; None: it has no such line

    def blocks(self):
        name = self.path + b"/" if self.kind == b"5" else self.path
        link = self.link or b""
        raw = self.before
        if len(link) > 99:
            raw += extension(b"K", link + b"\0")
        if self.name is None and len(name) > 99:
            raw += extension(b"L", name + b"\0")
        return raw + header(self.name or name[:99], self.kind, self.size, self.mode, link[:99],
                            self.mtime, self.owner, self.owner) + padded(self.content)

    def index(self, offset, place):
        def text(key, value):
            try:
                return {key: value.decode()}
            except UnicodeDecodeError:
                return {key + "_hex": value.hex()}
        line = text("path", self.path)
        line |= {"type": TYPES.get(self.kind, "file"), "size": self.size, "mode": self.mode,
                 "uid": self.owner, "gid": self.owner, "mtime": self.mtime, "mtime_ns": 0,
                 "ctime": self.mtime, "ctime_ns": 0, "inode": 1}
        if self.kind not in TYPES or self.kind == b"0":
            line["sha256"] = hashlib.sha256(self.content).hexdigest()
        if self.link is not None:
            line |= text("link", self.link)
        line |= {"offset": offset, "member": place}
        return line | self.line


def folder(path, **other):
    return Entry(path, b"5", **other)


def symlink(path, to, **other):
    return Entry(path, b"2", link=to, mode=0o777, **other)


def hardlink(path, to, **other):
    return Entry(path, b"1", link=to, **other)


class Archive:
    def __init__(self, entries):
        self.entries = entries
        self.end = bytes(2 * BLOCK)
        self.frame = members  # how the tar is cut and compressed
        self.spoil_index = lambda lines: lines
        self.spoil_manifest = lambda manifest: None

    def make(self):
        """The packed archive, the packed index, and the length of each unpacked."""
        raw, offsets = bytearray(), []
        for entry in self.entries:
            offsets.append(len(raw))
            raw += entry.blocks()
        raw += self.end
        packed, starts, at = self.frame(bytes(raw)), [], 0
        for one in packed:
            starts.append(at)
            at += len(one)
        lines = bytearray()
        for entry, offset in zip(self.entries, offsets):
            if entry.line is not None:
                place = [(starts or [0])[min(offset // PIECE, max(len(starts) - 1, 0))], offset % PIECE]
                lines += json.dumps(entry.index(offset, place), ensure_ascii=False,
                                    separators=(",", ":")).encode() + b"\n"
        lines = self.spoil_index(bytes(lines))
        return b"".join(packed), len(raw), b"".join(members(lines)), len(lines)


# ---- The cases ------------------------------------------------------------------------------------

CASES = {}


def case(expected):
    def add(make):
        CASES[make.__name__.replace("_", "-")] = (expected, make)
        return make
    return add


def project(*more):
    """A small project and what is added to it."""
    usual = [folder(b"."), folder(b"src"), Entry(b"src/main.py", content=b"print('restored')\n")]
    return Archive(usual + list(more))


def text_of(path):
    return os.fsencode(path)


def plain(name, expected, entries):
    """A case that is a project with some entries more; entries(canary) gives them."""
    CASES[name] = (expected, lambda canary: project(*entries(text_of(canary))))


plain("dotdot", "refused", lambda c: [Entry(b"../escaped", content=b"x")])
plain("dotdot-within", "refused", lambda c: [Entry(b"src/../../escaped", content=b"x")])
plain("dotdot-folder", "refused", lambda c: [folder(b"..")])
plain("dotdot-long", "refused", lambda c: [Entry(b"src/" + b"../" * 60 + c[1:] + b"/new", content=b"x")])
plain("dotdot-control", "refused", lambda c: [Entry(b"../" + CONTROL, content=b"x")])
plain("absolute", "refused", lambda c: [Entry(c + b"/new", content=b"x")])
plain("absolute-folder", "refused", lambda c: [folder(c)])
plain("empty-name", "refused", lambda c: [Entry(b"", content=b"x")])
plain("double-slash", "refused", lambda c: [Entry(b"src//x", content=b"x")])
plain("dot-component", "refused", lambda c: [Entry(b"src/./x", content=b"x")])
plain("root-is-file", "refused", lambda c: [Entry(b".", content=b"x")])
CASES["root-is-symlink"] = ("refused", lambda canary: Archive(
    [symlink(b".", text_of(canary)), Entry(b"new", content=b"x")]))
CASES["dotdot-not-indexed"] = ("refused", lambda canary: project(
    Entry(b"../escaped", content=b"x", line={"path": "src/ordinary"})))

plain("symlink-outside", "restored", lambda c: [symlink(b"src/out", c), symlink(b"src/up", b"../../..")])
plain("write-through-symlink", "refused",
      lambda c: [symlink(b"src/out", c), Entry(b"src/out/new", content=b"x")])
plain("folder-through-symlink", "refused",
      lambda c: [symlink(b"src/out", c), folder(b"src/out/new")])
plain("chmod-through-symlink", "refused", lambda c: [symlink(b"src/out", c), folder(b"src/out", mode=0o777)])
plain("write-over-symlink", "refused",
      lambda c: [symlink(b"src/out", c + b"/file"), Entry(b"src/out", content=b"x")])
plain("symlink-over-root-folder", "refused", lambda c: [
    symlink(b"src", c), Entry(b"src/new", content=b"x")])
plain("symlink-chain", "refused", lambda c: [
    symlink(b"src/a", b".."), symlink(b"src/b", b"a/.."), Entry(b"src/b/new", content=b"x")])
plain("symlink-too-long", "refused", lambda c: [symlink(b"src/s", b"x/" * 3000)])
plain("symlink-control", "restored", lambda c: [symlink(b"src/s", CONTROL)])

plain("hardlink-outside", "refused", lambda c: [hardlink(b"src/h", b"../" + c + b"/file")])
plain("hardlink-absolute", "refused", lambda c: [hardlink(b"src/h", c + b"/file")])
plain("hardlink-through-symlink", "refused",
      lambda c: [hardlink(b"src/h", b"src/out/file"), symlink(b"src/out", c)])
plain("hardlink-after-symlink", "refused",
      lambda c: [symlink(b"src/out", c), hardlink(b"src/own", b"src/out/file")])
plain("hardlink-to-symlink", "either",
      lambda c: [symlink(b"src/s", c + b"/file"), hardlink(b"src/t", b"src/s")])
plain("write-over-linked-symlink", "refused", lambda c: [
    symlink(b"src/s", c + b"/file"), hardlink(b"src/t", b"src/s"), Entry(b"src/t", content=b"x")])
plain("hardlink-to-folder", "refused", lambda c: [hardlink(b"src/t", b"src")])
plain("hardlink-to-itself", "refused", lambda c: [hardlink(b"src/t", b"src/t")])
plain("hardlink-to-nothing", "refused", lambda c: [hardlink(b"src/t", b"src/none" + CONTROL)])
plain("hardlink-to-excluded", "either", lambda c: [hardlink(b"src/t", b"instance/app.db")])

for kind, name in ((b"3", "character-device"), (b"4", "block-device"), (b"7", "contiguous"), (b"S", "sparse"),
                   (b"g", "global-header"), (b"V", "volume"), (b"M", "multi-volume"), (b"D", "dump-folder"),
                   (b"s", "socket"), (b"\x1b", "control-type"), (b"X", "solaris-header")):
    plain(name, "refused", lambda c, kind=kind: [Entry(b"src/node" + CONTROL, kind)])
plain("fifo", "restored", lambda c: [Entry(b"src/pipe", b"6")])
plain("fifo-with-content", "refused", lambda c: [Entry(b"src/pipe", b"6", content=b"x" * 600)])

plain("file-twice", "refused", lambda c: [Entry(b"src/x", content=b"a"), Entry(b"src/x", content=b"b")])
plain("file-then-folder", "refused", lambda c: [
    Entry(b"src/x", content=b"a"), folder(b"src/x"), Entry(b"src/x/y", content=b"b")])
plain("file-in-file", "refused", lambda c: [Entry(b"src/x", content=b"a"), Entry(b"src/x/y", content=b"b")])
plain("folder-then-symlink", "refused", lambda c: [
    folder(b"src/x"), Entry(b"src/x/y", content=b"b"), symlink(b"src/x", c)])
plain("folder-then-symlink-then-file", "refused", lambda c: [
    folder(b"src/x"), symlink(b"src/x", c), Entry(b"src/x/y", content=b"b")])
plain("folder-twice", "refused", lambda c: [folder(b"src/x"), folder(b"src/x", mode=0o777)])
plain("root-twice", "refused", lambda c: [folder(b".", mode=0o777)])
plain("no-folder-above", "refused", lambda c: [Entry(b"src/a/b/c", content=b"x")])
plain("out-of-order", "refused", lambda c: [Entry(b"src/b", content=b"x"), Entry(b"src/a", content=b"x")])
plain("case-pairs", "restored", lambda c: [
    folder(b"src/nDir"), Entry(b"src/nDir/x", content=b"1"), Entry(b"src/nREAD", content=b"2"),
    Entry(b"src/nRead", content=b"3"), folder(b"src/ndir"), Entry(b"src/ndir/x", content=b"4")])
plain("ours", "either", lambda c: [folder(b"src/.jbackup-restore-20200101_000000"),
                                   Entry(b"src/.jbackup-restore-20200101_000000/x", content=b"x")])
plain("repository", "either", lambda c: [folder(b"src/.jbackup"), Entry(b"src/.jbackup/lock", content=b"x")])

plain("setuid", "restored", lambda c: [
    folder(b"src/s", mode=0o7777), Entry(b"src/s/x", content=b"#!/bin/sh\n", mode=0o6755)])
plain("setuid-of-nobody", "restored", lambda c: [
    Entry(b"src/x", content=b"#!/bin/sh\n", mode=0o6755, owner=2 ** 32 - 1),
    Entry(b"src/y", content=b"#!/bin/sh\n", mode=0o6755, owner=2 ** 40 + os.geteuid())])
plain("no-rights", "restored", lambda c: [folder(b"src/x", mode=0), Entry(b"src/x/y", mode=0, content=b"x")])
plain("time-far", "either", lambda c: [Entry(b"src/x", mtime=2 ** 62), Entry(b"src/y", mtime=-2 ** 62)])

plain("size-2-62", "refused", lambda c: [Entry(b"src/x", size=2 ** 62)])
plain("size-octal", "refused", lambda c: [Entry(b"src/x", size=8 ** 11 - 1)])
plain("size-negative", "refused", lambda c: [Entry(b"src/x", size=-1, line={"size": 0})])
plain("size-beyond-64", "refused", lambda c: [Entry(b"src/x", size=2 ** 80, line={"size": 0})])
plain("size-lies", "refused", lambda c: [Entry(b"src/x", content=b"y" * 600, line={"size": 6})])
plain("size-of-symlink", "refused", lambda c: [symlink(b"src/x", b"y", size=2 ** 40)])
plain("pax-size", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"size", b"4611686018427387904")))])
plain("pax-path", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"path", b"../escaped" + CONTROL)))])
plain("pax-linkpath", "refused", lambda c: [
    Entry(b"src/x", b"2", link=b"main.py", before=extension(b"x", record(b"linkpath", c)))])
plain("pax-sparse", "refused", lambda c: [Entry(b"src/x", before=extension(
    b"x", record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.realsize", b"%d" % 2 ** 62)))])
plain("pax-length-huge", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", b"99999999999999999999999 mtime=1\n"))])
plain("pax-length-negative", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", b"-10 mtime=1\n"))])
plain("pax-length-zero", "refused", lambda c: [Entry(b"src/x", before=extension(b"x", b"0 mtime=1\n"))])
plain("pax-key-control", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(CONTROL.replace(b"\n", b""), b"1")))])
plain("pax-record-huge", "either", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"SCHILY.xattr.user.x", b"v" * ((4 << 20) - 100))))])
plain("pax-too-large", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"SCHILY.xattr.user.x", b"v" * (4 << 20))))])
plain("pax-size-2-62", "refused", lambda c: [Entry(b"src/x", before=extension(b"x", b"", 2 ** 62))])
plain("pax-many", "refused", lambda c: [Entry(b"src/x", before=extension(
    b"x", b"".join(record(b"SCHILY.xattr.user.%d" % n, b"v") for n in range(100_000))))])
plain("pax-again", "restored", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"SCHILY.xattr.user.x", b"v")) * 2000)])
plain("pax-time", "refused", lambda c: [
    Entry(b"src/x", before=extension(b"x", record(b"mtime", b"9" * 4000)))])
plain("xattr-control", "restored", lambda c: [Entry(b"src/x", before=extension(
    b"x", record(b"SCHILY.xattr.user." + CONTROL.replace(b"\n", b""), CONTROL)))])

plain("name-huge", "refused", lambda c: [Entry(b"src/" + b"n/" * 2_000_000 + b"x")])
plain("name-size-2-62", "refused", lambda c: [Entry(b"src/x", before=extension(b"L", b"", 2 ** 62))])
plain("name-many", "restored", lambda c: [Entry(b"src/x", before=extension(b"L", b"src/x\0") * 3000)])
plain("name-without-end", "refused", lambda c: [Entry(b"src/x", before=extension(b"L", b"n" * 200))])
plain("name-with-nul", "refused", lambda c: [Entry(b"src/x", before=extension(b"L", b"src/x\0../y\0"))])
plain("name-too-long", "refused", lambda c: [Entry(b"src/" + b"n" * 300)])
plain("name-control-too-long", "refused", lambda c: [Entry(b"src/" + CONTROL * 50)])
plain("link-huge", "refused", lambda c: [symlink(b"src/x", b"n/" * 2_000_000)])


@case("restored")
def names_control(canary):
    names = [CONTROL, b"new\nline", b"\x1b[31mred", b"\xc2\x9b2J", b"\x80\x9b", b"bell\x07", b"\x7f" * 10,
             b"\xe2\x80\xaetxt.exe", b"$(touch owned)", b"-rf", b"`id`", b"a|b", b"\xed\xa0\x80"]
    entries = [Entry(b"src/" + name, content=name) for name in sorted(names)]
    return Archive([folder(b"."), folder(b"src")] + entries)


def chain(levels):
    return [folder(b"/".join([b"d"] * level)) for level in range(1, levels + 1)]


@case("restored")
def deep_as_can_be(canary):
    deepest = chain(PATH_MAX // 2)
    return Archive([folder(b".")] + deepest + [Entry(deepest[-1].path + b"/f", content=b"deep\n")])


@case("refused")
def deep_100000(canary):
    return Archive([folder(b".")] + chain(2000) + [folder(b"/".join([b"d"] * 100_000))])


@case("refused")
def deep_100000_alone(canary):
    return Archive([folder(b"."), Entry(b"/".join([b"d"] * 100_000), content=b"x")])


@case("refused")
def deep_100000_link(canary):
    return project(hardlink(b"src/x", b"/".join([b"d"] * 100_000)))


# ---- Members ---------------------------------------------------------------------------------------

def framed(name, expected, frame, *entries):
    def make(canary):
        archive = project(*entries)
        archive.frame = frame
        return archive
    CASES[name] = (expected, make)


BIG = 1 << 30


def bomb(**told):
    """A gzip member of 1 GiB of zeros: about 1 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(PIECE)
    body = b"".join(packer.compress(zeros) for _ in range(BIG >> 20)) + packer.flush()
    total = told.get("total", 24 + len(body) + 8)
    raw = told.get("raw", BIG)
    return (b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0JB\x08\0" + struct.pack("<II", total, raw) + body +
            struct.pack("<II", 0, raw))


framed("bomb", "refused", lambda raw: [member(raw[:-1024]), bomb()])
framed("bomb-told-small", "refused", lambda raw: [member(raw[:-1024]), bomb(raw=PIECE)])
framed("bomb-told-short", "refused", lambda raw: [member(raw[:-1024]), bomb(raw=PIECE, total=1000)])
framed("member-told-4-gib", "refused", lambda raw: [member(raw, told_raw=2 ** 32 - 1)])
framed("member-total-4-gib", "refused", lambda raw: [member(raw, told_total=2 ** 32 - 1)])
framed("member-total-0", "refused", lambda raw: [member(raw, told_total=0)])
framed("member-total-32", "refused", lambda raw: [member(raw, told_total=32)])
framed("members-empty", "either", lambda raw: [member(b"")] * 20_000 + [member(raw)])
framed("plain-gzip", "refused", lambda raw: [zlib.compress(raw, wbits=31)])
framed("not-packed", "refused", lambda raw: [raw])
framed("nothing", "refused", lambda raw: [])


@case("refused")
def zeros_after_end(canary):
    """What follows the end mark goes on and on."""
    archive = project()
    zeros = member(bytes(4 << 20), level=9)
    archive.frame = lambda raw: [member(raw)] + [zeros] * 256 + [member(b"x")]
    return archive


@case("refused")
def more_than_told(canary):
    """The index fits, but the manifest, by which the space was reckoned, knows of no such file."""
    archive = project(Entry(b"src/zeros", content=bytes(64 << 20)))
    archive.spoil_manifest = lambda m: m["backup_results"]["codebase"].update(
        {"files": 1, "file_bytes": 20, "raw_size": 9728})
    return archive


# ---- The index -------------------------------------------------------------------------------------

def indexed(name, expected, spoil, *entries):
    def make(canary):
        archive = project(*entries)
        archive.spoil_index = lambda lines: spoil(lines, canary)
        return archive
    CASES[name] = (expected, make)


def last_line(change):
    def spoil(lines, canary):
        kept, last = lines[:-1].rsplit(b"\n", 1)
        last = json.loads(last)
        change(last, canary)
        return kept + b"\n" + json.dumps(last, ensure_ascii=False).encode() + b"\n"
    return spoil


def index_says(name, **what):
    indexed("index-" + name, "refused", last_line(lambda line, canary: line.update(what)))


index_says("dotdot", path="../../escaped")
index_says("absolute", path="/etc/passwd")
index_says("other-path", path="src/other.py")
index_says("control", path="src/\x1b[2J\x9b\x07")
index_says("digest", sha256="0" * 64)
index_says("digest-control", sha256="\x1b" * 64)
index_says("type", type="symlink", link="/etc/passwd")
index_says("type-unknown", type="device\x1b[2J")
index_says("type-list", type=["file"])
index_says("size", size=2 ** 62)
index_says("size-real", size=1e300)
index_says("mode", mode=0o6777)
index_says("path-number", path=7)
index_says("hex-nul", path=None, path_hex="00")
index_says("time", mtime=2 ** 63 - 1, mtime_ns=999_999_999)
indexed("index-more", "refused", lambda lines, c: lines + lines.splitlines(True)[-1].replace(b"main", b"more"))
indexed("index-less", "refused", lambda lines, c: b"".join(lines.splitlines(True)[:-1]))
indexed("index-empty", "refused", lambda lines, c: b"")
indexed("index-not-json", "refused", lambda lines, c: lines + b"\x1b[2J\x9b{\n")
indexed("index-nested", "refused", lambda lines, c: lines + b"[" * 1_000_000 + b"\n")
indexed("index-line-huge", "refused", lambda lines, c: lines + b" " * (64 << 20) + b"\n")
indexed("index-text-huge", "refused", lambda lines, c: lines + b'{"path":"' + b"x/" * 500_000 + b'"}\n')
indexed("index-keys-many", "refused", lambda lines, c: lines + json.dumps(
    {str(n): n for n in range(60_000)}).encode() + b"\n")
indexed("index-cut", "refused", lambda lines, c: lines[:-1])
# The place in the archive is a hint: whoever reads all of it doesn't need it.
for name, place in (("offset", {"offset": 2 ** 62}), ("member", {"member": [2 ** 62, 0]}),
                    ("skip", {"member": [0, 2 ** 62]}), ("member-within", {"member": [5, 0]})):
    indexed("index-" + name, "either", last_line(lambda line, canary, place=place: line.update(place)))


# ---- The manifest ----------------------------------------------------------------------------------

def manifest_says(name, expected, spoil):
    def make(canary):
        archive = project()
        archive.spoil_manifest = lambda manifest: spoil(manifest, canary)
        return archive
    CASES["manifest-" + name] = (expected, make)


def code_of(manifest):
    return manifest["backup_results"]["codebase"]


manifest_says("size-2-62", "refused", lambda m, c: code_of(m).update({"size": 2 ** 62}))
manifest_says("size-small", "either", lambda m, c: code_of(m).update({"size": 1}))
manifest_says("raw-size-large", "either", lambda m, c: code_of(m).update({"raw_size": 2 ** 53}))
manifest_says("file-bytes-large", "either", lambda m, c: code_of(m).update({"file_bytes": 2 ** 53}))
manifest_says("files-large", "either", lambda m, c: code_of(m).update({"files": 2 ** 53}))
manifest_says("size-negative", "refused", lambda m, c: code_of(m).update({"raw_size": -1}))
manifest_says("path", "refused", lambda m, c: code_of(m).update({"path": "../../" + c + "/file"}))
manifest_says("path-control", "refused", lambda m, c: code_of(m).update({"path": "codebase\x1b[2J\x9b"}))
manifest_says("index-path", "refused", lambda m, c: code_of(m)["index"].update({"path": c + "/file"}))
manifest_says("no-index", "refused", lambda m, c: code_of(m).update({"index": None}))
manifest_says("texts", "restored", lambda m, c: m["metadata"].update(
    {key: "\x1b[2J\x1b]0;owned\x07\u009b31m\r\n\u202e" for key in ("label", "host", "tool", "project", "git_branch")}))


def write_manifest(path, manifest):
    text = json.dumps(manifest, indent=2)
    body = (text[:-2] + ",\n").encode()
    line = b'"manifest_sha256": "%s"}\n' % hashlib.sha256(body).hexdigest().encode()
    with open(path, "wb") as out:
        out.write(body + line)


def main():
    if sys.argv[1:] == ["list"]:
        for name, (expected, _) in CASES.items():
            print(name, expected)
        return
    name, backups, timestamp, canary = sys.argv[1:]
    archive = CASES[name][1](canary)
    packed, raw_size, index, index_size = archive.make()
    category = next(f"{backups}/{one}" for one in ("daily", "weekly", "monthly")
                    if os.path.exists(f"{backups}/{one}/manifest_{timestamp}.json"))
    place = f"{category}/manifest_{timestamp}.json"
    with open(place, encoding="utf-8") as source:
        manifest = json.load(source)
    del manifest["manifest_sha256"]
    code = code_of(manifest)
    files = [entry for entry in archive.entries if entry.kind == b"0"]
    sizes = {"files": len(files), "file_bytes": min(sum(max(file.size, 0) for file in files), 2 ** 53),
             "folders": sum(entry.kind == b"5" for entry in archive.entries),
             "links": sum(entry.kind in b"12" for entry in archive.entries)}
    sums = {}
    for artifact, content, raw in ((code, packed, raw_size), (code["index"], index, index_size)):
        sha256 = hashlib.sha256(content).hexdigest()
        with open(f"{category}/{artifact['path']}", "wb") as out:
            out.write(content)
        sums[artifact["path"]] = sha256
        artifact |= {"size": len(content), "raw_size": raw, "checksum": "sha256:" + sha256}
    code |= sizes
    archive.spoil_manifest(manifest)
    checksums = f"{category}/checksums_{timestamp}.sha256"
    with open(checksums, encoding="utf-8") as source:
        lines = [line.split(None, 1) for line in source]
    text = "".join(f"{sums.get(path.strip(), old)}  {path}" for old, path in lines)
    with open(checksums, "w", encoding="utf-8") as out:
        out.write(text)
    stored = [one for database in manifest["backup_results"]["database"].values() for one in [database]]
    stored += [code] + ([code["index"]] if code["index"] else [])
    manifest["metadata"]["total_size"] = sum(one["size"] for one in stored)
    manifest["metadata"]["checksum"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    write_manifest(place, manifest)


main()
