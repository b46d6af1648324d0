#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a tree of everything that archives get wrong: nasty_tree.py FOLDER."""
import os
import random
import socket
import sys


def write(path, content=b"content\n"):
    os.makedirs(os.path.dirname(path) or b".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def main():
    os.chdir(sys.argv[1])
    dice = random.Random(1)
    # Lengths around the limits of the header: 99..101 and 155 + 100, names up to 255 bytes.
    for length in (98, 99, 100, 101, 155, 156, 254, 255):
        write(b"n" * length)
    deep = b"/".join(bytes([97 + i]) * 90 for i in range(6))
    write(deep + b"/end")
    write(b"p" * 155 + b"/" + b"q" * 100)
    write(b"p" * 156 + b"/" + b"q" * 101)
    # Bytes in names.
    for name in (b"new\nline", b"tab\there", b"latin-\xe9\xff", b"utf-\xc3\xa9", b" leading", b"trailing ",
                 b"back\\slash", b'quote"\'', b"-dash", b"*?[x]", b"\x01\x1b[31m", b"~", b"#x", b"@@x",
                 b"a=b", b"100%", b"dot.", b"..two", b"...", b"\xf0\x9f\x90\x88"):
        write(name, name)
    write(b"drive/C:")  # not at the top, where bsdtar would take it for a drive
    write(b"dir\nline/\xff/file")
    # Sizes around blocks, members and pieces.
    for size in (0, 1, 511, 512, 513, 32768, 262143, 262144, 262145, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
                 2 << 20, (2 << 20) + 1, 5_000_000):
        write(b"sizes/%09d" % size, dice.randbytes(size) if size % 2 else b"z" * size)
    for number in range(300):
        write(b"many/%02d/%03d.txt" % (number % 7, number), b"line %d\n" % number * (number % 90))
    # Links.
    write(b"links/original", b"linked content\n" * 100)
    os.link(b"links/original", b"links/another")
    os.link(b"links/original", b"zz-hard-link-at-the-end")
    os.link(b"n" * 255, b"links/" + b"m" * 250)
    for name, target in ((b"to-file", b"original"), (b"dangling", b"no/where"), (b"loop", b"loop"),
                         (b"outside", b"/etc/passwd"), (b"up", b"../.."), (b"long", b"t/" * 150),
                         (b"odd", b"a\nb\xff"), (b"to-folder", b"../sizes")):
        os.symlink(target, b"links/" + name)
    os.link(b"links/dangling", b"links/dangling-too", follow_symlinks=False)
    # Kinds.
    os.mkfifo(b"fifo")
    os.makedirs(b"empty/folder")
    here = socket.socket(socket.AF_UNIX)
    here.bind("socket")
    here.close()
    # Modes.
    for mode in (0o000, 0o001, 0o200, 0o400, 0o444, 0o777, 0o4755, 0o2755, 0o1777):
        write(b"modes/%04o" % mode)
        os.chmod(b"modes/%04o" % mode, mode)
        os.makedirs(b"modes/d%04o" % mode)
        write(b"modes/d%04o/inside" % mode)
        os.chmod(b"modes/d%04o" % mode, mode)
    # Times.
    for stamp in (-1, -86400 * 365 * 30, 0, 1, 2**31 - 1, 2**31, 2**33, 2**33 - 1, 1_700_000_000):
        name = b"times/%d" % stamp
        write(name)
        os.utime(name, ns=(stamp * 10**9, stamp * 10**9))
    for nanos in (1, 999_999_999, 120_000_000):
        write(b"times/n%d" % nanos)
        os.utime(b"times/n%d" % nanos, ns=(0, 1_600_000_000 * 10**9 + nanos))
    write(b"before-epoch/half-a-second")
    os.utime(b"before-epoch/half-a-second", ns=(0, -1_500_000_000))
    os.utime(b"links/dangling", ns=(0, 1_500_000_000 * 10**9), follow_symlinks=False)
    # Owners.
    if os.geteuid() == 0:
        for owner in (1, 65534, 2097151, 2097152, 3000000, 4294967294):
            write(b"owners/%d" % owner)
            os.chown(b"owners/%d" % owner, owner, owner)
    # Extended attributes.
    write(b"attributes/file")
    try:
        os.setxattr(b"attributes/file", b"user.x", b"value")
        os.setxattr(b"attributes/file", b"user.bin", b"\x00\n=\xff")
        os.setxattr(b"attributes", b"user.folder", b"1")
    except OSError:
        pass


main()
