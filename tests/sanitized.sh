# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A foreign program with our library in it. Sourced; $build is the build folder.
#
#   "${with_library[@]}" COMMAND...   JBACKUP_LIBRARY names the library, and a sanitizer that it was
#                                     built with is there first, for it must come before all else
JBACKUP_LIBRARY=$build/libjbackup/libjbackup.so.0
export JBACKUP_LIBRARY
sanitizer=$(ldd "$JBACKUP_LIBRARY" | sed -n 's/^[[:space:]]*lib[at]san[^ ]* => \([^ ]*\) .*/\1/p')
# What the program itself leaves at its end is not ours.
with_library=(env LD_PRELOAD="$sanitizer" ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}")
