/* SPDX-License-Identifier: MIT */
/*
 * The service of an application, and its health. Invariant: what is told of a service was seen
 * there after it was asked for, and within its time limit.
 */
#include "api/service.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adapter/http.h"
#include "adapter/systemd_service.h"
#include "base/clock.h"
#include "base/error.h"
#include "os/process.h"

#define LOOK_MS       50   /* between looks at a service that comes or goes */
#define SETTLE_MS     1000 /* how long it must stay up */
#define SETTLE_NAP_MS 100
#define STATUS_WAIT_S 20
#define HEALTH_NAP_MS 250
#define HEALTH_ONE_MS 5000 /* of the time for one question at most */

static void nap_ms(int ms)
{
    const struct timespec nap = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&nap, NULL);
}

const char *jbi_service_name(const struct service *service)
{
    return service->kind == SERVICE_SYSTEMD ? service->unit : service->start[0];
}

/* ---- Programs ------------------------------------------------------------------------------ */

struct program {
    const char *const *argv;
    const char *folder;
    int timeout_ms;
    bool is_start; /* what it leaves running must not have a pipe to us */
};

/* said: the first line of its error output, cut. */
static int run(const struct program *program, int *status, char said[200], struct jb_error *err)
{
    const struct process_start start = {
        .argv = program->argv,
        .in_fd = -1,
        .out_fd = -1,
        .errors_dropped = program->is_start,
        .folder = program->folder,
    };
    struct process *process;
    int code = jbi_process_start(&process, &start, err);
    if (code < 0)
        return code;
    bool has_ended = jbi_process_wait(process, program->timeout_ms, status);
    const char *errors = jbi_process_errors(process);
    size_t len = strcspn(errors, "\n");
    snprintf(said, 200, "%.*s", (int)(len < 199 ? len : 199), errors);
    jbi_process_end(process, 0);
    if (!has_ended)
        return jbi_fail(err, JB_EIO, "\"%s\" did not end within %d s and was killed",
                        program->argv[0], (program->timeout_ms + 999) / 1000);
    if (*status < 0)
        return jbi_fail(err, JB_EIO, "the exit status of \"%s\" is lost", program->argv[0]);
    return JB_OK;
}

static bool is_on_path(const char *name)
{
    char path[PATH_MAX];
    const char *from = getenv("PATH");
    while (from != NULL && *from != '\0') {
        size_t len = strcspn(from, ":");
        if (snprintf(path, sizeof path, "%.*s/%s", (int)len, from, name) < (int)sizeof path &&
            access(path, X_OK) == 0)
            return true;
        from += len + (from[len] == ':');
    }
    return false;
}

static int check_program(const char *const *argv, struct jb_error *err)
{
    bool is_there = strchr(argv[0], '/') != NULL ? access(argv[0], X_OK) == 0 : is_on_path(argv[0]);
    if (is_there)
        return JB_OK;
    jbi_fail(err, JB_ENOTFOUND, "there is no program \"%s\", which \"service\" names", argv[0]);
    jbi_hint(err, "correct the path in jbackup.json, or make the file executable");
    return JB_ENOTFOUND;
}

/* ---- Looking ------------------------------------------------------------------------------- */

enum activity { IS_DOWN, IS_UP, IS_CHANGING };

struct glimpse {
    enum activity activity;
    const char *invocation, *result; /* SERVICE_SYSTEMD; else "" */
};

static enum activity activity_of(const char *state)
{
    if (strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0 ||
        strcmp(state, "refreshing") == 0)
        return IS_UP;
    return strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0 ? IS_DOWN : IS_CHANGING;
}

static int fail_unit(const struct service *service, const char *load_state, struct jb_error *err)
{
    const char *user = service->is_user ? " --user" : "";
    if (strcmp(load_state, "not-found") == 0) {
        jbi_fail(err, JB_ENOTFOUND, "there is no service \"%s\"", service->unit);
        jbi_hint(err, "systemctl%s list-unit-files shows which there are%s", user,
                 service->is_user ? "" : "; a user's own needs \"user\": true in jbackup.json");
        return JB_ENOTFOUND;
    }
    jbi_fail(err, JB_EIO, "the service \"%s\" can't be started: it is %s", service->unit,
             load_state);
    jbi_hint(err, "systemctl%s status %s says more", user, service->unit);
    return JB_EIO;
}

