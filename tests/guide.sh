# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What stands in docs/guide.md, for the tests that run it. Sourced; $guide is the file.
#
#   guide_block LANGUAGE NUMBER   the text of a block of that language
#   guide_commands [FROM TO]      the command lines of all blocks for bash, or of those between the
#                                 headings that begin so

guide_block() {
    awk -v want="$1" -v number="$2" '/^ *```/ { open = !open; if (open) { kind = $1; sub("```", "", kind)
        count += kind == want } next } open && kind == want && count == number' "$guide"
}

guide_commands() {
    awk -v from="${1:-# The guide}" -v to="${2:-# No such}" '
        /^ *```/ { open = !open; kind = $1; next }
        !open && index($0, from) == 1 { inside = 1 }
        !open && index($0, to) == 1 { inside = 0 }
        inside && open && kind == "```bash" { sub(/^ +/, ""); print }' "$guide" | grep -v -e '^#' -e '^$'
}
