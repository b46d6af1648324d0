# SPDX-License-Identifier: MIT
"""libjbackup for Python: its whole public interface, through ctypes.

    import jbackup

    with jbackup.Project("/srv/journal") as project:
        made = project.backup_create(label="before the migration")
        print(made["figures"]["timestamp"])
        project.backup_verify(latest=1, depth=jbackup.Depth.RESTORE)

A verb is a method with the name that it has in jbackup.h (without jb_), its options are keywords, and
its report comes back as a dict: verdict, figures, rows, findings. What could not be done raises a
jbackup.Error with code, text, hint and, where there is one, report. Progress and log lines:

    project.set_hooks(log=lambda level, line: ..., progress=lambda step, done, total, unit: ...)

Something true from progress cancels at the next safe point; so does an exception in either hook, which is
raised again once the verb has ended. Nothing half-made stays behind; what was past its last safe point is
done all the same. A project belongs to one thread at a time.

The library is libjbackup.so.0 as the system finds it, or the file that JBACKUP_LIBRARY names.
"""
import ctypes
import enum
import json
import os
import threading
import weakref

# Each verb of one shape (project, options, report, error) and the fields of its options, in the order
# of jbackup.h. A hook is a callable: finding(check, finding), with a finding as reports have it; the
# pointer that C wants for it is not needed here.
VERBS = {
    "backup_create": "int:type int:wait_s text:category text:label int:keep_days int:reread",
    "backup_verify": "text:timestamp int:depth int:latest int:sample int:if_older_days",
    "jb_verify_system": "text:test text:timestamp int:depth int:latest int:all int:sample "
                        "int:write_report text:program text:shell",
    "restore_safe": "text:timestamp text:to text:path text:database int:type text:environment "
                    "int:confirm int:plan int:without_safety_backup int:discard_old int:wait_s",
    "jb_restore_state": "int:wait_s",
    "jb_recover": "int:wait_s",
    "jb_rollback": "int:wait_s",
    "jb_discard_old": "int:wait_s",
    "jb_service": "int:action",
    "monitor_check": "text:check int:alert int:write_report text:prometheus hook:finding pointer:user",
    "jb_monitor_config": "text:key text:value",
    "jb_monitor_history": "int:days",
    "jb_test_mail": "text:recipient",
    "jb_alert": "text:subject text:message int:level",
    "jb_schedule_units": "int:user int:dry_run int:force text:tools text:run_as",
    "jb_schedule_install": "int:user int:dry_run int:force text:tools text:run_as",
    "jb_schedule_uninstall": "int:user int:dry_run int:force text:tools text:run_as",
    "jb_schedule_status": "int:user int:dry_run int:force text:tools text:run_as",
    "jb_schedule_perform": "text:schedule int:if_due text:by int:wait_s",
    "jb_schedule_run": "text:schedule int:user int:no_wait int:wait_s",
    "jb_schedule_crontab": "int:user int:dry_run int:force text:tools text:run_as",
    "jb_list": "text:category",
    "jb_show": "text:timestamp",
    "jb_files": "text:timestamp",
    "jb_find": "text:pattern",
    "jb_diff": "text:from text:to",
    "jb_diff_live": "text:timestamp text:path text:database int:type",
    "jb_stats": "",
    "jb_cleanup": "int:dry_run int:wait_s",
    "jb_remove": "text:timestamp int:wait_s int:dry_run",
    "jb_pin": "text:timestamp int:wait_s int:dry_run",
    "jb_unpin": "text:timestamp int:wait_s int:dry_run",
}


class Code(enum.IntEnum):
    OK = 0
    EINVAL = -1
    ENOTFOUND = -2
    EIO = -3
    ENOMEM = -4
    ELOCKED = -5
    ECORRUPT = -6
    EDATABASE = -7
    ECANCELED = -8
    EROLLEDBACK = -9
    EROLLBACK = -10
    EUNSUPPORTED = -11


class Level(enum.IntEnum):
    INFO = 0
    WARNING = 1
    ERROR = 2
    CRITICAL = 3


class Type(enum.IntEnum):
    FULL = 0
    DATABASE = 1
    CODEBASE = 2


class Depth(enum.IntEnum):
    CONTENT = 0
    BYTES = 1
    RESTORE = 2


class ServiceAction(enum.IntEnum):
    LOOK = 0
    START = 1
    STOP = 2
    RESTART = 3


