# SPDX-License-Identifier: MIT
"""Turns `meson introspect --tests` into lines "suite/name TAB command", the command quoted for a
shell. The argument is a suite, or all. Fast ones first: unit, fuzz, rules, cli, real."""
import json
import shlex
import sys

ORDER = ["unit", "fuzz", "rules", "cli", "real"]


def main():
    wanted = sys.argv[1]
    rows = []
    for test in json.load(sys.stdin):
        suites = [suite.split(":")[-1] for suite in test["suite"]]
        if wanted != "all" and wanted not in suites:
            continue
        kind = next((suite for suite in ORDER if suite in suites), "other")
        place = ORDER.index(kind) if kind in ORDER else len(ORDER)
        rows.append((place, len(rows), f"{kind}/{test['name']}\t{shlex.join(test['cmd'])}"))
    for _, _, line in sorted(rows):
        print(line)


main()
