/* SPDX-License-Identifier: MIT */
/* Services of systemd, by the program systemctl. Invariant: names of units are checked, and stand
 * behind "--"; nobody is asked for a password. */
#include "adapter/systemd_service.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "os/process.h"

#define WAIT_S     20
#define OUTPUT_MAX 4096

static const char *manager_option(enum systemd_manager manager)
{
    return manager == SYSTEMD_USER ? "--user" : "--system";
}

static int check_name(const char *unit, struct jb_error *err)
{
    return jbi_systemd_is_name(unit)
               ? JB_OK
               : jbi_fail(err, JB_EINVAL, "\"%s\" can't be the name of a unit of systemd", unit);
}

/* The length of the first line of what it said, for a message. */
static int first_line(const struct text *said)
{
    size_t len = said->at != NULL ? strcspn(said->at, "\n") : 0;
    return len < 300 ? (int)len : 300;
}

static int run(const char *const argv[], int timeout_s, struct text *out, struct text *errors,
               const char *unit, struct jb_error *err)
{
    int status;
    int code = jbi_process_run(argv, timeout_s, OUTPUT_MAX, NULL, out, errors, &status, err);
    if (code == JB_OK && status != 0)
        code = jbi_fail(err, JB_EIO, "systemctl can't %s \"%s\" (status %d): %.*s", argv[2], unit,
                        status, first_line(errors), errors->at != NULL ? errors->at : "");
    return code;
}

static bool take_property(const char *line, size_t len, struct arena *arena,
                          struct systemd_activity *out)
{
    const struct {
        const char *name;
        const char **to;
    } known[] = {
        {"LoadState=", &out->load_state},
        {"ActiveState=", &out->active_state},
        {"InvocationID=", &out->invocation},
        {"Result=", &out->result},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t name_len = strlen(known[i].name);
        if (len < name_len || strncmp(line, known[i].name, name_len) != 0)
            continue;
        const char *value = jbi_arena_textn(arena, line + name_len, len - name_len);
        if (value == NULL)
            return false;
        *known[i].to = value;
    }
    return true;
}

int jbi_systemd_look(enum systemd_manager manager, const char *unit, struct arena *arena,
                     struct systemd_activity *out, struct jb_error *err)
{
    const char *const argv[] = {"systemctl",
                                manager_option(manager),
                                "show",
                                "--no-pager",
                                "--property=LoadState,ActiveState,InvocationID,Result",
                                "--",
                                unit,
                                NULL};
    scope_text said = {0};
    scope_text errors = {0};
    *out = (struct systemd_activity){"", "", "", ""};
    int code = check_name(unit, err);
    if (code == JB_OK)
        code = run(argv, WAIT_S, &said, &errors, unit, err);
    for (const char *line = said.at; code == JB_OK && line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (!take_property(line, len, arena, out))
            code = jbi_fail_memory(err);
        line += len + (line[len] == '\n');
    }
    if (code == JB_OK && out->load_state[0] == '\0')
        code = jbi_fail(err, JB_EIO, "systemctl says nothing of \"%s\" that can be read", unit);
    return code;
}

static int ask_for(const char *verb, enum systemd_manager manager, const char *unit, int timeout_s,
                   const struct hooks *hooks, struct jb_error *err)
{
    const char *const argv[] = {
        "systemctl", manager_option(manager), verb, "--no-ask-password", "--", unit, NULL};
    scope_text said = {0};
    scope_text errors = {0};
    struct jb_error why = {0};
    int code = check_name(unit, err);
    if (code < 0)
        return code;
    int64_t until = jbi_monotonic_ms() + (int64_t)timeout_s * 1000;
    code = run(argv, timeout_s, &said, &errors, unit, &why);
    if (errors.len > 0)
        jbi_log(hooks, code == JB_OK ? LOG_WARNING : LOG_ERROR, "systemctl %s %s: %.*s", verb, unit,
                first_line(&errors), errors.at);
    if (code == JB_EIO && jbi_monotonic_ms() >= until)
        return jbi_fail(err, JB_EIO, "the service \"%s\" did not %s within %d s", unit, verb,
                        timeout_s);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}

/* A unit that has crashed too often may not be started for a while, unless that is forgotten. */
static void forget_crashes(enum systemd_manager manager, const char *unit)
{
    const char *const argv[] = {
        "systemctl", manager_option(manager), "reset-failed", "--no-ask-password", "--", unit,
        NULL};
    scope_text said = {0};
    scope_text errors = {0};
    if (jbi_systemd_is_name(unit))
        run(argv, WAIT_S, &said, &errors, unit, NULL);
}

int jbi_systemd_start(enum systemd_manager manager, const char *unit, int timeout_s,
                      const struct hooks *hooks, struct jb_error *err)
{
    forget_crashes(manager, unit);
    return ask_for("start", manager, unit, timeout_s, hooks, err);
}

int jbi_systemd_stop(enum systemd_manager manager, const char *unit, int timeout_s,
                     const struct hooks *hooks, struct jb_error *err)
{
    return ask_for("stop", manager, unit, timeout_s, hooks, err);
}
