#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The code of a project in two states: restore_tree.py FOLDER old|new. First new (what is backed up)
is made, then old (what lives when it is restored) of it: no kind of change is missing, and what the
backup leaves out is another one."""
import os
import random
import shutil
import sys


def put(path, text, mode=0o644, when=1_600_000_000):
    if os.path.lexists(path):
        os.unlink(path)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    os.utime(path, ns=(when * 10**9 + 123456789, when * 10**9 + 987654321))


def make(state):
    """What the backup holds."""
    dice = random.Random(7)
    put("version.txt", f"state {state}\n")
    for number in range(160):
        words = " ".join(dice.choices(["safe", "old", "new", "never", "mixed"], k=dice.randint(1, 400)))
        put(f"src/part{number % 7}/deep{number % 3}/file{number}.py", words, dice.choice([0o644, 0o600, 0o755, 0o440]))
    for number in range(60):
        put(f"static/css/{number}.css", f"{number} {state}\n" * dice.randint(1, 90))
        put(f"templates/{number % 5}/{number}.html", f"<p>{number}</p>\n" * dice.randint(1, 90))
    put("bin/run", "#!/bin/sh\n", 0o4755)
    put("bin/none", "secret\n", 0)
    put("name with\nnew line and \u00e4.txt", "odd\n")
    os.link("src/part0/deep0/file0.py", "src/hard.py")
    os.link("version.txt", "linked-version.txt")
    os.symlink("src/part0", "link-to-folder")
    os.symlink("/nowhere/at/all", "broken-link")
    os.makedirs("empty/within")
    os.chmod("empty", 0o2750)
    os.makedirs("read-only")
    put("read-only/file", "fixed\n", 0o444)
    os.chmod("read-only", 0o555)
    os.mkdir("only-in-backup")
    put("only-in-backup/file", "new\n")
    put("becomes-folder", "a file\n")
    os.makedirs("becomes-link/inner")
    os.mkfifo("pipe")


def left_out(state):
    put(".git/HEAD", f"ref {state}\n")
    put(".git/objects/ab/cdef", state * 1000)
    put(".env", f"SECRET={state}\n", 0o600)
    put("static/uploads/photo.jpg", state * 5000)
    put("static/uploads/deep/er/one.jpg", state * 50)
    put("src/part3/deep0/__pycache__/file3.pyc", state)
    put("src/part3/note.log", f"a log of {state}\n")


def change():
    """The present: as if a deployment had gone wrong."""
    for number in range(0, 160, 3):
        put(f"src/part{number % 7}/deep{number % 3}/file{number}.py", f"changed {number}\n" * 30, when=1_700_000_000)
    for number in range(1, 60, 4):
        os.unlink(f"static/css/{number}.css")
    shutil.rmtree("only-in-backup")
    put("only-now/file", "old\n")
    put("src/only-now.py", "old\n")
    put("version.txt", "state old\n", when=1_700_000_000)
    os.unlink("becomes-folder")
    put("becomes-folder/file", "in it\n")
    shutil.rmtree("becomes-link")
    os.symlink("src", "becomes-link")
    os.unlink("link-to-folder")
    os.symlink("src/part1", "link-to-folder")
    os.chmod("bin/run", 0o755)
    os.chmod("templates", 0o700)
    shutil.rmtree("empty")
    put("gone-in-backup/uploads/kept.jpg", "what no backup has\n")
    left_out("old")


def main():
    os.chdir(sys.argv[1])
    os.umask(0o022)
    if sys.argv[2] == "new":
        make("new")
        left_out("new")
    else:
        change()
    for folder, names, _ in os.walk(".", topdown=False):
        if folder.split("/")[1:2] != ["backups"] and folder != ".":
            os.utime(folder, (1_650_000_000, 1_650_000_000 + len(names)))


main()
