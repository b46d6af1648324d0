# SPDX-License-Identifier: MIT
"""What an answer of jbackup-verify, a JSON file, says of its tests.

    system_failed.py FILE tests             the names of those that failed, in one line
    system_failed.py FILE findings [TEST]   the findings of level ERROR and worse

A test has failed if its row says so, and then it must have such a finding; else it must have none."""
import json
import sys

BAD = ("ERROR", "CRITICAL")


def is_of(finding, test):
    return finding["subject"] == test or finding["subject"].startswith(test + ":")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        answer = json.load(file)
    if "rows" not in answer:
        sys.exit(f"no answer: {answer}")
    bad = [finding for finding in answer["findings"] if finding["level"] in BAD]
    if sys.argv[2] == "findings":
        for finding in bad:
            if len(sys.argv) < 4 or is_of(finding, sys.argv[3]):
                print(f"{finding['subject']}: {finding['message']} | {finding['hint']}")
        return
    tests = [row for row in answer["rows"] if row["row"] == "test"]
    failed = [row["test"] for row in tests if not row["ok"]]
    figures = answer["figures"]
    if figures["failed"] != len(failed) or figures["passed"] != len(tests) - len(failed) \
            or figures["tests"] != len(tests):
        sys.exit(f"the figures don't fit: {figures}")
    for row in tests:
        if row["ok"] == any(is_of(finding, row["test"]) for finding in bad):
            sys.exit(f"the findings don't fit: {row}")
    print(*failed)


main()
