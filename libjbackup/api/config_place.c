/* SPDX-License-Identifier: MIT */
/* What jbackup.json says of the places where the project runs: service, health and environments.
 * Invariant: a text that may hold a secret (a health URL) is in no message. */
#include <string.h>

#include "adapter/http.h"
#include "adapter/systemd.h"
#include "api/config_keys.h"
#include "base/error.h"

#define ENVIRONMENTS_MAX 16
#define TIMEOUT_MAX_S    3600

/* ---- Commands ------------------------------------------------------------------------------ */

/* A program with its arguments; a relative path with a slash counts from the file's folder. */
static int take_command(const struct config *c, const char *key, const struct json *v,
                        const char *const **out, struct jb_error *err)
{
    size_t count = jbi_json_length(v);
    if (!jbi_json_is_array(v) || count == 0)
        return jbi_config_wrong_type(c, key, v, "a list: a program and its arguments", err);
    const char **argv = jbi_arena_alloc(&c->project->arena, (count + 1) * sizeof *argv);
    if (argv == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *text = jbi_json_text(jbi_json_at(v, i));
        if (text == NULL)
            return jbi_config_wrong_type(c, key, jbi_json_at(v, i), "a list of texts", err);
        bool is_path = i == 0 && strchr(text, '/') != NULL;
        if (i == 0 && *text == '\0')
            return jbi_fail(err, JB_EINVAL, "%s: the program of \"%s\" is empty",
                            jbi_config_where(c, key), key);
        argv[i] = is_path ? jbi_path_join(&c->project->arena, c->base, text)
                          : jbi_arena_text(&c->project->arena, text);
        if (argv[i] == NULL)
            return jbi_fail_memory(err);
    }
    *out = argv;
    return JB_OK;
}

/* ---- Service ------------------------------------------------------------------------------- */

/* The time limit may stand before the service, or without one. */
static struct service *service_of(const struct config *c, struct jb_error *err)
{
    const struct service **slot =
        c->environment != NULL ? &c->environment->service : &c->project->service;
    struct service *service = jbi_arena_alloc(&c->project->arena, sizeof *service);
    const char *folder = jbi_arena_text(&c->project->arena, c->base);
    if (service == NULL || folder == NULL) {
        jbi_fail_memory(err);
        return NULL;
    }
    *service = *slot != NULL ? **slot : (struct service){.timeout_s = SERVICE_TIMEOUT_S};
    service->folder = folder;
    *slot = service;
    return service;
}

static int take_unit(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    struct service *service = c->object;
    int code = jbi_config_text(c, key, v, &service->unit, err);
    if (code < 0 || jbi_systemd_is_name(service->unit))
        return code;
    jbi_fail(err, JB_EINVAL, "%s: \"%s\" can't be the name of a unit of systemd",
             jbi_config_where(c, key), service->unit);
    jbi_hint(err, "with its type, e.g. journal.service");
    return JB_EINVAL;
}

static int take_user(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    return jbi_config_flag(c, key, v, &((struct service *)c->object)->is_user, err);
}

static int take_start(const struct config *c, const char *key, const struct json *v,
                      struct jb_error *err)
{
    return take_command(c, key, v, &((struct service *)c->object)->start, err);
}

static int take_stop(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    return take_command(c, key, v, &((struct service *)c->object)->stop, err);
}

static int take_status(const struct config *c, const char *key, const struct json *v,
                       struct jb_error *err)
{
    return take_command(c, key, v, &((struct service *)c->object)->status, err);
}

static const struct key service_keys[] = {
    {"unit", take_unit}, {"user", take_user},     {"start", take_start},
    {"stop", take_stop}, {"status", take_status}, {NULL, NULL},
};

static int take_service_object(const struct config *c, const char *key, const struct json *v,
                               struct service *service, struct jb_error *err)
{
    if (!jbi_json_is_object(v))
        return jbi_config_wrong_type(c, key, v, "the name of a unit, or an object", err);
    int code = jbi_config_section(c, key, v, service_keys, service, err);
    if (code < 0)
        return code;
    int commands = (service->start != NULL) + (service->stop != NULL) + (service->status != NULL);
    bool is_unit = service->unit != NULL && commands == 0;
    bool is_commands = service->unit == NULL && commands == 3 && jbi_json_get(v, "user") == NULL;
    service->kind = is_unit ? SERVICE_SYSTEMD : SERVICE_COMMANDS;
    if (is_unit || is_commands)
        return JB_OK;
    jbi_fail(err, JB_EINVAL,
             "%s: \"%s\" needs either a \"unit\" or all of \"start\", \"stop\" and "
             "\"status\"",
             jbi_config_where(c, key), key);
    return JB_EINVAL;
}

int jbi_config_service(const struct config *c, const char *key, const struct json *v,
                       struct jb_error *err)
{
    struct service *service = service_of(c, err);
    if (service == NULL)
        return JB_ENOMEM;
    if (jbi_json_text(v) == NULL)
        return take_service_object(c, key, v, service, err);
    struct config inner = *c;
    inner.object = service;
    service->kind = SERVICE_SYSTEMD;
    return take_unit(&inner, key, v, err);
}

int jbi_config_service_timeout(const struct config *c, const char *key, const struct json *v,
                               struct jb_error *err)
{
    struct service *service = service_of(c, err);
    return service == NULL
               ? JB_ENOMEM
               : jbi_config_number(c, key, v, 1, TIMEOUT_MAX_S, &service->timeout_s, err);
}

/* A time limit alone is no service. */
static void drop_empty_service(const struct service **slot)
{
    if (*slot != NULL && (*slot)->unit == NULL && (*slot)->start == NULL)
        *slot = NULL;
}

/* ---- Health -------------------------------------------------------------------------------- */

