# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the rules about the tools share. Sourced by these.
#
# The tools, and how many commands and options each has at the least: a rule that reads a help text
# wrongly would find none, and pass.
tools=(jbackup jbackup-monitor jbackup-restore jbackup-scheduler jbackup-verify)
declare -A least_commands=([jbackup]=14 [jbackup-monitor]=7 [jbackup-restore]=9 [jbackup-scheduler]=8 [jbackup-verify]=4)
declare -A least_options=([jbackup]=22 [jbackup-monitor]=16 [jbackup-restore]=17 [jbackup-scheduler]=20
    [jbackup-verify]=16)

# commands_of TOOL: its commands, one a line, from its help text. TOOL is a path.
commands_of() { "$1" --help </dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p'; }

# options_in: the options that a help text, on standard input, lists.
options_in() { sed -n 's/^  --\([a-z][a-z-]*\).*/--\1/p' | sort -u; }

# helps_of TOOL: all its help texts.
helps_of() {
    "$1" --help
    local command
    while read -r command; do
        "$1" help "$command" </dev/null
    done < <(commands_of "$1")
}

# The text of a page as a reader sees it, one line per paragraph line, without overstriking.
text_of() {
    if command -v mandoc >/dev/null; then
        mandoc -T ascii -O width=300 "$1" | col -bx
    else
        groff -man -Tascii -rLL=300n -P-c "$1" | col -bx
    fi
}

# section PAGE FROM TO: the lines of a page between two headings.
section() { sed -En "/^$2/,/^($3)/p" "$1"; }
