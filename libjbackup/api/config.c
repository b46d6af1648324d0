/* SPDX-License-Identifier: MIT */
/* jbackup.json: one table of keys, each with the function that takes its value. Invariant: a key
 * that no table has is an error. */
#include "api/config_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const char *jbi_config_where(const struct config *config, const char *key)
{
    const char *path[CONFIG_DEPTH + 1];
    memcpy(path, config->sections, config->depth * sizeof *path);
    path[config->depth] = key;
    const char *text = jbi_arena_printf(&config->project->arena, "%s, line %d", config->name,
                                        jbi_json_line(config->text, path, config->depth + 1));
    return text ? text : config->name;
}

int jbi_config_wrong_type(const struct config *config, const char *key, const struct json *value,
                          const char *expected, struct jb_error *err)
{
    return jbi_fail(err, JB_EINVAL, "%s: \"%s\" must be %s, not %s", jbi_config_where(config, key),
                    key, expected, jbi_json_kind(value));
}

int jbi_config_text(const struct config *config, const char *key, const struct json *value,
                    const char **out, struct jb_error *err)
{
    const char *text = jbi_json_text(value);
    if (text == NULL)
        return jbi_config_wrong_type(config, key, value, "a text", err);
    if (text[0] == '\0')
        return jbi_fail(err, JB_EINVAL, "%s: \"%s\" is empty", jbi_config_where(config, key), key);
    *out = jbi_arena_text(&config->project->arena, text);
    return *out ? JB_OK : jbi_fail_memory(err);
}

int jbi_config_path(const struct config *config, const char *key, const struct json *value,
                    const char **out, struct jb_error *err)
{
    const char *text;
    int code = jbi_config_text(config, key, value, &text, err);
    if (code < 0)
        return code;
    *out = jbi_path_join(&config->project->arena, config->base, text);
    return *out ? JB_OK : jbi_fail_memory(err);
}

int jbi_config_flag(const struct config *config, const char *key, const struct json *value,
                    bool *out, struct jb_error *err)
{
    return jbi_json_bool(value, out)
               ? JB_OK
               : jbi_config_wrong_type(config, key, value, "true or false", err);
}

int jbi_config_number(const struct config *config, const char *key, const struct json *value,
                      int least, int most, int *out, struct jb_error *err)
{
    int64_t number;
    if (!jbi_json_int(value, &number))
        return jbi_config_wrong_type(config, key, value, "a whole number", err);
    if (number < least || number > most)
        return jbi_fail(err, JB_EINVAL, "%s: \"%s\" must be from %d to %d, not %lld",
                        jbi_config_where(config, key), key, least, most, (long long)number);
    *out = (int)number;
    return JB_OK;
}

static int take_name(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    return jbi_config_text(c, key, v, &c->project->name, err);
}

static int take_root(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    return jbi_config_path(c, key, v, &c->project->root, err);
}

static int take_backup_dir(const struct config *c, const char *key, const struct json *v,
                           struct jb_error *err)
{
    return jbi_config_path(c, key, v, &c->project->backup_dir, err);
}

int jbi_config_databases(const struct config *c, const char *key, const struct json *v,
                         struct jb_error *err)
{
    if (!jbi_json_is_array(v))
        return jbi_config_wrong_type(c, key, v, "a list of URLs", err);
    c->project->databases_named = true;
    for (size_t i = 0; i < jbi_json_length(v); i++) {
        const char *url = jbi_json_text(jbi_json_at(v, i));
        if (url == NULL)
            return jbi_config_wrong_type(c, key, jbi_json_at(v, i), "a list of URLs", err);
        int code =
            jbi_project_add_database(c->project, url, c->base, jbi_config_where(c, key), err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}

static int take_exclude(const struct config *c, const char *key, const struct json *v,
                        struct jb_error *err)
{
    struct arena *arena = &c->project->arena;
    if (!jbi_json_is_array(v))
        return jbi_config_wrong_type(c, key, v, "a list of patterns", err);
    size_t count = jbi_json_length(v);
    const char **patterns = jbi_arena_alloc(arena, (count + 1) * sizeof *patterns);
    if (patterns == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        int code = jbi_config_text(c, key, jbi_json_at(v, i), &patterns[i], err);
        if (code < 0)
            return code;
    }
    c->project->exclude_patterns = patterns;
    c->project->exclude_count = count;
    return JB_OK;
}

static int take_default_excludes(const struct config *c, const char *key, const struct json *v,
                                 struct jb_error *err)
{
    return jbi_config_flag(c, key, v, &c->project->default_excludes, err);
}

static int take_one_file_system(const struct config *c, const char *key, const struct json *v,
                                struct jb_error *err)
{
    return jbi_config_flag(c, key, v, &c->project->one_file_system, err);
}

/* One of three words, by its place among them. */
static int take_word(const struct config *c, const char *key, const struct json *v,
                     const char *const words[3], unsigned *out, struct jb_error *err)
{
    const char *word;
    int code = jbi_config_text(c, key, v, &word, err);
    if (code < 0)
        return code;
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return JB_OK;
        }
    }
    return jbi_fail(err, JB_EINVAL, "%s: \"%s\" must be %s, %s or %s, not \"%s\"",
                    jbi_config_where(c, key), key, words[0], words[1], words[2], word);
}

