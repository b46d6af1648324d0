# SPDX-License-Identifier: MIT
"""Runs a program on a terminal of its own, and prints what it wrote there.

    terminal.py COLUMNS PROGRAM ARGUMENT...   ends with the program's status
    terminal.py --slowly COLUMNS ...          the same, but stops it most of the time, and for longer
                                              after what it first wrote there
    terminal.py --widths COLUMNS FILE         fails if a drawn progress bar in FILE is as wide"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


WORK_S, PAUSE_S = 0.003, 0.04
LONG_PAUSES, LONG_PAUSE_S = 3, 1.1  # after it a step has lasted long enough to tell its pace


def stop(pid, seconds):
    try:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def run(columns, command, is_slow=False):
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.environ["TERM"] = "xterm"
        os.execv(command[0], command)
    long_pauses = LONG_PAUSES if is_slow else 0
    while True:
        while is_slow and not select.select([terminal], [], [], WORK_S)[0]:
            stop(pid, PAUSE_S)
        try:
            text = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            text = b""
        if not text:
            break
        sys.stdout.buffer.write(text)
        if long_pauses > 0 and b"%" in text:
            long_pauses -= 1
            stop(pid, LONG_PAUSE_S)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def widths(columns, path):
    with open(path, encoding="utf-8", newline="") as file:
        drawn = re.findall("\r([^\r\n\033]+)\033\\[K", file.read().replace("\r\n", "\n"))
    print(len(drawn), "bars, the widest:", max(drawn, key=len, default=""))
    return 1 if not drawn or max(map(len, drawn)) >= columns else 0


if sys.argv[1] == "--widths":
    sys.exit(widths(int(sys.argv[2]), sys.argv[3]))
if sys.argv[1] == "--slowly":
    sys.exit(run(int(sys.argv[2]), sys.argv[3:], is_slow=True))
sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
