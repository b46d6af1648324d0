/* SPDX-License-Identifier: MIT */
/* What jbackup.json says of the schedules. Invariant: the time of one holds nothing that could end
 * its line in a unit; whether it is one, systemd is asked when the units are installed. */
#include <string.h>

#include "api/config_keys.h"
#include "base/error.h"

#define USER_NAME_MAX 255

static bool is_calendar(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  " *~.,:/@_+-";
    size_t len = strspn(text, letters);
    return text[len] == '\0' && text[0] != ' ' && text[0] != '-' && text[len - 1] != ' ';
}

static int take_at(const struct config *c, const char *key, const struct json *v,
                   struct jb_error *err)
{
    struct schedule_entry *entry = c->object;
    int code = jbi_config_text(c, key, v, &entry->at, err);
    if (code < 0 || is_calendar(entry->at))
        return code;
    jbi_fail(err, JB_EINVAL, "%s: \"%s\" can't be a time of systemd", jbi_config_where(c, key),
             entry->at);
    jbi_hint(err,
             "e.g. \"Sun *-*-* 03:00\"; \"systemd-analyze calendar EXPRESSION\" says when that "
             "is, and systemd.time(7) what else there is");
    return JB_EINVAL;
}

static int take_type(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {
        {"full", JB_TYPE_FULL}, {"database", JB_TYPE_DATABASE}, {"codebase", JB_TYPE_CODEBASE}};
    const char *word;
    int code = jbi_config_text(c, key, v, &word, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, word) == 0) {
            ((struct schedule_entry *)c->object)->type = types[i].type;
            ((struct schedule_entry *)c->object)->has_type = true;
            return JB_OK;
        }
    }
    return jbi_fail(err, JB_EINVAL, "%s: \"%s\" must be full, database or codebase, not \"%s\"",
                    jbi_config_where(c, key), key, word);
}

static int take_cleanup(const struct config *c, const char *key, const struct json *v,
                        struct jb_error *err)
{
    return jbi_config_flag(c, key, v, &((struct schedule_entry *)c->object)->cleanup, err);
}

static const struct key backup_keys[] = {
    {"at", take_at}, {"type", take_type}, {"cleanup", take_cleanup}, {NULL, NULL}};
static const struct key other_keys[] = {{"at", take_at}, {NULL, NULL}};

/* The keys are the schedules' names. */
static int take_schedule(const struct config *c, const char *key, const struct json *v,
                         struct jb_error *err)
{
    enum schedule schedule = SCHEDULE_DAILY;
    jbi_schedule_parse(key, &schedule);
    struct schedule_entry *entry = &c->project->schedules[schedule];
    struct config inner = *c;
    inner.object = entry;
    if (jbi_json_bool(v, &entry->is_on))
        return JB_OK;
    entry->is_on = true;
    if (jbi_json_text(v) != NULL)
        return take_at(&inner, key, v, err);
    if (!jbi_json_is_object(v))
        return jbi_config_wrong_type(c, key, v, "a time, an object, true or false", err);
    return jbi_config_section(c, key, v, schedule < SCHEDULE_BACKUPS ? backup_keys : other_keys,
                              entry, err);
}

/* What systemd would refuse, or read as something else. */
static bool is_user(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-.@";
    size_t len = strspn(name, letters);
    return len > 0 && len <= USER_NAME_MAX && name[0] != '-' && name[0] != '.' &&
           (name[len] == '\0' || strcmp(name + len, "$") == 0);
}

static int take_user(const struct config *c, const char *key, const struct json *v,
                     struct jb_error *err)
{
    int code = jbi_config_text(c, key, v, &c->project->schedule_user, err);
    if (code < 0 || is_user(c->project->schedule_user))
        return code;
    return jbi_fail(err, JB_EINVAL, "%s: \"%s\" can't be the name of a user",
                    jbi_config_where(c, key), c->project->schedule_user);
}

static const struct key schedule_keys[] = {
    {"daily", take_schedule},
    {"weekly", take_schedule},
    {"monthly", take_schedule},
    {"verify", take_schedule},
    {"monitor", take_schedule},
    {"user", take_user},
    {NULL, NULL},
};

int jbi_config_schedule(const struct config *c, const char *key, const struct json *v,
                        struct jb_error *err)
{
    return jbi_config_section(c, key, v, schedule_keys, NULL, err);
}