static int take_health_url(const struct config *c, const char *key, const struct json *v,
                           struct jb_error *err)
{
    struct health *health = c->object;
    char shown[HTTP_SHOWN_SIZE];
    struct jb_error why = {0};
    int code = jbi_config_text(c, key, v, &health->url, err);
    if (code < 0)
        return code;
    code = jbi_http_shown(health->url, shown, &why);
    if (code < 0)
        return jbi_fail(err, code, "%s: \"%s\" is %s", jbi_config_where(c, key), key, why.text);
    health->shown = jbi_arena_text(&c->project->arena, shown);
    return health->shown != NULL ? JB_OK : jbi_fail_memory(err);
}

static int take_health_command(const struct config *c, const char *key, const struct json *v,
                               struct jb_error *err)
{
    return take_command(c, key, v, &((struct health *)c->object)->command, err);
}

static int take_health_timeout(const struct config *c, const char *key, const struct json *v,
                               struct jb_error *err)
{
    return jbi_config_number(c, key, v, 1, TIMEOUT_MAX_S, &((struct health *)c->object)->timeout_s,
                             err);
}

static const struct key health_keys[] = {
    {"url", take_health_url},
    {"command", take_health_command},
    {"timeout_s", take_health_timeout},
    {NULL, NULL},
};

int jbi_config_health(const struct config *c, const char *key, const struct json *v,
                      struct jb_error *err)
{
    struct health *health = jbi_arena_alloc(&c->project->arena, sizeof *health);
    const char *folder = jbi_arena_text(&c->project->arena, c->base);
    if (health == NULL || folder == NULL)
        return jbi_fail_memory(err);
    *health = (struct health){.folder = folder, .timeout_s = HEALTH_TIMEOUT_S};
    int code = jbi_config_section(c, key, v, health_keys, health, err);
    if (code == JB_OK && (health->url != NULL) == (health->command != NULL))
        code = jbi_fail(err, JB_EINVAL, "%s: \"%s\" needs either a \"url\" or a \"command\"",
                        jbi_config_where(c, key), key);
    if (c->environment != NULL)
        c->environment->health = health;
    else
        c->project->health = health;
    return code;
}

/* ---- Environments -------------------------------------------------------------------------- */

static int take_environment_root(const struct config *c, const char *key, const struct json *v,
                                 struct jb_error *err)
{
    return jbi_config_path(c, key, v, &c->environment->root, err);
}

/* They are read as if they were the project's: names are unique in each environment. */
static int take_environment_databases(const struct config *c, const char *key, const struct json *v,
                                      struct jb_error *err)
{
    struct jb_project *project = c->project;
    struct database *own = project->databases;
    size_t own_count = project->database_count;
    bool were_named = project->databases_named;
    project->databases = NULL;
    project->database_count = 0;
    int code = jbi_config_databases(c, key, v, err);
    c->environment->databases = project->databases;
    c->environment->database_count = project->database_count;
    project->databases = own;
    project->database_count = own_count;
    project->databases_named = were_named;
    return code;
}

static const struct key environment_keys[] = {
    {"root", take_environment_root}, {"databases", take_environment_databases},
    {"service", jbi_config_service}, {"service_timeout_s", jbi_config_service_timeout},
    {"health", jbi_config_health},   {NULL, NULL},
};

static bool is_word(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strspn(name, letters);
    return len > 0 && len <= 64 && name[len] == '\0' && name[0] != '-';
}

static int read_environment(const struct config *c, const char *name, const struct json *v,
                            struct environment *environment, struct jb_error *err)
{
    if (strcmp(name, "production") == 0) {
        jbi_fail(err, JB_EINVAL, "%s: \"production\" is the project itself",
                 jbi_config_where(c, name));
        jbi_hint(err, "its root, databases, service and health stand outside of \"environments\"");
        return JB_EINVAL;
    }
    if (!is_word(name))
        return jbi_fail(err, JB_EINVAL,
                        "%s: \"%s\" can't be the name of an environment: letters, "
                        "digits, - and _",
                        jbi_config_where(c, name), name);
    environment->name = jbi_arena_text(&c->project->arena, name);
    if (environment->name == NULL)
        return jbi_fail_memory(err);
    struct config inner = *c;
    inner.environment = environment;
    int code = jbi_config_section(&inner, name, v, environment_keys, NULL, err);
    drop_empty_service(&environment->service);
    if (code == JB_OK && environment->root == NULL)
        code = jbi_fail(err, JB_EINVAL, "%s: the environment \"%s\" has no \"root\"",
                        jbi_config_where(c, name), name);
    return code;
}

int jbi_config_environments(const struct config *c, const char *key, const struct json *v,
                            struct jb_error *err)
{
    struct jb_project *project = c->project;
    const char *name;
    if (!jbi_json_is_object(v))
        return jbi_config_wrong_type(c, key, v, "an object", err);
    project->environments =
        jbi_arena_alloc(&project->arena, ENVIRONMENTS_MAX * sizeof *project->environments);
    if (project->environments == NULL)
        return jbi_fail_memory(err);
    struct config inner = *c;
    inner.sections[inner.depth++] = key;
    for (size_t i = 0; (name = jbi_json_key(v, i)) != NULL; i++) {
        if (i == ENVIRONMENTS_MAX)
            return jbi_fail(err, JB_EINVAL, "%s: more than %d environments",
                            jbi_config_where(c, key), ENVIRONMENTS_MAX);
        int code =
            read_environment(&inner, name, jbi_json_get(v, name), &project->environments[i], err);
        if (code < 0)
            return code;
        project->environment_count++;
    }
    return JB_OK;
}

void jbi_config_finish_service(struct jb_project *project)
{
    drop_empty_service(&project->service);
}
