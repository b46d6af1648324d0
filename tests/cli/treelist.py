#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists a tree, one line per entry: path, kind, mode, owner, time, size, SHA-256, links.

    treelist.py FOLDER [OPTION...]
    --no-owner --no-link-time --no-folder-time --whole-seconds --as-double   what the other side
                                                                            can't keep
    --xattr            user attributes, too
    --except NAME      leave a top-level entry out
"""
import decimal
import hashlib
import math
import os
import stat
import sys


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            sha.update(piece)
    return sha.hexdigest()


def time_text(nanoseconds, options):
    if "--whole-seconds" in options:
        return str(nanoseconds // 10**9)
    if "--as-double" in options:  # as Python's tarfile does: a double, then down to a nanosecond
        fraction, seconds = math.modf(float(decimal.Decimal(nanoseconds) / 10**9))
        return str(int(seconds) * 10**9 + math.floor(fraction * 1e9))
    return str(nanoseconds)


def describe(path, info, options, first_names, name):
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink",
            stat.S_IFIFO: "fifo"}.get(stat.S_IFMT(info.st_mode), "other")
    words = [repr(name), kind]
    if kind != "symlink":
        words.append(f"{stat.S_IMODE(info.st_mode):04o}")
    if "--no-owner" not in options:
        words.append(f"{info.st_uid}:{info.st_gid}")
    if f"--no-{'link' if kind == 'symlink' else kind}-time" not in options:
        words.append(time_text(info.st_mtime_ns, options))
    if kind == "file":
        words += [str(info.st_size), digest(path)]
        if info.st_nlink > 1:
            words.append("same as " + repr(first_names.setdefault(info.st_ino, name)))
    if kind == "symlink":
        words.append(repr(os.readlink(path)))
    if "--xattr" in options and kind in ("file", "folder"):
        words += [f"{key}={os.getxattr(path, key)!r}" for key in sorted(os.listxattr(path))
                  if key.startswith("user.")]
    return " ".join(words)


def main():
    root, options = os.fsencode(sys.argv[1]), sys.argv[2:]
    left_out = {os.fsencode(value) for key, value in zip(options, options[1:]) if key == "--except"}
    lines, first_names = [], {}

    def walk(folder, prefix):
        for name in sorted(os.listdir(folder)):
            if not prefix and name in left_out:
                continue
            path, shown = os.path.join(folder, name), prefix + name
            info = os.lstat(path)
            if stat.S_ISSOCK(info.st_mode):
                continue
            lines.append(describe(path, info, options, first_names, shown))
            if stat.S_ISDIR(info.st_mode):
                walk(path, shown + b"/")

    walk(root, b"")
    print("\n".join(lines))


main()
