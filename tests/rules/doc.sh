#!/bin/bash
# SPDX-License-Identifier: MIT
# doxygen makes the reference of jbackup.h without a warning, and every function and struct is in it.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
export LC_ALL=C
if ! command -v doxygen >/dev/null; then
    skip "the reference" "doxygen is not installed"
    done_testing
fi

# reference SOURCE: of SOURCE/include/jbackup.h, into $scratch/out.
reference() {
    rm -rf "$scratch/out"
    mkdir "$scratch/out"
    sed -e "s|@SOURCE@|$1|; s|@OUTPUT@|$scratch/out|; s|@VERSION@|0|" "$root/docs/api/Doxyfile.in" |
        sed -e "s|@FILTER@|$root/docs/api/comments.awk|" >"$scratch/Doxyfile"
    doxygen "$scratch/Doxyfile"
}
silently() { ! reference "$1" 2>&1 | grep .; }
check "the header gives no warning" silently "$root"
sed -n 's/^    \([a-z]\w*\);/\1/p' "$root/libjbackup/libjbackup.map" | sort >"$scratch/public"
functions() { # of the reference; with "described" only those that have a text
    python3 - "$scratch/out/xml/jbackup_8h.xml" "$@" <<'END'
import sys
import xml.etree.ElementTree as tree
for member in tree.parse(sys.argv[1]).iter("memberdef"):
    texts = [member.find(part) for part in ("briefdescription", "detaileddescription")]
    is_described = "".join("".join(text.itertext()) for text in texts).strip()
    if member.get("kind") == "function" and (is_described or "described" not in sys.argv):
        print(member.findtext("name"))
END
}
check "every function is in it" diff "$scratch/public" <(functions | sort)
# Neighbours may share a comment.
check "most are described" test "$(functions described | wc -l)" -ge \
    $(($(wc -l <"$scratch/public") * 8 / 10))
check "the reference can be read" test -s "$scratch/out/html/index.html" -a \
    -s "$scratch/out/html/structjb__error.html"
check "text that looks like markup comes through" \
    grep -q 'postgresql://user@host:port/database' "$scratch/out/html/jbackup_8h.html"

mkdir -p "$scratch/bad/include"
sed 's|^struct jb_error {|/// \\no_such_command\n&|' "$root/include/jbackup.h" \
    >"$scratch/bad/include/jbackup.h"
check_fails "an unknown command in a comment is noticed" silently "$scratch/bad"
done_testing
