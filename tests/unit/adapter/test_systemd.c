/* SPDX-License-Identifier: MIT */
/* What systemctl prints, read; and names of units. A systemd that runs: tests/real/systemd_test.sh.
 */
#include "adapter/systemd.h"

#include "../check.h"

static struct arena arena;
static struct systemd_unit unit;

static void reads_a_timer(void)
{
    CHECK(jbi_systemd_parse("Result=success\nUnit=journal-backup-daily.service\n"
                            "NextElapseUSecRealtime=Tue 2026-11-24 02:00:00 UTC\n"
                            "NextElapseUSecMonotonic=infinity\n"
                            "LastTriggerUSec=Mon 2026-11-23 02:00:00 UTC\n"
                            "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
                            &arena, &unit));
    CHECK_TEXT(unit.load_state, "loaded");
    CHECK_TEXT(unit.active_state, "active");
    CHECK_TEXT(unit.unit_file_state, "enabled");
    CHECK_TEXT(unit.result, "success");
    CHECK_TEXT(unit.triggers, "journal-backup-daily.service");
    CHECK_TEXT(unit.next, "Tue 2026-11-24 02:00:00 UTC");
    CHECK(unit.has_next);
    CHECK_TEXT(unit.last, "Mon 2026-11-23 02:00:00 UTC");
    CHECK_TEXT(unit.ended, "");
}

static void reads_a_service(void)
{
    CHECK(jbi_systemd_parse("LoadState=loaded\nActiveState=failed\nUnitFileState=static\n"
                            "Result=exit-code\nExecMainStatus=3\n"
                            "ExecMainExitTimestamp=Mon 2026-11-23 02:00:07 UTC",
                            &arena, &unit));
    CHECK_TEXT(unit.result, "exit-code");
    CHECK_TEXT(unit.exit_status, "3");
    CHECK_TEXT(unit.ended, "Mon 2026-11-23 02:00:07 UTC");
    CHECK(!unit.has_next);
}

static void knows_a_time_that_is_none(void)
{
    static const char *const none[] = {"", "0", "n/a", "infinity"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "LoadState=loaded\nNextElapseUSecRealtime=%s\nNextElapseUSecMonotonic=%s\n"
                 "LastTriggerUSec=%s\n",
                 none[i], none[i], none[i]);
        CHECK(jbi_systemd_parse(text, &arena, &unit));
        CHECK(!unit.has_next);
        CHECK_TEXT(unit.next, "");
        CHECK_TEXT(unit.last, "");
    }
    CHECK(jbi_systemd_parse("LoadState=loaded\nNextElapseUSecMonotonic=3min 2s\n", &arena, &unit));
    CHECK(unit.has_next);
    CHECK_TEXT(unit.next, "");
}

static void bears_any_text(void)
{
    CHECK(!jbi_systemd_parse("", &arena, &unit));
    CHECK(!jbi_systemd_parse("\n\n\n", &arena, &unit));
    CHECK(!jbi_systemd_parse("LoadState=\n", &arena, &unit));
    CHECK(!jbi_systemd_parse("LoadState", &arena, &unit));
    CHECK(!jbi_systemd_parse("LoadStates=loaded\nLoadStat=loaded\n=loaded\nloaded", &arena, &unit));
    CHECK_TEXT(unit.load_state, "");
    CHECK(jbi_systemd_parse("garbage\n\x01\xff=x\n\nLoadState=a=b\nResult=\x1b[31m\nUnit=", &arena,
                            &unit));
    CHECK_TEXT(unit.load_state, "a=b");
    CHECK_TEXT(unit.result, "\x1b[31m");
    CHECK_TEXT(unit.triggers, "");
    static char long_text[70000];
    memset(long_text, 'x', sizeof long_text - 1);
    CHECK(!jbi_systemd_parse(long_text, &arena, &unit));
    memcpy(long_text, "LoadState=", 10);
    CHECK(jbi_systemd_parse(long_text, &arena, &unit));
    CHECK(strlen(unit.load_state) == sizeof long_text - 11);
}

static void escapes_as_systemd_does(void)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"journal", "journal"},
        {"journal-app_2.0:x", "journal-app_2.0:x"},
        {".hidden", "\\x2ehidden"},
        {"--help", "\\x2d-help"},
        {"my shop", "my\\x20shop"},
        {"a/b\\c@d%i", "a\\x2fb\\x5cc\\x40d\\x25i"},
        {"na\xc3\xafve\n", "na\\xc3\\xafve\\x0a"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_TEXT(jbi_systemd_escape(cases[i].text, &arena), cases[i].name);
}

static void knows_names(void)
{
    static const char *const good[] = {"a.service", "a\\x20b-backup-daily.timer", "a@b.service",
                                       "a.b.target"};
    static const char *const bad[] = {
        "",          "a",         ".service",  "a.unknown",      "a b.timer",
        "a/b.timer", "a\n.timer", "@.service", "\xc3\xa4.timer", "$(x).timer"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(jbi_systemd_is_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!jbi_systemd_is_name(bad[i]));
    char name[300];
    memset(name, 'a', sizeof name);
    strcpy(name + 249, ".timer");
    CHECK(jbi_systemd_is_name(name));
    strcpy(name + 250, ".timer");
    name[249] = 'a';
    CHECK(!jbi_systemd_is_name(name));
}

int main(void)
{
    RUN(reads_a_timer);
    RUN(reads_a_service);
    RUN(knows_a_time_that_is_none);
    RUN(bears_any_text);
    RUN(escapes_as_systemd_does);
    RUN(knows_names);
    jbi_arena_free(&arena);
    return check_end();
}
