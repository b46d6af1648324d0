#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The health of the backups from Python, with nothing but the library and ctypes: what an admin
page needs. As a program it prints a dictionary as JSON:

    health.py /srv/journal

JBACKUP_LIBRARY names the library, if it is not installed: libjbackup.so.0
"""
import ctypes
import json
import os
import sys

LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("sys_errno", ctypes.c_int), ("text", ctypes.c_char * 1024),
                ("hint", ctypes.c_char * 512)]


class Finding(ctypes.Structure):
    _fields_ = [("level", ctypes.c_int), ("subject", ctypes.c_char_p), ("message", ctypes.c_char_p),
                ("hint", ctypes.c_char_p)]


FINDING_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Finding))


class MonitorOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("check", ctypes.c_char_p), ("alert", ctypes.c_int),
                ("write_report", ctypes.c_int), ("prometheus", ctypes.c_char_p),
                ("finding", FINDING_HOOK), ("user", ctypes.c_void_p)]


class BackupError(Exception):
    """A verb could not do its work; hint says what to do."""

    def __init__(self, error):
        super().__init__(error.text.decode())
        self.hint = error.hint.decode()


library = ctypes.CDLL(os.environ.get("JBACKUP_LIBRARY", "libjbackup.so.0"))
library.jb_report_json.restype = ctypes.c_char_p
library.jb_report_json.argtypes = [ctypes.c_void_p]
library.jb_report_free.argtypes = [ctypes.c_void_p]
library.jb_project_close.argtypes = [ctypes.c_void_p]


def health(folder, on_finding=None):
    """The report of monitor_check. on_finding(check, level, message, hint) is called for each
    finding as soon as its check has ended."""
    project, report, error = ctypes.c_void_p(), ctypes.c_void_p(), Error()

    def called(_user, check, finding):
        if on_finding:
            it = finding.contents
            on_finding(check.decode(), LEVELS[it.level], it.message.decode(), it.hint.decode())

    options = MonitorOptions(size=ctypes.sizeof(MonitorOptions), finding=FINDING_HOOK(called))
    if library.jb_project_open(ctypes.byref(project), os.fsencode(folder), ctypes.byref(error)) < 0:
        raise BackupError(error)
    try:
        if library.monitor_check(project, ctypes.byref(options), ctypes.byref(report),
                                 ctypes.byref(error)) < 0:
            raise BackupError(error)
        return json.loads(library.jb_report_json(report))
    finally:
        library.jb_report_free(report)
        library.jb_project_close(project)


if __name__ == "__main__":
    try:
        answer = health(sys.argv[1] if len(sys.argv) > 1 else ".",
                        lambda check, level, message, hint: print(check, level, message, hint,
                                                                  sep=" | ", file=sys.stderr))
    except BackupError as why:
        sys.exit(f"{why}\n{why.hint}")
    print(json.dumps(answer, indent=1))
