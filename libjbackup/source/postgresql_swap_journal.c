/* SPDX-License-Identifier: MIT */
/* What the journal keeps of a swap: names, our mark, OIDs. Invariant: what it says is taken for
 * hostile; a name that is not of our form never gets into a statement. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "adapter/digest.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "source/postgresql_swap_parts.h"

#define BESIDE      "_jbackup_"
#define PASSING     "_jbackup-"
#define HASH_DIGITS 8
#define MARK_MIN    1000000000 /* no connection limit that anybody else would set */

/* ---- Names ---- */

/* As much of the name as there is room for; where that is not all, its hash tells it from others.
 */
static bool make_names(struct postgresql_swap *s)
{
    char hex[SHA256_HEX_SIZE], stem[SWAP_NAME_SIZE];
    size_t room = SWAP_NAME_SIZE - 1 - strlen(BESIDE) - strlen(s->id), len = strlen(s->database);
    if (len <= room) {
        memcpy(stem, s->database, len + 1);
    } else {
        scope_digest *digest = jbi_digest_new();
        if (digest == NULL)
            return false;
        jbi_digest_begin(digest);
        jbi_digest_add(digest, s->database, len);
        jbi_digest_end(digest, hex);
        size_t cut = 0, step;
        while ((step = jbi_utf8_len(s->database + cut, len - cut)) > 0 &&
               cut + step <= room - HASH_DIGITS - 1)
            cut += step;
        snprintf(stem, sizeof stem, "%.*s_%.*s", (int)cut, s->database, HASH_DIGITS, hex);
    }
    int beside = snprintf(s->beside, sizeof s->beside, "%s" BESIDE "%s", stem, s->id);
    int passing = snprintf(s->passing, sizeof s->passing, "%s" PASSING "%s", stem, s->id);
    s->kept = jbi_arena_printf(&s->arena, "database %s", s->beside);
    return beside > 0 && passing > 0 && s->kept != NULL;
}

/* The name as the server knows it: the target's, the URL's, or what libpq makes of them. */
static int name_database(struct postgresql_swap *s, struct jb_error *err)
{
    const struct postgres_target *target = &s->live->target;
    struct postgres_url url = {0};
    const char *name = target->database;
    int code =
        name ? JB_OK : jbi_postgres_url(target->url, "the database's URL", &s->arena, &url, err);
    if (code < 0)
        return code;
    name = name ? name : url.database;
    if (name == NULL) {
        struct postgres *session = NULL;
        code = jbi_postgres_open(&session, target, err);
        if (code < 0) {
            jbi_hint(err, "give the URL the name of the database");
            return code;
        }
        name = jbi_arena_text(&s->arena, jbi_postgres_database(session));
        jbi_postgres_close(session);
    } else {
        name = jbi_arena_text(&s->arena, name);
    }
    s->database = name;
    return name ? JB_OK : jbi_fail_memory(err);
}

static int refuse_name(const struct postgresql_swap *s, struct jb_error *err)
{
    size_t len = strlen(s->database);
    if (len == 0 || len >= SWAP_NAME_SIZE || !jbi_is_utf8(s->database, len))
        return jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is no name that a database can be given",
                        s->database);
    if (strcmp(s->database, "template0") == 0 || strcmp(s->database, "template1") == 0)
        return jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is of the server itself, and stays",
                        s->database);
    return JB_OK;
}

static int choose_mark(struct postgresql_swap *s, struct jb_error *err)
{
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return jbi_fail_errno(err, JB_EIO, "cannot get a random number");
    s->mark = MARK_MIN + (int32_t)(number % (INT32_MAX - MARK_MIN));
    return JB_OK;
}

int jbi_swap_name(struct postgresql_swap *s, const char *id, struct jb_error *err)
{
    if (!jbi_is_timestamp(id))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no timestamp", id);
    s->id = jbi_arena_text(&s->arena, id);
    int code = s->id ? name_database(s, err) : jbi_fail_memory(err);
    if (code == JB_OK)
        code = refuse_name(s, err);
    if (code == JB_OK && !make_names(s))
        code = jbi_fail_memory(err);
    return code < 0 ? code : choose_mark(s, err);
}

/* ---- The journal ---- */

struct json *jbi_swap_print(const struct swap *swap)
{
    const struct postgresql_swap *s = (const struct postgresql_swap *)swap;
    struct json *json = jbi_json_object();
    bool ok = jbi_json_set_text(json, "database", s->database) &&
              jbi_json_set_text(json, "id", s->id) && jbi_json_set_int(json, "mark", s->mark) &&
              jbi_json_set_bool(json, "planned", s->is_planned);
    if (s->is_planned)
        ok = ok && jbi_json_set_text(json, "system", s->system) &&
             jbi_json_set_int(json, "old_oid", s->old_oid) &&
             jbi_json_set_int(json, "new_oid", s->new_oid) &&
             jbi_json_set_int(json, "live_limit", s->live_limit);
    if (ok)
        return json;
    jbi_json_free(json);
    return NULL;
}

static bool number_in(const struct json *state, const char *key, int64_t min, int64_t max,
                      int64_t *out)
{
    return jbi_json_int(jbi_json_get(state, key), out) && *out >= min && *out <= max;
}

static bool parse_plan(struct postgresql_swap *s, const struct json *state)
{
    int64_t old_oid, new_oid, limit;
    const char *system = jbi_json_text(jbi_json_get(state, "system"));
    if (system == NULL || strspn(system, "0123456789") != strlen(system) || strlen(system) > 20 ||
        !number_in(state, "old_oid", 0, UINT32_MAX, &old_oid) ||
        !number_in(state, "new_oid", 1, UINT32_MAX, &new_oid) || old_oid == new_oid ||
        !number_in(state, "live_limit", -1, INT32_MAX, &limit))
        return false;
    s->system = jbi_arena_text(&s->arena, system);
    s->old_oid = (uint32_t)old_oid;
    s->new_oid = (uint32_t)new_oid;
    s->live_limit = (int32_t)limit;
    return s->system != NULL;
}

bool jbi_swap_parse(struct postgresql_swap *s, const struct json *state)
{
    struct jb_error unwanted = {0};
    int64_t mark;
    const char *database = jbi_json_text(jbi_json_get(state, "database"));
    const char *id = jbi_json_text(jbi_json_get(state, "id"));
    if (database == NULL || id == NULL || !jbi_is_timestamp(id) ||
        !number_in(state, "mark", MARK_MIN, INT32_MAX, &mark) ||
        !jbi_json_bool(jbi_json_get(state, "planned"), &s->is_planned))
        return false;
    s->database = jbi_arena_text(&s->arena, database);
    s->id = jbi_arena_text(&s->arena, id);
    s->mark = (int32_t)mark;
    s->is_beside = true;
    return s->database != NULL && s->id != NULL && refuse_name(s, &unwanted) == JB_OK &&
           make_names(s) && (!s->is_planned || parse_plan(s, state));
}
