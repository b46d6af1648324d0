/* SPDX-License-Identifier: MIT */
/* backup_monitor_config.json: reading, making and changing it. Invariant: what is written has been
 * read back, and a configuration that is refused is nowhere in part. */
#include "repository/monitor_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/lock.h"
#include "repository/monitor_config_keys.h"

#define CONFIG_SIZE_MAX (256u << 10)
#define CONFIG_LOCK     "monitor_config.lock"
#define LOCK_WAIT_S     5

/* ---- Reading -------------------------------------------------------------------------------- */

struct reading {
    const char *text, *name;
    struct arena *arena;
    struct jb_error *err;
};

/* "<file>, line 3: <what>": the line of the last key of a path. */
static int fail_at(const struct reading *r, const char *const *path, size_t depth, const char *what)
{
    int line = jbi_json_line(r->text, path, depth);
    if (line == 0)
        return jbi_fail(r->err, JB_EINVAL, "%s: %s", r->name, what);
    return jbi_fail(r->err, JB_EINVAL, "%s, line %d: %s", r->name, line, what);
}

static const struct monitor_key *find_key(const char *section, const char *name)
{
    const struct monitor_key *key = jbi_monitor_keys;
    while (key->name != NULL &&
           (strcmp(key->name, name) != 0 || strcmp(key->section, section) != 0))
        key++;
    return key->name ? key : NULL;
}

static bool is_section(const char *name)
{
    const struct monitor_key *key = jbi_monitor_keys;
    while (key->name != NULL && strcmp(key->section, name) != 0)
        key++;
    return key->name != NULL;
}

/* section NULL: those of the file. */
static void hint_keys(const char *section, struct jb_error *err)
{
    scope_text list = {0};
    const char *last = "";
    for (const struct monitor_key *key = jbi_monitor_keys; key->name != NULL; key++) {
        const char *name = section ? key->name : key->section;
        bool is_here = section == NULL || strcmp(section, key->section) == 0;
        if (is_here && strcmp(last, name) != 0)
            jbi_text_addf(&list, "%s%s", list.len ? ", " : "", last = name);
    }
    if (!list.failed)
        jbi_hint(err, "known keys here: %s", list.at);
}

static int unknown_key(const struct reading *r, const char *const *path, size_t depth)
{
    char what[300], name[200];
    jbi_escape(name, sizeof name, path[depth - 1], strlen(path[depth - 1]));
    snprintf(what, sizeof what, "unknown key \"%s\"", name);
    fail_at(r, path, depth, what);
    hint_keys(depth > 1 ? path[0] : NULL, r->err);
    return JB_EINVAL;
}

static int wrong_object(const struct reading *r, const char *section, const struct json *value)
{
    char what[100];
    snprintf(what, sizeof what, "\"%s\" must be an object, not %s", section, jbi_json_kind(value));
    return fail_at(r, &section, 1, what);
}