static int glimpse_unit(const struct service *service, struct arena *arena, struct glimpse *glimpse,
                        struct jb_error *err)
{
    struct systemd_activity activity;
    enum systemd_manager manager = service->is_user ? SYSTEMD_USER : SYSTEMD_SYSTEM;
    int code = jbi_systemd_look(manager, service->unit, arena, &activity, err);
    if (code < 0)
        return code;
    if (strcmp(activity.load_state, "loaded") != 0)
        return fail_unit(service, activity.load_state, err);
    *glimpse =
        (struct glimpse){activity_of(activity.active_state), activity.invocation, activity.result};
    return JB_OK;
}

static int look(const struct service *service, struct arena *arena, struct glimpse *glimpse,
                struct jb_error *err)
{
    if (service->kind == SERVICE_SYSTEMD)
        return glimpse_unit(service, arena, glimpse, err);
    const struct program program = {service->status, service->folder, STATUS_WAIT_S * 1000, false};
    char said[200];
    int status;
    int code = run(&program, &status, said, err);
    *glimpse = (struct glimpse){status == 0 ? IS_UP : IS_DOWN, "", ""};
    return code;
}

int jbi_service_look(const struct service *service, const struct hooks *hooks, struct arena *arena,
                     bool *is_active, struct jb_error *err)
{
    (void)hooks;
    struct glimpse glimpse;
    int code = JB_OK;
    if (service->kind == SERVICE_COMMANDS) {
        const char *const *const all[] = {service->start, service->stop, service->status};
        for (size_t i = 0; i < 3 && code == JB_OK; i++)
            code = check_program(all[i], err);
    }
    if (code == JB_OK)
        code = look(service, arena, &glimpse, err);
    if (code == JB_OK)
        *is_active = glimpse.activity != IS_DOWN;
    return code;
}

/* ---- Stop and start ------------------------------------------------------------------------ */

static void hint_log(const struct service *service, struct jb_error *err)
{
    if (service->kind == SERVICE_SYSTEMD)
        jbi_hint(err, "journalctl %s %s shows what it said",
                 service->is_user ? "--user-unit" : "--unit", service->unit);
    else
        jbi_hint(err, "run \"%s\" by hand to see what it says", service->start[0]);
}

/* Has it done; a command that says no is an error only if it really did nothing. */
static int ask(const struct service *service, bool to_start, int timeout_ms,
               const struct hooks *hooks, struct arena *arena, struct jb_error *err)
{
    const char *name = jbi_service_name(service);
    jbi_log(hooks, LOG_INFO, "%s service \"%s\"", to_start ? "start" : "stop", name);
    if (service->kind == SERVICE_SYSTEMD) {
        enum systemd_manager manager = service->is_user ? SYSTEMD_USER : SYSTEMD_SYSTEM;
        int timeout_s = (timeout_ms + 999) / 1000;
        return to_start ? jbi_systemd_start(manager, service->unit, timeout_s, hooks, err)
                        : jbi_systemd_stop(manager, service->unit, timeout_s, hooks, err);
    }
    const struct program program = {to_start ? service->start : service->stop, service->folder,
                                    timeout_ms, to_start};
    char said[200];
    int status;
    struct glimpse glimpse;
    int code = run(&program, &status, said, err);
    if (code < 0 || status == 0)
        return code;
    code = look(service, arena, &glimpse, err);
    if (code < 0 || glimpse.activity == (to_start ? IS_UP : IS_DOWN))
        return code;
    return jbi_fail(err, JB_EIO, "\"%s\" did not %s the service: exit status %d%s%s",
                    program.argv[0], to_start ? "start" : "stop", status, said[0] ? ", " : "",
                    said);
}

/* Looks until it is as wanted. A unit that is down after its start came won't come up. */
static int await(const struct service *service, enum activity wanted, int64_t until,
                 struct arena *arena, struct jb_error *err)
{
    const char *name = jbi_service_name(service);
    for (;;) {
        struct glimpse now;
        int code = look(service, arena, &now, err);
        if (code < 0 || now.activity == wanted)
            return code;
        if (wanted == IS_UP && now.activity == IS_DOWN && service->kind == SERVICE_SYSTEMD)
            return jbi_fail(err, JB_EIO, "the service \"%s\" has ended at its start (%s)", name,
                            now.result);
        if (jbi_monotonic_ms() >= until)
            return jbi_fail(err, JB_EIO, "the service \"%s\" did not %s within %d s", name,
                            wanted == IS_UP ? "start" : "stop", service->timeout_s);
        nap_ms(LOOK_MS);
    }
}