class Error(Exception):
    """What could not be done. code is a Code (or a number that is newer than this file), report None
    or what was found on the way, exit_status what the tools would end with."""

    def __init__(self, code, text, hint="", sys_errno=0, report=None, exit_status=3):
        super().__init__(text)
        self.code = Code(code) if code in list(Code) else code
        self.text, self.hint, self.sys_errno = text, hint, sys_errno
        self.report, self.exit_status = report, exit_status


# ---- What C has ----------------------------------------------------------------------------------

class _Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("sys_errno", ctypes.c_int),
                ("text", ctypes.c_char * 1024), ("hint", ctypes.c_char * 512)]


class _Finding(ctypes.Structure):
    _fields_ = [("level", ctypes.c_int), ("subject", ctypes.c_char_p), ("message", ctypes.c_char_p),
                ("hint", ctypes.c_char_p)]


_FINDING_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(_Finding))
_KINDS = {"int": ctypes.c_int, "text": ctypes.c_char_p, "hook": _FINDING_HOOK, "pointer": ctypes.c_void_p}
_LOG_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
_PROGRESS_HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64,
                                  ctypes.c_uint64, ctypes.c_char_p)
_HANDLE, _ERROR = ctypes.c_void_p, ctypes.POINTER(_Error)
_OUT = ctypes.POINTER(ctypes.c_void_p)


def _options_of(verb, fields):
    """The struct of a verb's options, which begins with its size."""
    pairs = [field.split(":") for field in fields.split()]
    return type(f"{verb}_options", (ctypes.Structure,), {
        "_fields_": [("size", ctypes.c_size_t)] + [(name, _KINDS[kind]) for kind, name in pairs]})


def _load():
    library = ctypes.CDLL(os.environ.get("JBACKUP_LIBRARY") or "libjbackup.so.0")
    text = ctypes.c_char_p
    for name, result, *arguments in (
            ("jb_version", text), ("jb_system_test_name", text, ctypes.c_size_t),
            ("jb_monitor_check_name", text, ctypes.c_size_t),
            ("jb_project_open", ctypes.c_int, _OUT, text, _ERROR),
            ("jb_project_parse", ctypes.c_int, _OUT, text, text, _ERROR),
            ("jb_project_close", None, _HANDLE),
            ("jb_project_set_backup_dir", ctypes.c_int, _HANDLE, text, _ERROR),
            ("jb_project_set_hooks", None, _HANDLE, _LOG_HOOK, _PROGRESS_HOOK, ctypes.c_void_p),
            ("jb_report_json", text, _HANDLE), ("jb_report_free", None, _HANDLE),
            ("jb_exit_status", ctypes.c_int, ctypes.c_int, _HANDLE),
            *((verb, ctypes.c_int, _HANDLE, ctypes.c_void_p, _OUT, _ERROR) for verb in VERBS)):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def _bytes(value):
    """A text or path for C; None stays None."""
    if value is None:
        return None
    value = os.fsencode(value)
    if b"\0" in value:
        raise ValueError("a text for jbackup can't have a NUL in it")
    return value


def _int(value):
    if not -1 << 31 <= int(value) < 1 << 31:
        raise ValueError(f"{value} is no number that C's int holds")
    return int(value)


def _raise(code, error, report=None, exit_status=3):
    raise Error(code, error.text.decode("utf-8", "replace"), error.hint.decode("utf-8", "replace"),
                error.sys_errno, report, exit_status)


def version():
    return _library.jb_version().decode()


def _names(function):
    names = []
    while (name := function(len(names))) is not None:
        names.append(name.decode())
    return names


def system_tests():
    """The names of the tests of verify_system."""
    return _names(_library.jb_system_test_name)


def monitor_checks():
    """The names of the checks of monitor_check."""
    return _names(_library.jb_monitor_check_name)


# ---- A project -----------------------------------------------------------------------------------

