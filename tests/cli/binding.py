# SPDX-License-Identifier: MIT
"""examples/python/jbackup.py, the binding: held against the header, and put to use. Prints a line for each
check: pass or fail, a tab, what was checked.

    binding.py HEADER PROJECT SCRATCH     PROJECT has no backups yet
    binding.py leak PROJECT [really]      calls much; really: and forgets a report on purpose"""
import ctypes
import os
import pathlib
import re
import sys
import threading

import jbackup

VERB = re.compile(r"JB_API JB_MUST_USE int (\w+)\(jb_project \*project,\s*const struct (\w+) \*\w+,\s*"
                  r"jb_report \*\*report,\s*struct jb_error \*err\);")
STRUCT = re.compile(r"^struct (jb_\w+) \{(.*?)^\};", re.S | re.M)
FIELD = re.compile(r"(const char \*|int |jb_finding_hook |void \*)(\w+);")
KINDS = {"const char *": "text", "int ": "int", "jb_finding_hook ": "hook", "void *": "pointer"}
ENUM = re.compile(r"^enum jb_(\w+) \{(.*?)\}", re.S | re.M)
ENUMS = {"code": jbackup.Code, "level": jbackup.Level, "type": jbackup.Type, "depth": jbackup.Depth,
         "service_action": jbackup.ServiceAction}


def tell(name, is_so, *seen):
    print(f"{'pass' if is_so else 'fail'}\t{name}")
    if not is_so:
        print(f"saw\t{seen!r}"[:900])
    sys.stdout.flush()


def raises(kind, call, *arguments, **options):
    """The exception, if it is of that kind."""
    try:
        call(*arguments, **options)
    except kind as why:
        return why
    except Exception as why:
        tell(f"raises {kind.__name__}", False, why)
    return None


# ---- Against the header ---------------------------------------------------------------------------

def verbs_of(header):
    """What jbackup.VERBS should be."""
    structs = dict(STRUCT.findall(header))
    found = {}
    for verb, struct in VERB.findall(header):
        body = re.sub(r"/\*.*?\*/", "", structs[struct], flags=re.S)
        fields = FIELD.findall(" ".join(body.split()))
        found[verb] = " ".join(f"{KINDS[kind]}:{name}" for kind, name in fields)
    return found


def enums_of(header):
    found = {}
    for name, body in ENUM.findall(header):
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        found[name] = {key.split("_")[-1]: int(value)
                       for key, value in re.findall(r"(JB_\w+) = (-?\d+)", body)}
    return found


def against_header(path):
    header = pathlib.Path(path).read_text()
    verbs = verbs_of(header)
    tell("the header has verbs", len(verbs) >= 30, verbs)
    for verb in sorted(set(verbs) | set(jbackup.VERBS)):
        tell(f"{verb}: its line in VERBS is what the header has",
             verbs.get(verb) == jbackup.VERBS.get(verb), verbs.get(verb), jbackup.VERBS.get(verb))
    changed = header.replace("int wait_s;           /*", "int new_one;\n    int wait_s; /*")
    tell("a new field is noticed", verbs_of(changed)["backup_create"] != jbackup.VERBS["backup_create"])
    enums = enums_of(header)
    tell("the header's enums are bound", sorted(enums) == sorted(ENUMS), sorted(enums))
    for name, kind in ENUMS.items():
        mine = {member.name: member.value for member in kind}
        tell(f"enum jb_{name}", enums.get(name) == mine, enums.get(name), mine)
    struct = re.sub(r"/\*.*?\*/", "", dict(STRUCT.findall(header))["jb_error"])
    tell("struct jb_error", re.findall(r"(\w+)(?:\[(\d+)\])?;", struct) == [
        ("code", ""), ("sys_errno", ""), ("text", "1024"), ("hint", "512")], struct)


# ---- In use ---------------------------------------------------------------------------------------

def backs_up(project):
    steps, lines = [], []
    project.set_hooks(log=lambda level, line: lines.append((level, line)),
                      progress=lambda *step: steps.append(step))
    made = project.backup_create(label="ünï <b>", type=jbackup.Type.FULL, category="weekly")
    project.set_hooks()
    tell("a backup is made", made["verdict"] == "INFO" and made["figures"]["category"] == "weekly", made)
    tell("progress was told", len(steps) >= 3 and all(
        isinstance(step[0], str) and step[1] >= 0 for step in steps) and
         any(step[1] > 0 and step[3] == "bytes" for step in steps), steps)
    tell("log lines were told", any("backup" in line and level == 1 for level, line in lines), lines)
    rows = project.list()["rows"]
    tell("it is listed", len(rows) == 1 and rows[0]["label"] == "ünï <b>", rows)
    return made["figures"]["timestamp"]


def is_canceled(project):
    project.set_hooks(progress=lambda *_: True)
    why = raises(jbackup.Error, project.backup_create)
    tell("progress cancels", why and why.code == jbackup.Code.ECANCELED, why)

    def fall(*_):
        raise KeyError("mine")
    project.set_hooks(progress=fall)
    why = raises(KeyError, project.backup_create)
    tell("an exception in progress comes back as it is", why and why.args == ("mine",), why)
    project.set_hooks(log=fall)
    tell("and one in log", raises(KeyError, project.backup_create))
    # Its only line came when nothing could be canceled any more.
    for row in project.list()["rows"][:-1]:
        project.remove(timestamp=row["timestamp"])
    project.set_hooks(progress=lambda *_: project.list())
    tell("no verb within a verb", raises(RuntimeError, project.backup_create))
    project.set_hooks()
    tell("none of these left a backup", len(project.list()["rows"]) == 1, project.list())


