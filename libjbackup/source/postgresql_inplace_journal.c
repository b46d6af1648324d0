/* SPDX-License-Identifier: MIT */
/* What the journal keeps of a replacement in place. Invariant: what it says is taken for hostile;
 * the file's name is made anew, never read. */
#include <string.h>

#include "source/postgresql_inplace_parts.h"

static struct json *plan_print(const struct postgresql_inplace *p)
{
    struct json *json = jbi_json_object();
    bool ok = jbi_json_set_text(json, "system", p->s.system) &&
              jbi_json_set_int(json, "oid", p->oid) &&
              jbi_json_set_text(json, "mark", p->old_mark) &&
              jbi_json_set_int(json, "size", (int64_t)p->size) &&
              jbi_json_set_text(json, "sha256", p->sha256) &&
              jbi_json_set_bool(json, "swapped", p->is_swapped) &&
              jbi_json_set_int(json, "first", p->new_first);
    if (ok)
        return json;
    jbi_json_free(json);
    return NULL;
}

struct json *jbi_inplace_print(const struct swap *swap)
{
    const struct postgresql_inplace *p = (const struct postgresql_inplace *)swap;
    struct postgresql_swap names = p->s;
    names.is_planned = false; /* it has no other database */
    struct json *json = jbi_swap_print(&names.swap);
    if (json == NULL || !p->is_planned || jbi_json_set(json, "plan", plan_print(p)))
        return json;
    jbi_json_free(json);
    return NULL;
}

static bool take_hex(const struct json *state, const char *key, size_t digits, char *to)
{
    const char *text = jbi_json_text(jbi_json_get(state, key));
    if (text == NULL || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
        return false;
    memcpy(to, text, digits + 1);
    return true;
}

static bool take_number(const struct json *state, const char *key, int64_t max, int64_t *out)
{
    return jbi_json_int(jbi_json_get(state, key), out) && *out >= 0 && *out <= max;
}

static bool parse_plan(struct postgresql_inplace *p, const struct json *plan)
{
    int64_t oid, size, first;
    const char *system = jbi_json_text(jbi_json_get(plan, "system"));
    if (system == NULL || strspn(system, "0123456789") != strlen(system) || strlen(system) > 20 ||
        !take_number(plan, "oid", UINT32_MAX, &oid) || oid == 0 ||
        !take_number(plan, "size", INT64_MAX, &size) ||
        !take_number(plan, "first", UINT32_MAX, &first) ||
        !jbi_json_bool(jbi_json_get(plan, "swapped"), &p->is_swapped) ||
        !take_hex(plan, "mark", MARK_SIZE - 1, p->old_mark) ||
        !take_hex(plan, "sha256", SHA256_HEX_SIZE - 1, p->sha256))
        return false;
    p->s.system = jbi_arena_text(&p->s.arena, system);
    p->oid = (uint32_t)oid;
    p->size = (uint64_t)size;
    p->new_first = (uint32_t)first;
    p->is_planned = p->s.is_planned = true;
    return p->s.system != NULL;
}

bool jbi_inplace_parse(struct postgresql_inplace *p, const struct json *state)
{
    const struct json *plan = jbi_json_get(state, "plan");
    return jbi_swap_parse(&p->s, state) && !p->s.is_planned &&
           (jbi_json_is_null(plan) || parse_plan(p, plan));
}