/* One that crashes at its start has been up, and may be again when we look. */
static int settle(const struct service *service, struct arena *arena, struct jb_error *err)
{
    const char *name = jbi_service_name(service);
    int64_t until = jbi_monotonic_ms() + SETTLE_MS;
    struct glimpse first, now;
    int code = look(service, arena, &first, err);
    now = first;
    while (code == JB_OK && now.activity == IS_UP &&
           strcmp(now.invocation, first.invocation) == 0 && jbi_monotonic_ms() < until) {
        nap_ms(SETTLE_NAP_MS);
        code = look(service, arena, &now, err);
    }
    if (code < 0)
        return code;
    if (now.activity != IS_UP)
        return jbi_fail(err, JB_EIO, "the service \"%s\" has ended just after its start%s%s%s",
                        name, now.result[0] ? " (" : "", now.result, now.result[0] ? ")" : "");
    if (strcmp(now.invocation, first.invocation) != 0)
        return jbi_fail(err, JB_EIO, "the service \"%s\" crashes after its start, again and again",
                        name);
    return JB_OK;
}

int jbi_service_stop(const struct service *service, const struct hooks *hooks, struct arena *arena,
                     struct jb_error *err)
{
    int64_t until = jbi_monotonic_ms() + (int64_t)service->timeout_s * 1000;
    int code = ask(service, false, service->timeout_s * 1000, hooks, arena, err);
    if (code == JB_OK)
        code = await(service, IS_DOWN, until, arena, err);
    if (code < 0)
        hint_log(service, err);
    return code;
}

int jbi_service_start(const struct service *service, const struct hooks *hooks, struct arena *arena,
                      int64_t *up_ms, struct jb_error *err)
{
    int64_t until = jbi_monotonic_ms() + (int64_t)service->timeout_s * 1000;
    if (up_ms != NULL)
        *up_ms = 0;
    int code = ask(service, true, service->timeout_s * 1000, hooks, arena, err);
    if (code == JB_OK)
        code = await(service, IS_UP, until, arena, err);
    if (code == JB_OK && up_ms != NULL)
        *up_ms = jbi_monotonic_ms();
    if (code == JB_OK)
        code = settle(service, arena, err);
    if (code < 0)
        hint_log(service, err);
    return code;
}

/* ---- Health -------------------------------------------------------------------------------- */

/* One question; what came is why unless it is well. */
static int ask_health(const struct health *health, int timeout_ms, struct jb_error *why)
{
    int status = 0;
    char said[200];
    if (health->url != NULL) {
        int code = jbi_http_get(health->url, timeout_ms, &status, why);
        if (code == JB_OK && (status < 200 || status > 299))
            code = jbi_fail(why, JB_EIO, "%s answers with status %d", health->shown, status);
        return code;
    }
    const struct program program = {health->command, health->folder, timeout_ms, false};
    int code = run(&program, &status, said, why);
    if (code == JB_OK && status != 0)
        code = jbi_fail(why, JB_EIO, "\"%s\" ended with exit status %d%s%s", health->command[0],
                        status, said[0] ? ": " : "", said);
    return code;
}

int jbi_health_wait(const struct health *health, const struct hooks *hooks, struct jb_error *err)
{
    int64_t begin = jbi_monotonic_ms(), until = begin + (int64_t)health->timeout_s * 1000;
    for (;;) {
        struct jb_error why = {0};
        int64_t left = until - jbi_monotonic_ms();
        /* A command may need long; a URL that hangs is better asked once more. */
        int most = health->url != NULL && left > HEALTH_ONE_MS ? HEALTH_ONE_MS : (int)left;
        int code = ask_health(health, most > 0 ? most : 1, &why);
        if (code == JB_OK)
            return JB_OK;
        if (code != JB_EIO || jbi_monotonic_ms() + HEALTH_NAP_MS >= until) {
            jbi_fail(err, code, "the health check did not succeed within %d s: %s",
                     health->timeout_s, why.text);
            jbi_hint(err, "%s",
                     why.hint[0] != '\0' ? why.hint
                                         : "\"health\" in jbackup.json says what is "
                                           "asked");
            return code;
        }
        jbi_log(hooks, LOG_DEBUG, "not well yet: %s", why.text);
        nap_ms(HEALTH_NAP_MS);
    }
}