def restores(project, timestamp, scratch):
    found = project.backup_verify(timestamp=timestamp, depth=jbackup.Depth.RESTORE)
    tell("it is verified", found["rows"][0]["result"] == "equal", found)
    to = pathlib.Path(scratch, "to")
    project.restore_safe(timestamp=timestamp, to=to)
    tell("it is restored", (to / "journal.py").exists(), list(to.iterdir()))
    plan = project.restore_safe(timestamp=timestamp, plan=1)
    tell("a plan", plan["figures"]["confirm_needed"] is True and not plan["figures"]["done"], plan)
    why = raises(jbackup.Error, project.restore_safe, timestamp=timestamp)
    tell("want of confirm is an error with the plan in it", why and why.code == jbackup.Code.EINVAL
         and "confirm" in why.hint and why.report["figures"]["confirm_needed"], why)
    project.pin(timestamp=timestamp)
    why = raises(jbackup.Error, project.remove, timestamp=timestamp)
    tell("pinned: not removed", why and why.exit_status == 2, why)
    project.unpin(timestamp=timestamp)
    tell("diff, whose option is a word of Python's", raises(
        jbackup.Error, project.diff, from_="20200101_000000", to=timestamp).code == jbackup.Code.ENOTFOUND)
    told = []
    checked = project.monitor_check(check="freshness", finding=lambda *one: told.append(one))
    tell("findings are told as they come", [row["check"] for row in checked["rows"] if row["row"] == "check"]
         == ["freshness"] and [one for _, one in told] == checked["findings"], told, checked)
    tell("checks and tests have names", "freshness" in jbackup.monitor_checks()
         and "restore" in jbackup.system_tests())
    tell("state, stats, cleanup", project.restore_state()["figures"]["state"] == "none"
         and project.stats()["figures"]["backups"] == 1 and project.cleanup(dry_run=True)["figures"]["kept"] == 1)


def refuses(project, path, scratch):
    why = raises(jbackup.Error, jbackup.Project, os.path.join(scratch, "none"))
    tell("no such project", why and why.code == jbackup.Code.ENOTFOUND and "none" in why.text, why)
    tell("an unknown option", raises(TypeError, project.backup_create, lable="x"))
    tell("the pointer of a hook is not for callers", raises(TypeError, project.monitor_check, user=1))
    tell("the size is not for callers", raises(TypeError, project.backup_create, size=1))
    tell("a NUL in a text", raises(ValueError, project.backup_create, label="a\0b"))
    tell("a number that C's int can't hold", raises(ValueError, project.backup_create, wait_s=1 << 32))
    tell("a text that is none", raises(TypeError, project.backup_create, label=3))
    with jbackup.Project(text='{"databases": []}', base=path) as parsed:
        parsed.set_backup_dir(os.path.join(scratch, "other"))
        tell("from a text, another repository", parsed.list()["rows"] == [])
        # Called from another thread while it is at work.
        seen = []
        other = threading.Thread(target=lambda: seen.append(raises(RuntimeError, parsed.list)))

        def meanwhile(*_):
            if not seen and not other.is_alive():
                other.start()
                other.join()
        parsed.set_hooks(progress=meanwhile)
        parsed.backup_create()
        tell("no two threads at once", len(seen) == 1 and seen[0], seen)
    tell("a closed project says so", raises(ValueError, parsed.list))
    parsed.close()


def at_once(path, scratch, timestamp):
    """Four threads, each with a project of its own."""
    results = []

    def work(number):
        with jbackup.Project(path) as project:
            project.set_backup_dir(os.path.join(scratch, f"backups{number}"))
            made = project.backup_create()["figures"]["timestamp"]
            project.restore_safe(timestamp=made, to=os.path.join(scratch, f"to{number}"))
            results.append(project.backup_verify()["verdict"])
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell("four threads at once", results == ["INFO"] * 4, results)


def descriptors():
    return sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                  if os.path.exists(f"/proc/self/fd/{fd}"))


def in_use(path, scratch):
    before = descriptors()
    with jbackup.Project(path) as project:
        timestamp = backs_up(project)
        is_canceled(project)
        restores(project, timestamp, scratch)
        refuses(project, path, scratch)
    at_once(path, scratch, timestamp)
    tell("no descriptor is left", descriptors() == before, before, descriptors())
    tell("no child is left", raises(ChildProcessError, os.waitpid, -1, os.WNOHANG))


def leak(path, really):
    for _ in range(20):
        with jbackup.Project(path) as project:
            project.set_hooks(log=lambda *_: None, progress=lambda *_: 0)
            project.list()
            project.stats()
            raises(jbackup.Error, project.show, timestamp="20200101_000000")
        jbackup.Project(path)  # never closed by hand
    if really:
        with jbackup.Project(path) as project:
            out = ctypes.c_void_p()
            jbackup._library.jb_list(project._handle, None, out, None)


if sys.argv[1] == "leak":
    leak(sys.argv[2], sys.argv[3:] == ["really"])
else:
    against_header(sys.argv[1])
    in_use(sys.argv[2], sys.argv[3])
