# SPDX-License-Identifier: MIT
# Reads the TAP of one test program and prints "PASSED FAILED SKIPPED". status is its exit status.
# Without a plan, with fewer or more tests than planned, or with a bad status and no failed test,
# the program itself counts as one failure.
/^1\.\.[0-9]+/ {
    plan = substr($1, 4) + 0
    plans++
    if (plan == 0 && /# *SKIP/)
        skipped++
    next
}
/^not ok( |$)/ { tests++; failed++; next }
/^ok .*# *SKIP/ { tests++; skipped++; next }
/^ok( |$)/ { tests++; passed++ }
END {
    if (plans != 1 || plan != tests || (status != 0 && !failed) || (tests == 0 && !skipped))
        failed++
    print passed + 0, failed + 0, skipped + 0
}
