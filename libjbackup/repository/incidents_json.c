/* SPDX-License-Identifier: MIT */
/* Incidents as text and back. Invariant: what is printed here is read back equal, and nothing that
 * is read is of another type, form or size than what is printed. */
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/incidents.h"
#include "repository/manifest_reader.h"

#define FORMAT     1
#define THREAD_MAX 64

/* ---- Printing ------------------------------------------------------------------------------- */

static bool put_text(struct json *to, const char *key, const char *text)
{
    char printable[INCIDENT_TEXT_SIZE];
    return jbi_json_set_text(to, key, jbi_escape(printable, sizeof printable, text, strlen(text)));
}

/* 0: null. */
static bool put_time(struct json *to, const char *key, int64_t us)
{
    char time[ISO_TIME_SIZE];
    jbi_iso_time(time, us, true);
    return jbi_json_set_text(to, key, us != 0 ? time : NULL);
}

static bool put_incident(struct json *to, const struct incident *incident)
{
    const char *told = incident->told_us != 0 ? jb_level_name(incident->worst_told) : NULL;
    return put_text(to, "key", incident->key) && put_text(to, "check", incident->check) &&
           put_text(to, "level", jb_level_name(incident->level)) &&
           jbi_json_set_text(to, "worst_told", told) &&
           put_text(to, "message", incident->message) && put_text(to, "hint", incident->hint) &&
           put_time(to, "opened_at", incident->opened_us) &&
           put_time(to, "changed_at", incident->changed_us) &&
           put_time(to, "seen_at", incident->seen_us) &&
           put_time(to, "told_at", incident->told_us) &&
           put_time(to, "ended_at", incident->ended_us) && put_text(to, "thread", incident->thread);
}

static bool put_list(struct json *to, const char *key, const struct incident *list, size_t count)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, key, rows);
    for (size_t i = 0; i < count && ok; i++) {
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_incident(row, &list[i]);
    }
    return ok;
}

char *jbi_incidents_print(const struct incidents *incidents)
{
    scope_json *root = jbi_json_object();
    bool ok = jbi_json_set_int(root, "format", FORMAT) &&
              put_list(root, "open", incidents->open, incidents->open_count) &&
              put_list(root, "ended", incidents->ended, incidents->ended_count);
    return ok ? jbi_json_print(root, 1) : NULL;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static const char *read_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = jbi_read_text(r, from, key);
    if (strlen(text) >= INCIDENT_TEXT_SIZE)
        jbi_refuse(r, key, "is absurdly long");
    else if (!jbi_is_printable(text, strlen(text)))
        jbi_refuse(r, key, "is not printable");
    return text;
}

static int read_level(struct reader *r, const struct json *from, const char *key)
{
    const char *name = jbi_read_text(r, from, key);
    for (int level = JB_WARNING; level <= JB_CRITICAL; level++)
        if (strcmp(name, jb_level_name(level)) == 0)
            return level;
    jbi_refuse(r, key, "is no level of an incident");
    return JB_WARNING;
}

static int64_t read_time(struct reader *r, const struct json *from, const char *key,
                         bool is_optional)
{
    if (is_optional && jbi_json_is_null(jbi_json_get(from, key)))
        return 0;
    int64_t us = jbi_read_time(r, from, key);
    if (us == 0)
        jbi_refuse(r, key, "is no time");
    return us;
}

/* It becomes part of a mail's header. */
static const char *read_thread(struct reader *r, const struct json *from)
{
    const char *thread = read_text(r, from, "thread");
    if (strlen(thread) > THREAD_MAX ||
        strspn(thread, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(thread))
        jbi_refuse(r, "thread", "is none");
    return thread;
}

static void read_incident(struct reader *r, const struct json *from, bool has_ended,
                          struct incident *to)
{
    to->key = read_text(r, from, "key");
    to->check = read_text(r, from, "check");
    size_t len = strlen(to->check);
    if (strncmp(to->key, to->check, len) != 0 || strncmp(to->key + len, ": ", 2) != 0)
        jbi_refuse(r, "key", "does not begin with its check");
    to->level = read_level(r, from, "level");
    to->told_us = read_time(r, from, "told_at", true);
    if (to->told_us != 0)
        to->worst_told = read_level(r, from, "worst_told");
    to->message = read_text(r, from, "message");
    to->hint = read_text(r, from, "hint");
    to->opened_us = read_time(r, from, "opened_at", false);
    to->changed_us = read_time(r, from, "changed_at", false);
    to->seen_us = read_time(r, from, "seen_at", false);
    to->ended_us = read_time(r, from, "ended_at", !has_ended);
    if (!has_ended && to->ended_us != 0)
        jbi_refuse(r, "ended_at", "is set of an open one");
    to->thread = read_thread(r, from);
}

static struct incident *read_list(struct reader *r, const struct json *from, const char *key,
                                  size_t most, size_t *count)
{
    const struct json *rows = NULL;
    bool has_ended = strcmp(key, "ended") == 0;
    r->where = "file";
    if (jbi_json_length(jbi_json_get(from, key)) > most)
        jbi_refuse(r, key, "is absurdly long");
    struct incident *list = jbi_read_list(r, from, key, sizeof *list, &rows, count);
    r->where = key;
    for (size_t i = 0; list != NULL && i < *count && r->code == JB_OK; i++)
        read_incident(r, jbi_json_at(rows, i), has_ended, &list[i]);
    return list;
}

/* A second one of the same key would never be seen again. */
static void refuse_doubles(struct reader *r, const struct incidents *incidents)
{
    for (size_t i = 0; i < incidents->open_count && r->code == JB_OK; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(incidents->open[i].key, incidents->open[j].key) == 0)
                jbi_refuse(r, "key", "stands there twice");
}

int jbi_incidents_parse(struct incidents *out, const char *text, size_t len, const char *name,
                        struct arena *arena, struct jb_error *err)
{
    scope_json *root = NULL;
    struct jb_error why = {0};
    *out = (struct incidents){0};
    int code = jbi_json_parse(&root, text, len, name, &why);
    if (code < 0)
        return jbi_fail(err, code == JB_ENOMEM ? code : JB_ECORRUPT, "%s", why.text);
    struct reader reader = {name, "file", NULL, arena, err, JB_OK}, *r = &reader;
    struct incidents read = {0};
    if (jbi_read_integer(r, root, "format") != FORMAT)
        jbi_refuse(r, "format", "is not known");
    read.open = read_list(r, root, "open", INCIDENTS_OPEN_MAX, &read.open_count);
    read.ended = read_list(r, root, "ended", INCIDENTS_ENDED_KEPT, &read.ended_count);
    r->where = "open";
    if (reader.code == JB_OK)
        refuse_doubles(r, &read);
    if (reader.code == JB_OK)
        *out = read;
    return reader.code;
}
