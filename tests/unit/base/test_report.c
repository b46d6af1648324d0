/* SPDX-License-Identifier: MIT */
#include "base/report.h"

#include "../check.h"
#include "base/error.h"

static void the_verdict_is_the_worst_level(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    CHECK(jb_report_verdict(report) == JB_INFO);
    jbi_finding(report, JB_ERROR, "a.db", "rows differ: %d", 3);
    jbi_finding(report, JB_WARNING, "b\n", "odd name");
    CHECK(jb_report_verdict(report) == JB_ERROR);
    CHECK(jb_report_finding_count(report) == 2);
    CHECK_TEXT(jb_report_finding(report, 0)->message, "rows differ: 3");
    CHECK_TEXT(jb_report_finding(report, 1)->subject, "b\\x0a");
    CHECK(jb_report_finding(report, 2) == NULL);
    jb_report_free(report);
}

static void a_hint_belongs_to_the_last_finding(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_finding_hint(report, "to nobody");
    jbi_finding(report, JB_INFO, "a", "x");
    jbi_finding(report, JB_INFO, "b", "y");
    jbi_finding_hint(report, "do %s", "this");
    CHECK_TEXT(jb_report_finding(report, 0)->hint, "");
    CHECK_TEXT(jb_report_finding(report, 1)->hint, "do this");
    jb_report_free(report);
}

static void findings_are_bounded_but_count(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    for (int i = 0; i < REPORT_FINDINGS_MAX + 5; i++)
        jbi_finding(report, JB_WARNING, "s", "n %d", i);
    jbi_finding(report, JB_CRITICAL, "s", "the last");
    jbi_finding_hint(report, "is not put on another finding");
    CHECK(jb_report_finding_count(report) == REPORT_FINDINGS_MAX);
    CHECK(report->findings_dropped == 6);
    CHECK(jb_report_verdict(report) == JB_CRITICAL);
    CHECK_TEXT(jb_report_finding(report, REPORT_FINDINGS_MAX - 1)->hint, "");
    jb_report_free(report);
}

static void rows_and_figures_have_fields(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_row_text(report, &report->figures, "path", "/tmp/\xff");
    jbi_row_text(report, &report->figures, "label", NULL);
    for (int i = 0; i < 100; i++) {
        struct record *row = jbi_report_row(report);
        jbi_row_number(report, row, "n", i);
        jbi_row_bool(report, row, "even", i % 2 == 0);
    }
    CHECK(jb_report_row_count(report) == 100);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "path"), "/tmp/\\xff");
    CHECK(jb_report_text(report, JB_FIGURES, "label") == NULL);
    CHECK(jb_report_number(report, 99, "n") == 99 && jb_report_number(report, 99, "even") == 0);
    CHECK(jb_report_number(report, 98, "even") == 1);
    CHECK(jb_report_number(report, 100, "n") == 0);
    CHECK(jb_report_text(report, 0, "n") == NULL);
    CHECK(jb_report_number(report, 0, "absent") == 0);
    jb_report_free(report);
}

static void nothing_is_done_without_a_report(void)
{
    jbi_finding(NULL, JB_ERROR, "s", "m");
    jbi_finding_hint(NULL, "h");
    jb_report_free(NULL);
    CHECK(jb_exit_status(JB_OK, NULL) == 0);
}

static void an_incomplete_report_is_not_handed_over(void)
{
    struct jb_error err = {0};
    jb_report *out = NULL, *report = jbi_report_new();
    REQUIRE(report != NULL);
    report->failed = true;
    CHECK(jbi_report_hand_over(report, &out, &err) == JB_ENOMEM);
    CHECK(out == NULL && err.code == JB_ENOMEM);
    report = jbi_report_new();
    REQUIRE(report != NULL);
    CHECK(jbi_report_hand_over(report, NULL, &err) == JB_OK);
}

static void exit_statuses(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    CHECK(jb_exit_status(JB_OK, report) == 0);
    jbi_finding(report, JB_WARNING, "s", "m");
    CHECK(jb_exit_status(JB_OK, report) == 0);
    jbi_finding(report, JB_ERROR, "s", "m");
    CHECK(jb_exit_status(JB_OK, report) == 1);
    CHECK(jb_exit_status(JB_EINVAL, NULL) == 2 && jb_exit_status(JB_EIO, NULL) == 3);
    CHECK(jb_exit_status(JB_EROLLEDBACK, NULL) == 4 && jb_exit_status(JB_EROLLBACK, NULL) == 5);
    CHECK(jb_exit_status(JB_ELOCKED, NULL) == 75);
    jb_report_free(report);
}

static void the_first_error_wins(void)
{
    struct jb_error err = {0};
    jbi_hint(&err, "no error yet");
    CHECK(jbi_fail(&err, JB_EIO, "cannot open \"%s\"", "a\tb") == JB_EIO);
    CHECK(jbi_fail(&err, JB_EINVAL, "later") == JB_EINVAL);
    jbi_hint(&err, "first");
    jbi_hint(&err, "second");
    CHECK(err.code == JB_EIO);
    CHECK_TEXT(err.text, "cannot open \"a\\x09b\"");
    CHECK_TEXT(err.hint, "first");
    CHECK(jbi_fail(NULL, JB_EIO, "to nobody") == JB_EIO);
}

int main(void)
{
    RUN(the_verdict_is_the_worst_level);
    RUN(a_hint_belongs_to_the_last_finding);
    RUN(findings_are_bounded_but_count);
    RUN(rows_and_figures_have_fields);
    RUN(nothing_is_done_without_a_report);
    RUN(an_incomplete_report_is_not_handed_over);
    RUN(exit_statuses);
    RUN(the_first_error_wins);
    return check_end();
}