static int take_compression(const struct config *c, const char *key, const struct json *v,
                            struct jb_error *err)
{
    static const char *const words[3] = {"fast", "balanced", "best"};
    unsigned word = c->project->compression;
    int code = take_word(c, key, v, words, &word, err);
    c->project->compression = (enum compression)word;
    return code;
}

static int take_plain_sql(const struct config *c, const char *key, const struct json *v,
                          struct jb_error *err)
{
    static const char *const words[3] = {"daily", "always", "never"};
    unsigned word = c->project->plain_sql;
    int code = take_word(c, key, v, words, &word, err);
    c->project->plain_sql = (enum plain_sql)word;
    return code;
}

static int take_jobs(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    int jobs = 0;
    int code = jbi_config_number(c, key, v, 0, 32, &jobs, err);
    if (code == JB_OK)
        c->project->jobs = (unsigned)jobs;
    return code;
}

static int take_daily_days(const struct config *c, const char *key, const struct json *v,
                           struct jb_error *err)
{
    return jbi_config_number(c, key, v, 1, 36500, &c->project->retention.daily_days, err);
}

static int take_weekly_weeks(const struct config *c, const char *key, const struct json *v,
                             struct jb_error *err)
{
    return jbi_config_number(c, key, v, 1, 5200, &c->project->retention.weekly_weeks, err);
}

static int take_monthly_months(const struct config *c, const char *key, const struct json *v,
                               struct jb_error *err)
{
    return jbi_config_number(c, key, v, 1, 1200, &c->project->retention.monthly_months, err);
}

static int take_keep_min(const struct config *c, const char *key, const struct json *v,
                         struct jb_error *err)
{
    return jbi_config_number(c, key, v, 1, 10000, &c->project->retention.keep_min, err);
}

static int take_retention(const struct config *c, const char *key, const struct json *v,
                          struct jb_error *err);

static const struct key retention_keys[] = {
    {"daily_days", take_daily_days},
    {"weekly_weeks", take_weekly_weeks},
    {"monthly_months", take_monthly_months},
    {"keep_min", take_keep_min},
    {NULL, NULL},
};

static const struct key keys[] = {
    {"name", take_name},
    {"root", take_root},
    {"backup_dir", take_backup_dir},
    {"databases", jbi_config_databases},
    {"exclude", take_exclude},
    {"default_excludes", take_default_excludes},
    {"one_file_system", take_one_file_system},
    {"retention", take_retention},
    {"compression", take_compression},
    {"plain_sql", take_plain_sql},
    {"jobs", take_jobs},
    {"service", jbi_config_service},
    {"service_timeout_s", jbi_config_service_timeout},
    {"health", jbi_config_health},
    {"environments", jbi_config_environments},
    {"schedule", jbi_config_schedule},
    {NULL, NULL},
};

static int unknown_key(const struct config *config, const char *name, const struct key *known,
                       struct jb_error *err)
{
    char list[400] = "";
    for (; known->name != NULL; known++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", known->name);
    }
    jbi_fail(err, JB_EINVAL, "%s: unknown key \"%s\"", jbi_config_where(config, name), name);
    jbi_hint(err, "known keys here: %s", list);
    return JB_EINVAL;
}

static int read_keys(const struct config *config, const struct json *object,
                     const struct key *known, struct jb_error *err)
{
    const char *name;
    for (size_t i = 0; (name = jbi_json_key(object, i)) != NULL; i++) {
        const struct key *key = known;
        while (key->name != NULL && strcmp(key->name, name) != 0)
            key++;
        int code = key->name == NULL ? unknown_key(config, name, known, err)
                                     : key->take(config, name, jbi_json_get(object, name), err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}

int jbi_config_section(const struct config *config, const char *key, const struct json *value,
                       const struct key *known, void *object, struct jb_error *err)
{
    if (!jbi_json_is_object(value))
        return jbi_config_wrong_type(config, key, value, "an object", err);
    struct config inner = *config;
    inner.sections[inner.depth++] = key;
    inner.object = object;
    return read_keys(&inner, value, known, err);
}

static int take_retention(const struct config *c, const char *key, const struct json *v,
                          struct jb_error *err)
{
    return jbi_config_section(c, key, v, retention_keys, NULL, err);
}

int jbi_config_read(struct jb_project *project, const char *text, size_t len, const char *name,
                    const char *base, struct jb_error *err)
{
    scope_json *object = NULL;
    int code = jbi_json_parse(&object, text, len, name, err);
    if (code < 0)
        return code;
    if (!jbi_json_is_object(object))
        return jbi_fail(err, JB_EINVAL, "%s: must hold an object, {...}", name);
    struct config config = {.project = project, .text = text, .name = name, .base = base};
    code = read_keys(&config, object, keys, err);
    jbi_config_finish_service(project);
    return code;
}