class Project:
    def __init__(self, path=None, *, text=None, base="."):
        """The project at path: a folder or its jbackup.json; None searches upward from the working
        directory. Or that of a jbackup.json's text, whose relative paths count from base."""
        handle, error = ctypes.c_void_p(), _Error()
        if text is None:
            code = _library.jb_project_open(handle, _bytes(path), error)
        else:
            code = _library.jb_project_parse(handle, _bytes(text), _bytes(base), error)
        if code < 0:
            _raise(code, error)
        self._handle = handle.value
        self._at_work = threading.Lock()
        self._hooks, self._raised = None, None
        self._closing = weakref.finalize(self, _library.jb_project_close, self._handle)
        self._closing.atexit = False  # another thread may still be at work with it

    def close(self):
        if self._handle is None:
            return
        with self._turn():
            self._closing()
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set_backup_dir(self, path):
        """Uses another repository than the configured one."""
        error = _Error()
        with self._turn() as handle:
            code = _library.jb_project_set_backup_dir(handle, _bytes(path), error)
        if code < 0:
            _raise(code, error)

    def set_hooks(self, log=None, progress=None):
        """log(level, line), level 0 debug to 3 error; progress(step, done, total, unit), total 0 while
        unknown. Both are called on the thread that called the verb."""
        # They know this project only as long as it lives, else it would never be collected.
        this = weakref.ref(self)

        def on_log(_, level, line):
            this()._call(log, level, line.decode("utf-8", "replace"))

        def on_progress(_, step, done, total, unit):
            project = this()
            stop = project._call(progress, step.decode("utf-8", "replace"), done, total,
                                 (unit or b"").decode("utf-8", "replace"))
            return 1 if stop or project._raised else 0

        hooks = (_LOG_HOOK(on_log) if log else _LOG_HOOK(),
                 _PROGRESS_HOOK(on_progress) if progress or log else _PROGRESS_HOOK())
        with self._turn() as handle:
            _library.jb_project_set_hooks(handle, *hooks, None)
            self._hooks = hooks

    def _call(self, hook, *arguments):
        """A hook of the caller's. Its exception has no way through C: it is kept, and cancels."""
        try:
            return hook(*arguments) if hook and self._raised is None else None
        except BaseException as raised:
            self._raised = raised
            return 1

    def _finding_hook(self, hook):
        def on_finding(_, check, finding):
            one = finding.contents
            self._call(hook, check.decode(), {
                "level": Level(one.level).name, "subject": one.subject.decode("utf-8", "replace"),
                "message": one.message.decode("utf-8", "replace"),
                "hint": one.hint.decode("utf-8", "replace")})

        return _FINDING_HOOK(on_finding)

    def _turn(self):
        return _Turn(self)

    def _run(self, verb, options):
        """Calls a verb; the report as a dict."""
        out, error = ctypes.c_void_p(), _Error()
        with self._turn() as handle:
            self._raised = None
            code = getattr(_library, verb)(handle, ctypes.byref(options), out, error)
            raised, self._raised = self._raised, None
        try:
            text = _library.jb_report_json(out) if out else None
            status = _library.jb_exit_status(code, out)
        finally:
            _library.jb_report_free(out)
        report = json.loads(text) if text else None
        if raised is not None:
            raise raised
        if code < 0:
            _raise(code, error, report, status)
        if report is None:
            raise MemoryError(f"{verb}: no memory for the report")
        return report


class _Turn:
    """The handle, for one call at a time: a second one at once, from another thread or from a hook, is
    a mistake of the program."""

    def __init__(self, project):
        self.project = project

    def __enter__(self):
        if not self.project._at_work.acquire(blocking=False):
            raise RuntimeError("this project is at work in another call")
        if self.project._handle is None:
            self.project._at_work.release()
            raise ValueError("this project is closed")
        return self.project._handle

    def __exit__(self, *_):
        self.project._at_work.release()


def _method(verb, fields):
    struct = _options_of(verb, fields)
    kinds = {name: kind for kind, name in (field.split(":") for field in fields.split())
             if kind != "pointer"}

    def call(self, **options):
        filled = struct(size=ctypes.sizeof(struct))
        for name, value in options.items():
            field = name.rstrip("_")  # from_ is "from", which Python keeps for itself
            if field not in kinds:
                raise TypeError(f"{call.__name__}() has no option {name!r}")
            for_c = {"int": _int, "text": _bytes, "hook": self._finding_hook}[kinds[field]]
            setattr(filled, field, for_c(value))
        return self._run(verb, filled)

    call.__name__ = verb.removeprefix("jb_")
    call.__qualname__ = f"Project.{call.__name__}"
    call.__doc__ = f"{verb} of jbackup.h. Options: " + (", ".join(kinds) or "none") + "."
    return call


for _verb, _fields in VERBS.items():
    setattr(Project, _verb.removeprefix("jb_"), _method(_verb, _fields))
