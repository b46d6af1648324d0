#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a restore, and ends or halts it on its way.

    restore_watch.py after MS -- COMMAND...             kills it then
    restore_watch.py phase JOURNAL PHASE -- COMMAND...  kills it as soon as its journal says PHASE
    restore_watch.py halt JOURNAL PHASE SHELL -- COMMAND...   halts it there, runs SHELL, lets it go on

The status is that of the command; 137 if it was killed."""
import os
import signal
import subprocess
import sys
import time


def has_phase(journal, phase):
    try:
        with open(journal, "rb") as file:
            text = file.read()
    except OSError:
        return False
    return f'"phase":"{phase}"'.encode() in text.replace(b" ", b"")


def main():
    at = sys.argv.index("--")
    what, words = sys.argv[1], sys.argv[2:at]
    began = time.monotonic()
    process = subprocess.Popen(sys.argv[at + 1:], stdin=subprocess.DEVNULL)
    while process.poll() is None:
        if time.monotonic() - began > 90:
            process.send_signal(signal.SIGABRT)
            print("still running after 90 s", file=sys.stderr)
        if what == "after":
            is_there = time.monotonic() - began >= int(words[0]) / 1000
        else:
            is_there = has_phase(words[0], words[1])
        if is_there and what == "halt":
            process.send_signal(signal.SIGSTOP)
            subprocess.run(["bash", "-c", words[2]], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
            process.send_signal(signal.SIGCONT)
            what, words = "after", ["80000"]
        elif is_there:
            process.kill()
            process.wait()
        else:
            time.sleep(0.0005)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


sys.exit(main())
