#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads every #include and fails where a file looks above its floor, past its neighbour, or at a
foreign library's header outside that library's adapter."""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOORS = {"base": 1, "os": 2, "adapter": 3, "archive": 4, "source": 5, "repository": 5, "api": 6}

# Header prefix of a foreign library: the adapters that may include it, X.c and X_part.c.
FOREIGN = {
    "zlib.h": ["gzip"],
    "isa-l": ["gzip_isal"],
    "openssl/": ["digest_libcrypto", "smtp"],
    "mbedtls/": ["digest_mbedtls", "age"],
    "libtar": ["tar"],
    "jansson": ["json"],
    "libpq": ["postgres"],
    "sqlite3": ["sqlite"],
    "libesmtp": ["smtp"],
    "auth-client.h": ["smtp"],
    "curl/": ["http"],
}
LIBC = set("""assert ctype dirent errno fcntl fnmatch ftw getopt glob grp inttypes langinfo libgen
limits locale math netdb poll pthread pwd regex sched semaphore signal spawn stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings syslog termios time unistd
utime wchar wctype endian byteswap err alloca threads tar mntent paths""".split())
LIBC_FOLDERS = ("sys/", "linux/", "arpa/", "netinet/", "bits/")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:([<"])([^>"]*)[>"]|(.*))')


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2) or match.group(3)


def is_libc(name):
    return name.removesuffix(".h") in LIBC or name.startswith(LIBC_FOLDERS)


def library_breach(library, path, kind, name):
    """What is wrong with one include of a file of the library, or None."""
    where = path.relative_to(library)
    folder = where.parts[0]
    if name == "jbackup.h":
        return None
    if kind == '"':
        target = name.split("/")[0]
        if "/" not in name or ".." in name or target not in FLOORS:
            return 'write "floor/name.h"'
        if not (library / name).is_file():
            return "there is no such file"
        if target != folder and FLOORS[target] >= FLOORS[folder]:
            return f"{folder}/ (floor {FLOORS[folder]}) must not see {target}/ ({FLOORS[target]})"
        return None
    if kind == "<":
        if is_libc(name):
            return None
        for prefix, adapters in FOREIGN.items():
            if name.startswith(prefix):
                pattern = "adapter/(" + "|".join(adapters) + r")(_\w+)?\.c"
                return None if re.fullmatch(pattern, where.as_posix()) else "only for " + pattern
        return "a header that is not of libc and has no adapter"
    return "an include that can't be read"


def order_breach(library, path):
    """X.c includes its own X.h first."""
    own = path.relative_to(library).with_suffix(".h").as_posix()
    if path.suffix != ".c" or not (library / own).is_file():
        return None
    first = next(includes(path), None)
    return None if first and first[2] == own else f'its first include is not "{own}"'


def tool_breach(folder, kind, name):
    if name == "jbackup.h" or (kind == '"' and "/" not in name and (folder / name).is_file()):
        return None
    return None if kind == "<" and is_libc(name) else "tools see jbackup.h, their own and libc only"


def breaches(root):
    found, seen = [], 0
    library = root / "libjbackup"
    for path in sorted(library.rglob("*.[ch]")):
        where = path.relative_to(root)
        if path.relative_to(library).parts[0] not in FLOORS or len(where.parts) != 3:
            found.append(f"{where}: lies on no floor")
            continue
        for number, kind, name in includes(path):
            seen += 1
            breach = library_breach(library, path, kind, name)
            if breach:
                found.append(f"{where}:{number}: {name}: {breach}")
        breach = order_breach(library, path)
        if breach:
            found.append(f"{where}: {breach}")
    for path in sorted((root / "tools").rglob("*.[ch]")):
        for number, kind, name in includes(path):
            seen += 1
            breach = tool_breach(path.parent, kind, name)
            if breach:
                found.append(f"{path.relative_to(root)}:{number}: {name}: {breach}")
    return found, seen


SAMPLES = {  # a file, what it includes, whether that is a breach
    "base/a.c": [("<string.h>", False), ('"os/b.h"', True), ("<zlib.h>", True)],
    "os/b.h": [('"base/a.h"', False), ('"os/b.h"', False), ('"../base/a.h"', True)],
    "adapter/json.c": [("<jansson.h>", False), ("<sqlite3.h>", True), ('"archive/c.h"', True)],
    "adapter/json.h": [("<jansson.h>", True)],
    "source/d.c": [('"archive/c.h"', False), ('"repository/e.h"', True), ('"api/f.h"', True)],
    "repository/e.h": [('"os/b.h"', False), ('"source/d.h"', True)],
    "api/f.h": [('"source/d.h"', False), ('"repository/e.h"', False), ("<gadget.h>", True)],
    "tool": [("<jbackup.h>", False), ('"cli.h"', False), ('"base/a.h"', True), ("<zlib.h>", True)],
}
SAMPLE_HEADERS = ["base/a.h", "archive/c.h", "source/d.h"]


def notices_each_breach():
    for name, lines in SAMPLES.items():
        for line, is_breach in lines:
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                for header in SAMPLE_HEADERS + [n for n in SAMPLES if n.endswith(".h")]:
                    (root / "libjbackup" / header).parent.mkdir(parents=True, exist_ok=True)
                    (root / "libjbackup" / header).write_text("")
                path = root / ("tools/x.c" if name == "tool" else "libjbackup/" + name)
                path.parent.mkdir(parents=True, exist_ok=True)
                (root / "tools").mkdir(exist_ok=True)
                (root / "tools/cli.h").write_text("")
                own = name.replace(".c", ".h")
                first = f'#include "{own}"\n' if (root / "libjbackup" / own).exists() else ""
                path.write_text(f"{first}#include {line}\n")
                found = breaches(root)[0]
                if bool(found) != is_breach:
                    print(f"# {name} with {line}: {found}")
                    return False
    return True


def main():
    found, seen = breaches(ROOT)
    for line in found:
        print("#", line)
    print("not ok" if found else "ok", "1 - includes keep to the floors")
    print("ok" if seen > 100 else "not ok", f"2 - includes were read ({seen})")
    print("ok" if notices_each_breach() else "not ok", "3 - a breach of each kind is noticed")
    print("1..3")


main()
