/* SPDX-License-Identifier: MIT */
/* Changes of systemd's units, by the program systemctl, and what journalctl has of them. Invariant:
 * names of units are checked, and stand behind "--" or an equals sign. */
#include "adapter/systemd_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "os/process.h"

#define WAIT_S       90
#define OUTPUT_MAX   (16u << 10)
#define NAMES_MAX    32
#define ARGUMENT_MAX 8
#define SYSTEM_STAMP "/var/lib/systemd/timers"

static const char *manager_option(enum systemd_manager manager)
{
    return manager == SYSTEMD_USER ? "--user" : "--system";
}

/* The first line of what it said, cut for a message. */
static int first_line(const struct text *said)
{
    size_t len = said->at != NULL ? strcspn(said->at, "\n") : 0;
    return len < 400 ? (int)len : 400;
}

static int check_names(const char *const *names, size_t count, struct jb_error *err)
{
    if (count > NAMES_MAX)
        return jbi_fail(err, JB_EINVAL, "%zu units are too many at once", count);
    for (size_t i = 0; i < count; i++) {
        if (!jbi_systemd_is_name(names[i]))
            return jbi_fail(err, JB_EINVAL, "\"%s\" can't be the name of a unit of systemd",
                            names[i]);
    }
    return JB_OK;
}

/* systemctl VERB OPTION -- NAMES, which were checked; option may be NULL. */
static int run(enum systemd_manager manager, const char *verb, const char *option,
               const char *const *names, size_t count, struct jb_error *err)
{
    const char *argv[NAMES_MAX + ARGUMENT_MAX] = {"systemctl", manager_option(manager), verb,
                                                  "--no-ask-password"};
    size_t used = 4;
    scope_text said = {0};
    scope_text errors = {0};
    int status;
    if (option != NULL)
        argv[used++] = option;
    if (count > 0)
        argv[used++] = "--";
    for (size_t i = 0; i < count; i++)
        argv[used++] = names[i];
    struct jb_error why = {0};
    int code = jbi_process_run(argv, WAIT_S, OUTPUT_MAX, NULL, &said, &errors, &status, &why);
    if (code == JB_ENOTFOUND)
        return jbi_fail(err, JB_EUNSUPPORTED, "systemctl is not installed");
    if (code < 0)
        return jbi_fail(err, code, "%s", why.text);
    if (status != 0)
        return jbi_fail(err, JB_EIO, "systemctl %s %s%s%s failed (status %d): %.*s",
                        manager_option(manager), verb, count > 0 ? " " : "",
                        count > 0 ? names[0] : "", status, first_line(&errors),
                        errors.at != NULL ? errors.at : "");
    return code;
}

static int change(enum systemd_manager manager, const char *verb, const char *option,
                  const char *const *names, size_t count, struct jb_error *err)
{
    int code = check_names(names, count, err);
    return code == JB_OK ? run(manager, verb, option, names, count, err) : code;
}

int jbi_systemd_reload(enum systemd_manager manager, struct jb_error *err)
{
    return change(manager, "daemon-reload", NULL, NULL, 0, err);
}

int jbi_systemd_enable(enum systemd_manager manager, const char *const *names, size_t count,
                       struct jb_error *err)
{
    return count > 0 ? change(manager, "enable", "--now", names, count, err) : JB_OK;
}

int jbi_systemd_disable(enum systemd_manager manager, const char *const *names, size_t count,
                        struct jb_error *err)
{
    return count > 0 ? change(manager, "disable", "--now", names, count, err) : JB_OK;
}

/* All units of a template: "alert@.service" as the pattern "alert@*.service". NULL: out of memory.
 */
static const char *pattern_of(const char *name, struct arena *arena)
{
    char *pattern = jbi_arena_alloc(arena, 2 * strlen(name) + 2), *to = pattern;
    const char *instance = strstr(name, "@.");
    for (const char *from = name; pattern != NULL && *from != '\0'; from++) {
        if (*from == '\\')
            *to++ = '\\';
        *to++ = *from;
        if (from == instance)
            *to++ = '*';
    }
    return pattern;
}

void jbi_systemd_forget(enum systemd_manager manager, const char *name)
{
    struct arena arena = {0};
    struct jb_error unwanted = {0}, unwanted_too = {0};
    bool is_template = strstr(name, "@.") != NULL;
    const char *all = is_template ? pattern_of(name, &arena) : name;
    if (all != NULL && jbi_systemd_is_name(name)) {
        (void)run(manager, "stop", NULL, &all, 1, &unwanted);
        (void)run(manager, "reset-failed", NULL, &all, 1, &unwanted_too);
    }
    jbi_arena_free(&arena);
}

int jbi_systemd_begin(enum systemd_manager manager, const char *name, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    (void)change(manager, "reset-failed", NULL, &name, 1, &unwanted);
    return change(manager, "start", "--no-block", &name, 1, err);
}

const char *jbi_systemd_stamps(enum systemd_manager manager, struct arena *arena)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (manager == SYSTEMD_SYSTEM)
        return SYSTEM_STAMP;
    if (data != NULL && *data == '/')
        return jbi_arena_printf(arena, "%s/systemd/timers", data);
    if (home != NULL && *home == '/')
        return jbi_arena_printf(arena, "%s/.local/share/systemd/timers", home);
    return NULL;
}

const char *jbi_systemd_journal(enum systemd_manager manager, const char *name,
                                const char *invocation, int lines, struct arena *arena)
{
    const char *unit =
        jbi_arena_printf(arena, manager == SYSTEMD_USER ? "--user-unit=%s" : "--unit=%s", name);
    const char *count = jbi_arena_printf(arena, "--lines=%d", lines);
    const char *run = jbi_arena_printf(arena, "_SYSTEMD_INVOCATION_ID=%s", invocation);
    const char *const argv[] = {
        "journalctl", "--no-pager", "--quiet", "--output=cat", count, *invocation ? run : unit,
        NULL};
    scope_text said = {0};
    scope_text errors = {0};
    struct jb_error unwanted = {0};
    int status;
    if (unit == NULL || count == NULL || run == NULL)
        return NULL;
    if (!jbi_systemd_is_name(name) || strspn(invocation, "0123456789abcdef") != strlen(invocation))
        return "";
    int code = jbi_process_run(argv, WAIT_S, OUTPUT_MAX, NULL, &said, &errors, &status, &unwanted);
    return code == JB_OK && status == 0 && said.at != NULL ? jbi_arena_text(arena, said.at) : "";
}
