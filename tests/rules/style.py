#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""House rules that a reader would otherwise have to check: leftovers, comments, names of symbols,
first lines, tests that were forgotten in the build, calls that a library must not make."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ["include", "libjbackup", "tools", "tests", "examples"]
SCRIPTS = {".sh", ".py", ".awk", ".build", ""}
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
# Not for a library: output, exit, process-wide state.
FORBIDDEN = re.compile(r"(?<![\w.>])(printf|puts|putchar|perror|exit|_exit|abort|setenv|putenv|unsetenv|"
                       r"setlocale|signal|sigaction|system|popen|chdir|umask|strtok|localtime|gmtime|"
                       r"strerror|readdir_r|tmpnam|mktemp|strcpy|strcat|sprintf|gets)\(")
BANNED_NAME = re.compile(r"(^|_)(util|utils|helper|helpers|common|misc|manager)(_|\.|$)")


def is_text_file(path):
    return path.is_file() and path.suffix in SCRIPTS | {".c", ".h"} and "corpus" not in path.parts \
        and "__pycache__" not in path.parts


def code_files(root):
    for folder in CODE_FOLDERS:
        yield from sorted(p for p in (root / folder).rglob("*") if is_text_file(p))


def without_comments(text):
    """Comments become spaces, line breaks stay."""
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def line_breaches(root):
    for path in code_files(root):
        where = path.relative_to(root)
        text = path.read_text(encoding="utf-8", errors="replace")
        is_c = path.suffix in (".c", ".h")
        is_library = where.parts[0] == "libjbackup"
        if is_c and not text.startswith("/* SPDX-License-Identifier: MIT */\n"):
            yield f"{where}:1: no SPDX line"
        if BANNED_NAME.search(path.name):
            yield f"{where}: a name that says nothing"
        for number, line in enumerate(text.splitlines(), 1):
            if LEFTOVER.search(line):
                yield f"{where}:{number}: leftover"
            if line.rstrip() != line or (is_c and "\t" in line):
                yield f"{where}:{number}: white space"
            if is_c and len(line) > 100:
                yield f"{where}:{number}: over 100 columns"
        if not is_c:
            continue
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            bare = STRING.sub('""', line)
            if "//" in bare:
                yield f"{where}:{number}: a // comment"
            if is_library and FORBIDDEN.search(bare):
                yield f"{where}:{number}: {FORBIDDEN.search(bare).group(1)} is not for a library"


def unlisted_tests(root):
    listed = (root / "tests/unit/meson.build").read_text()
    for path in sorted((root / "tests/unit").rglob("test_*.c")):
        name = path.relative_to(root / "tests/unit").as_posix()
        if listed.count(f"'{name}'") == 0:
            yield f"tests/unit/{name} is not in tests/unit/meson.build"
    listed = (root / "tests/fuzz/meson.build").read_text()
    for path in sorted((root / "tests/fuzz").glob("fuzz_*.c")):
        if f"'{path.stem.removeprefix('fuzz_')}'" not in listed:
            yield f"tests/fuzz/{path.name} is not in tests/fuzz/meson.build"
    for folder in ("rules", "cli"):
        listed = (root / f"tests/{folder}/meson.build").read_text()
        for path in sorted((root / f"tests/{folder}").iterdir()):
            is_test = path.is_file() and path.stat().st_mode & 0o100
            if is_test and f"'{path.name}'" not in listed:
                yield f"tests/{folder}/{path.name} is not in tests/{folder}/meson.build"


def symbol_breaches(library, public):
    """Global symbols that the static library defines are the public ones or begin with jbi_."""
    answer = subprocess.run(["nm", "-g", "--defined-only", library], capture_output=True, text=True,
                            check=True)
    seen = 0
    for line in answer.stdout.splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        seen += 1
        name = fields[2]
        if not name.startswith(("jbi_", "__asan", "__odr_asan", "_DYNAMIC")) and name not in public:
            yield f"{name} is global, but neither public nor jbi_"
    if seen == 0:
        yield f"{library} has no symbols"


def public_names(root):
    return set(re.findall(r"^\s+(\w+);", (root / "libjbackup/libjbackup.map").read_text(), re.M))


def notices_each_breach():
    spdx = "/* SPDX-License-Identifier: MIT */\n"
    samples = [
        ("libjbackup/base/a.c", spdx + 'int a; /* puts("x") // y */\n', False),
        ("libjbackup/base/a.c", spdx + 'const char *a = "http://b puts(";\n', False),
        ("libjbackup/base/a.c", spdx + "void a(void) { b->exit(1); jbi_exit(); }\n", False),
        ("libjbackup/base/a.c", "int a;\n", True),
        ("libjbackup/base/a.c", spdx + "/* TO" + "DO: more */\n", True),
        ("libjbackup/base/a.c", spdx + "int a; // b\n", True),
        ("libjbackup/base/a.c", spdx + "int a; \n", True),
        ("libjbackup/base/a.c", spdx + 'void a(void) { puts("b"); }\n', True),
        ("libjbackup/base/a.c", spdx + "void a(void)\n{\n    exit(1);\n}\n", True),
        ("libjbackup/base/a_util.c", spdx, True),
        ("libjbackup/base/a.c", spdx + "int " + "a" * 100 + ";\n", True),
    ]
    for name, text, is_breach in samples:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            if bool(list(line_breaches(pathlib.Path(folder)))) != is_breach:
                print(f"# {name}: {text!r}")
                return False
    with tempfile.TemporaryDirectory() as folder:
        tests = pathlib.Path(folder) / "tests"
        for name in ("unit", "fuzz", "rules", "cli"):
            (tests / name).mkdir(parents=True)
            (tests / name / "meson.build").write_text("'base/test_a.c'\n")
        (tests / "unit/base").mkdir()
        (tests / "unit/base/test_a.c").write_text("")
        if list(unlisted_tests(tests.parent)):
            return False
        (tests / "unit/base/test_b.c").write_text("")
        return len(list(unlisted_tests(tests.parent))) == 1


def main():
    build = pathlib.Path(sys.argv[1])
    public = public_names(ROOT)
    library = build / "libjbackup/libjbackup.a"
    results = [
        ("the house rules are kept", list(line_breaches(ROOT))),
        ("every test is in the build", list(unlisted_tests(ROOT))),
        ("private symbols begin with jbi_", list(symbol_breaches(library, public))),
        ("a symbol without prefix is noticed",
         [] if list(symbol_breaches(library, set())) else ["not noticed"]),
        ("a breach of each kind is noticed", [] if notices_each_breach() else ["not noticed"]),
    ]
    for number, (name, found) in enumerate(results, 1):
        for line in found[:40]:
            print("#", line)
        print("not ok" if found else "ok", number, "-", name)
    print(f"1..{len(results)}")


main()
