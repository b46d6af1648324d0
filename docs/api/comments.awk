# SPDX-License-Identifier: MIT
# Makes doxygen's comments of the ordinary ones of a C header: one before a declaration is of that,
# one behind something on its line is of that, "---- Title ----" begins a group. In comments nothing is
# doxygen's or HTML's markup.

# In running text a backslash before each character that would be markup; code, which is indented, stays.
function plain(text) {
    if (text ~ /^ \*     /)
        return text
    gsub(/[\\@<>#%&]/, "\\\\&", text)
    gsub(/--/, "\\--", text)
    return text
}

# A heading opens a group, and closes the one before.
match($0, /^\/\* ---- .* -+ \*\/$/) {
    title = $0
    sub(/^\/\* ---- /, "", title)
    sub(/ -+ \*\/$/, "", title)
    printf "%s/** @name %s\n @{ */\n", in_group ? "/** @} */ " : "", title
    in_group = 1
    next
}
{
    line = $0
    out = ""
    while (line != "") {
        if (in_comment) {
            end = index(line, "*/")
            text = end ? substr(line, 1, end - 1) : line
            out = out plain(text)
            if (end) {
                out = out "*/"
                in_comment = 0
                line = substr(line, end + 2)
            } else {
                line = ""
            }
        } else {
            begin = index(line, "/*")
            if (!begin) {
                out = out line
                break
            }
            before = substr(line, 1, begin - 1)
            is_first = out before ~ /^ *$/
            out = out before (NR == 1 ? "/*" : is_first ? (has_file ? "/**" : "/** @file\n") : "/**<")
            if (NR > 1 && is_first)
                has_file = 1
            in_comment = 1
            line = substr(line, begin + 2)
        }
    }
    # What C++ reads, and the guard, are at the end.
    if (in_group && line ~ /^#ifdef __cplusplus/) {
        printf "/** @} */\n"
        in_group = 0
    }
    print out
}