static int read_key(const struct reading *r, const char *section, const char *name,
                    const struct json *value, struct monitor_config *out)
{
    const char *path[] = {section, name};
    const struct monitor_key *key = find_key(section, name);
    struct jb_error why = {0};
    if (key == NULL)
        return unknown_key(r, path, 2);
    int code = key->kind->take(key, value, r->arena, (char *)out + key->offset, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(r->err);
    if (code < 0) {
        char what[sizeof why.text + 100];
        snprintf(what, sizeof what, "\"%s\" %s", key->name, why.text);
        return fail_at(r, path, 2, what);
    }
    out->sources[key - jbi_monitor_keys] = r->name;
    return JB_OK;
}

static int read_section(const struct reading *r, const char *section, const struct json *object,
                        struct monitor_config *out)
{
    const char *name;
    int code = JB_OK;
    if (!is_section(section))
        return unknown_key(r, &section, 1);
    if (!jbi_json_is_object(object))
        return wrong_object(r, section, object);
    for (size_t i = 0; code == JB_OK && (name = jbi_json_key(object, i)) != NULL; i++)
        code = read_key(r, section, name, jbi_json_get(object, name), out);
    return code;
}

int jbi_monitor_config_parse(struct monitor_config *out, const char *text, size_t len,
                             const char *name, struct arena *arena, struct jb_error *err)
{
    scope_json *root = NULL;
    struct monitor_config config;
    struct reading reading = {text, jbi_arena_text(arena, name), arena, err};
    const char *section;
    jbi_monitor_config_standard(&config);
    *out = config;
    if (reading.name == NULL)
        return jbi_fail_memory(err);
    int code = jbi_json_parse(&root, text, len, name, err);
    if (code == JB_OK && !jbi_json_is_object(root))
        code = jbi_fail(err, JB_EINVAL, "%s: must hold an object, {...}", name);
    for (size_t i = 0; code == JB_OK && (section = jbi_json_key(root, i)) != NULL; i++)
        code = read_section(&reading, section, jbi_json_get(root, section), &config);
    if (code == JB_OK)
        *out = config;
    return code;
}

/* JB_ENOTFOUND: there is none. */
static int read_file(const struct repository *repository, char **text, size_t *len,
                     struct jb_error *err)
{
    return jbi_file_read(repository->fd, MONITOR_CONFIG_NAME, CONFIG_SIZE_MAX, text, len, err);
}

int jbi_monitor_config_load(struct monitor_config *out, const struct repository *repository,
                            struct arena *arena, bool *is_there, struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    jbi_monitor_config_standard(out);
    int code = read_file(repository, &text, &len, &why);
    *is_there = code != JB_ENOTFOUND;
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code < 0)
        return jbi_fail(err, code, "cannot read the configuration of the monitor: %s", why.text);
    return jbi_monitor_config_parse(out, text, len, MONITOR_CONFIG_NAME, arena, err);
}

/* ---- Showing -------------------------------------------------------------------------------- */

static bool put_key(struct json *object, const char *name, const struct monitor_key *key,
                    const struct monitor_config *config, bool is_shown)
{
    return key->kind->put(object, name, (const char *)config + key->offset, is_shown);
}

static const char *shown(const struct monitor_key *key, const struct monitor_config *config,
                         struct arena *arena)
{
    scope_json *object = jbi_json_object();
    scope_free char *text = put_key(object, key->name, key, config, true)
                                ? jbi_json_print(jbi_json_get(object, key->name), 0)
                                : NULL;
    const char *kept = text ? jbi_arena_text(arena, text) : NULL;
    return kept ? kept : "?";
}

