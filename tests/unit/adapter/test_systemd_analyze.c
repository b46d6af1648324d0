/* SPDX-License-Identifier: MIT */
/* systemd's parsers, asked. systemd itself need not run. */
#include "adapter/systemd_analyze.h"

#include <sys/stat.h>

#include "../check.h"

static struct arena arena;
static struct jb_error err;
static const char *normalized, *next;

static int calendar(const char *expression)
{
    err = (struct jb_error){0};
    return jbi_systemd_calendar(expression, &arena, &normalized, &next, &err);
}

static bool is_here(void)
{
    return access("/usr/bin/systemd-analyze", X_OK) == 0 ||
           access("/bin/systemd-analyze", X_OK) == 0;
}

static void tells_when_it_is(void)
{
    CHECK(calendar("02:00") == JB_OK);
    CHECK_TEXT(normalized, "*-*-* 02:00:00");
    CHECK_HAS(next, " 02:00:00 ");
    CHECK(calendar("sun 3:05 UTC") == JB_OK);
    CHECK_TEXT(normalized, "Sun *-*-* 03:05:00 UTC");
    CHECK(calendar("2020-01-01") == JB_OK);
    CHECK_TEXT(next, "");
}

static void refuses_nonsense(void)
{
    static const char *const nonsense[] = {"",        "nonsense", "25:00", "--help",
                                           "-h",      "02:00\n",  "%n",    "Sun *-*-* 03:00; true",
                                           "\x1b[31m"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        CHECK(calendar(nonsense[i]) == JB_EINVAL);
        CHECK_HAS(err.text, "is no time of systemd: ");
    }
    CHECK(calendar("25:00") == JB_EINVAL);
    CHECK_HAS(err.text, "Failed to parse calendar specification");
}

static const char *put(const char *name, const char *text)
{
    const char *path = jbi_arena_printf(&arena, "%s/%s", check_folder(), name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

static const char *verify(enum systemd_manager manager, const char *path)
{
    const char *faults = NULL;
    err = (struct jb_error){0};
    CHECK(jbi_systemd_verify_units(manager, &path, 1, &arena, &faults, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    return faults;
}

static void finds_fault_with_units(void)
{
    REQUIRE(setenv("XDG_RUNTIME_DIR", check_folder(), 1) == 0);
    static const enum systemd_manager managers[] = {SYSTEMD_SYSTEM, SYSTEMD_USER};
    for (size_t i = 0; i < 2; i++) {
        CHECK_TEXT(verify(managers[i], put("a.service", "[Service]\nType=oneshot\n"
                                                        "ExecStart=/bin/true\n")),
                   "");
        CHECK_HAS(verify(managers[i], put("b.service", "[Service]\nType=oneshot\n"
                                                       "ExecStart=/bin/none-such\n")),
                  "/bin/none-such");
        CHECK_HAS(verify(managers[i], put("c.service", "[Service]\nType=oneshot\nExecStrat=1\n"
                                                       "ExecStart=/bin/true\n")),
                  "ExecStrat");
        CHECK_HAS(verify(managers[i], put("a.timer", "[Timer]\nOnCalendar=25:00\n")), "25:00");
    }
    CHECK(*verify(SYSTEMD_SYSTEM, "/none/such.service") != '\0');
}

static void says_where_there_is_none(void)
{
    const char *faults;
    char *path = strdup(getenv("PATH"));
    REQUIRE(path != NULL && setenv("PATH", check_folder(), 1) == 0);
    CHECK(calendar("02:00") == JB_EUNSUPPORTED);
    CHECK_TEXT(err.text, "systemd-analyze is not installed");
    CHECK(jbi_systemd_verify_units(SYSTEMD_USER, NULL, 0, &arena, &faults, NULL) ==
          JB_EUNSUPPORTED);
    setenv("PATH", path, 1);
    free(path);
}

int main(void)
{
    RUN(says_where_there_is_none);
    if (!is_here()) {
        printf("ok 2 - systemd's parsers # SKIP systemd-analyze is not installed\n1..2\n");
        return check_state.failed_tests > 0;
    }
    RUN(tells_when_it_is);
    RUN(refuses_nonsense);
    RUN(finds_fault_with_units);
    jbi_arena_free(&arena);
    return check_end();
}
