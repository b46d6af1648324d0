#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a tree as a web project has it: code, texts, data, images; always the same for the same
arguments.

    make_tree.py FOLDER --files 60000 --bytes 2G [--seed N]
    make_tree.py FOLDER --mutate 1 [--seed N]      rewrite 1 percent of the files, in a few folders
"""
import argparse
import os
import random
import string
import sys

UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
# Kind: its share of the files, the suffixes.
KINDS = {"code": (0.62, [".py", ".js", ".c", ".html", ".css"]), "text": (0.20, [".md", ".txt", ".csv"]),
         "data": (0.08, [".json", ".bin"]), "image": (0.10, [".jpg", ".png", ".woff2"])}
LARGE_SHARE = 0.01  # of the files; they hold about a third of the bytes
OLDEST = 1_500_000_000


def byte_count(text):
    return int(float(text[:-1]) * UNITS[text[-1].upper()]) if text[-1].upper() in UNITS else int(text)


class Content:
    """Lines and words to draw from; what is drawn is not repeated within a file's neighbourhood
    more than real code repeats itself."""

    def __init__(self, dice):
        self.dice = dice
        letters = string.ascii_lowercase
        names = ["".join(dice.choices(letters, k=dice.randint(2, 10))) for _ in range(4000)]
        weights = [1 / (n + 3) for n in range(len(names))]
        operators = [" = ", "(", ".", ", ", " + ", "[", " == ", " in ", ": ", " and "]

        def code_line():
            words = dice.choices(names, weights, k=dice.randint(1, 7))
            line = dice.choice(operators).join(words)
            return (" " * 4 * dice.randint(0, 4) + line + dice.choice(["", ")", ":", "()", ";"]) + "\n").encode()

        def sentence():
            return (" ".join(dice.choices(names, weights, k=dice.randint(4, 20))).capitalize() + ". ").encode()

        self.pools = {"code": [code_line() for _ in range(40000)], "text": [sentence() for _ in range(30000)]}
        self.means = {kind: sum(map(len, pool)) / len(pool) for kind, pool in self.pools.items()}

    def make(self, kind, size):
        if kind == "image":
            return self.dice.randbytes(size)
        if kind == "data":  # numbers in a row: compresses to about a half
            return self.dice.randbytes(size // 2 + 1).hex().encode()[:size]
        count = int(size / self.means[kind] * 1.15) + 8
        return b"".join(self.dice.choices(self.pools[kind], k=count))[:size]


def plan(dice, files, total):
    """(folder, name, kind, size) of each file; the sizes add up to about total."""
    kinds = dice.choices(list(KINDS), [share for share, _ in KINDS.values()], k=files)
    sizes = [dice.lognormvariate(8.3, 1.4) for _ in range(files)]
    for number in range(files):
        if dice.random() < LARGE_SHARE:
            sizes[number] = dice.lognormvariate(13.5, 1.2)
    scale = total / sum(sizes)
    folders = [""]
    while len(folders) < max(files // 25, 1):
        parent = dice.choice(folders[-400:])
        parent = parent if parent.count("/") < 9 else ""
        folders.append(f"{parent}{dice.choice(string.ascii_lowercase)}{len(folders):05d}/")
    for number in range(files):
        suffix = dice.choice(KINDS[kinds[number]][1])
        yield folders[number * len(folders) // files], f"f{number:06d}{suffix}", kinds[number], int(sizes[number] * scale)


def write(path, content, stamp):
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, ns=(stamp, stamp))


def make(folder, files, total, seed):
    dice = random.Random(seed)
    content = Content(dice)
    for place, name, kind, size in plan(random.Random(seed + 1), files, total):
        os.makedirs(os.path.join(folder, place), exist_ok=True)
        stamp = (OLDEST + dice.randrange(200_000_000)) * 10**9 + dice.randrange(10**9)
        write(os.path.join(folder, place, name), content.make(kind, size), stamp)


def kind_of(name):
    suffix = os.path.splitext(name)[1]
    return next((kind for kind, (_, suffixes) in KINDS.items() if suffix in suffixes), "text")


def mutate(folder, percent, seed):
    dice = random.Random(seed + 2)
    content = Content(dice)
    tree = [(place, sorted(names)) for place, _, names in sorted(os.walk(folder)) if names]
    wanted = int(sum(len(names) for _, names in tree) * percent / 100)
    dice.shuffle(tree)
    done = 0
    for place, names in tree:
        for name in names:
            if done >= wanted:
                return done
            path = os.path.join(place, name)
            write(path, content.make(kind_of(name), os.path.getsize(path)),
                  (OLDEST + 300_000_000 + dice.randrange(10**6)) * 10**9)
            done += 1
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--files", type=int, default=60000)
    parser.add_argument("--bytes", type=byte_count, default=2 * 10**9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutate", type=float)
    given = parser.parse_args()
    if given.mutate is not None:
        print(f"{mutate(given.folder, given.mutate, given.seed)} files rewritten")
        return
    if os.path.isdir(given.folder) and os.listdir(given.folder):
        sys.exit(f"make_tree.py: {given.folder} is not empty")
    os.makedirs(given.folder, exist_ok=True)
    make(given.folder, given.files, given.bytes, given.seed)


main()