bool jbi_monitor_config_key(const struct monitor_config *config, size_t number, struct arena *arena,
                            const char **name, const char **value, const char **standard)
{
    struct monitor_config standards;
    const struct monitor_key *key = jbi_monitor_keys;
    for (size_t i = 0; i < number && key->name != NULL; i++)
        key++;
    if (key->name == NULL)
        return false;
    jbi_monitor_config_standard(&standards);
    *name = key->full;
    *value = shown(key, config, arena);
    *standard = shown(key, &standards, arena);
    return true;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* The section of root, made if it is not there. NULL: out of memory. */
static struct json *section_of(struct json *root, const char *name)
{
    if (jbi_json_get(root, name) == NULL && !jbi_json_set(root, name, jbi_json_object()))
        return NULL;
    return jbi_json_get(root, name);
}

/* The text of a file with all defaults, malloc'd; NULL: out of memory. */
static char *standard_text(void)
{
    scope_json *root = jbi_json_object();
    struct monitor_config config;
    bool ok = true;
    jbi_monitor_config_standard(&config);
    for (const struct monitor_key *key = jbi_monitor_keys; key->name != NULL && ok; key++)
        ok = put_key(section_of(root, key->section), key->name, key, &config, false);
    return ok ? jbi_json_print(root, 2) : NULL;
}

static int write_file(const struct repository *repository, const char *text, struct jb_error *err)
{
    scope_text lines = {0};
    jbi_text_addf(&lines, "%s\n", text);
    if (lines.failed)
        return jbi_fail_memory(err);
    return jbi_file_write_atomic(repository->fd, MONITOR_CONFIG_NAME, lines.at, lines.len, 0600,
                                 err);
}

/* Whoever writes it holds a lock, so that no change of another gets lost. */
static int lock(const struct repository *repository, int *lock_fd, struct jb_error *err)
{
    static const struct hooks none = {0};
    return jbi_lock_take(repository->state_fd, CONFIG_LOCK, LOCK_WAIT_S,
                         "change of " MONITOR_CONFIG_NAME, &none, lock_fd, err);
}

static bool is_there(const struct repository *repository)
{
    struct stat st;
    return fstatat(repository->fd, MONITOR_CONFIG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
}

int jbi_monitor_config_make(const struct repository *repository, struct jb_error *err)
{
    scope_fd int lock_fd = -1;
    if (is_there(repository))
        return JB_OK;
    scope_free char *text = standard_text();
    if (text == NULL)
        return jbi_fail_memory(err);
    int code = lock(repository, &lock_fd, err);
    return code < 0 || is_there(repository) ? code : write_file(repository, text, err);
}

static int key_named(const char *name, const struct monitor_key **out, struct jb_error *err)
{
    const struct monitor_key *key = jbi_monitor_keys;
    while (key->name != NULL && strcmp(key->name, name) != 0 && strcmp(key->full, name) != 0)
        key++;
    *out = key;
    if (key->name != NULL)
        return JB_OK;
    jbi_fail(err, JB_EINVAL, "%s has no key \"%s\"", MONITOR_CONFIG_NAME, name);
    jbi_hint(err, "its keys, with their values: jbackup-monitor config");
    return JB_EINVAL;
}

/* What is wrong with a value is told of the value, not of the file that would have had it. */
static int check_value(const struct monitor_key *key, const char *value, struct jb_error *err)
{
    scope_json *object = jbi_json_object();
    struct arena arena = {0};
    struct monitor_config config;
    struct jb_error why = {0};
    if (!key->kind->put_typed(object, key->name, value))
        return jbi_fail_memory(err);
    jbi_monitor_config_standard(&config);
    int code = key->kind->take(key, jbi_json_get(object, key->name), &arena,
                               (char *)&config + key->offset, &why);
    jbi_arena_free(&arena);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    return code < 0 ? jbi_fail(err, code, "\"%s\" %s", key->name, why.text) : JB_OK;
}

/* The text with the value in it, malloc'd. */
static int changed_text(const char *old, size_t len, const struct monitor_key *key,
                        const char *value, char **out, struct jb_error *err)
{
    scope_json *root = NULL;
    int code = jbi_json_parse(&root, old, len, MONITOR_CONFIG_NAME, err);
    if (code < 0)
        return code;
    if (!jbi_json_is_object(root))
        return jbi_fail(err, JB_EINVAL, "%s: must hold an object, {...}", MONITOR_CONFIG_NAME);
    struct json *section = section_of(root, key->section);
    if (section != NULL && !jbi_json_is_object(section))
        return wrong_object(&(struct reading){old, MONITOR_CONFIG_NAME, NULL, err}, key->section,
                            section);
    *out = key->kind->put_typed(section, key->name, value) ? jbi_json_print(root, 2) : NULL;
    return *out ? JB_OK : jbi_fail_memory(err);
}

/* What else is wrong in the file is told with the lines that the old one has. */
static int check_changed(const char *old, size_t len, const char *changed, struct jb_error *err)
{
    struct arena arena = {0};
    struct monitor_config config;
    struct jb_error why = {0};
    int code =
        jbi_monitor_config_parse(&config, changed, strlen(changed), "the change", &arena, &why);
    if (code < 0 &&
        jbi_monitor_config_parse(&config, old, len, MONITOR_CONFIG_NAME, &arena, err) == JB_OK)
        jbi_fail(err, code, "%s", why.text);
    jbi_arena_free(&arena);
    return code;
}

int jbi_monitor_config_set(const struct repository *repository, const char *name, const char *value,
                           struct jb_error *err)
{
    scope_fd int lock_fd = -1;
    scope_free char *old = NULL, *changed = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    const struct monitor_key *key;
    int code = key_named(name, &key, err);
    if (code == JB_OK)
        code = check_value(key, value, err);
    if (code == JB_OK)
        code = lock(repository, &lock_fd, err);
    if (code < 0)
        return code;
    code = read_file(repository, &old, &len, &why);
    if (code < 0 && code != JB_ENOTFOUND)
        return jbi_fail(err, code, "cannot read the configuration of the monitor: %s", why.text);
    if (code == JB_ENOTFOUND) {
        if ((old = standard_text()) == NULL)
            return jbi_fail_memory(err);
        len = strlen(old);
    }
    code = changed_text(old, len, key, value, &changed, err);
    if (code == JB_OK)
        code = check_changed(old, len, changed, err);
    return code == JB_OK ? write_file(repository, changed, err) : code;
}
