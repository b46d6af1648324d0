#!/bin/bash
# SPDX-License-Identifier: MIT
# A tree of everything that archives get wrong comes back equal, by four stock tools and our own.
. "$(dirname "$0")/lib.sh"
if [[ $(id -u) -ne 0 ]]; then
    echo "1..0 # SKIP owners and devices of mode need root"
    exit 0
fi
mkdir -p "$app/tree"
python3 "$here/nasty_tree.py" "$app/tree"
cat >"$app/jbackup.json" <<'END'
{ "name": "nasty", "root": "tree", "backup_dir": "backups", "databases": [], "default_excludes": false }
END
list() { python3 "$here/treelist.py" "$@"; }

expect 0 "backup" backup --code-only --verbose
said "the socket is skipped and said" 'socket'
timestamp=$(newest)
archive=$(artifact "codebase_$timestamp.tar.gz" "$timestamp")
check "gzip -t" gzip -t "$archive"
check "pigz -t" pigz -t "$archive"
check "sha256sum -c" env -C "${archive%/*}" sha256sum -c --strict "checksums_$timestamp.sha256"

# back NAME OPTIONS SOURCE_OPTIONS COMMAND...: extracts with the command in an empty folder and
# compares.
back() {
    local name=$1 options=$2 source_options=$3 folder
    shift 3
    folder=$scratch/back-${name// /-}
    mkdir "$folder"
    if ! (cd "$folder" && "$@") >"$out" 2>"$err"; then
        show_output
        fail "$name extracts"
        return
    fi
    pass "$name extracts"
    # shellcheck disable=SC2086
    check "$name: the tree is equal" diff <(list "$app/tree" $options $source_options) <(list "$folder" $options)
}
python_extract='import sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    tar.extractall(".", numeric_owner=True, **({"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}))'
back "GNU tar" "--xattr" "" tar --numeric-owner --same-owner --xattrs --xattrs-include='user.*' -xpzf "$archive"
# libarchive reads the -1.5 of a pax header as -0.5.
back "bsdtar" "--xattr --except before-epoch" "" bsdtar --numeric-owner --xattrs -xpzf "$archive"
back "busybox tar" "--whole-seconds --no-folder-time --no-link-time" "" busybox tar -xpzf "$archive"
back "Python tarfile" "--no-link-time" "--as-double" python3 -c "$python_extract" "$archive"
back "jbackup restore" "--xattr" "" "$jbackup" --project "$app" restore --timestamp "$timestamp" --to .

check "GNU tar finds no difference" env -C "$app/tree" tar --numeric-owner -dzf "$archive"
expect 0 "verify" verify
list "$app/tree" >"$scratch/a"
touch -d '2001-01-01' "$app/tree/sizes/000000512"
check_fails "the comparison sees a changed time" diff "$scratch/a" <(list "$app/tree")
done_testing
