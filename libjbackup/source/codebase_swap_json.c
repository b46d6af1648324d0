/* SPDX-License-Identifier: MIT */
/* The state of a swap in the journal. */
#include <string.h>

#include "base/error.h"
#include "source/codebase_swap_parts.h"

static struct json *root_print(const struct root_state *state)
{
    struct json *object = jbi_json_object();
    bool is_set = jbi_json_set_int(object, "inode", (int64_t)state->inode) &&
                  jbi_json_set_int(object, "mode", state->mode) &&
                  jbi_json_set_int(object, "uid", (int64_t)state->uid) &&
                  jbi_json_set_int(object, "gid", (int64_t)state->gid) &&
                  jbi_json_set_int(object, "mtime_s", state->mtime.tv_sec) &&
                  jbi_json_set_int(object, "mtime_ns", state->mtime.tv_nsec);
    if (is_set)
        return object;
    jbi_json_free(object);
    return NULL;
}

static struct json *linked_print(const struct code_swap *code)
{
    struct json *object = jbi_json_object();
    bool is_set = jbi_json_set_int(object, "count", (int64_t)code->linked_count) &&
                  jbi_json_set_text(object, "sha256", code->linked_sha256) &&
                  jbi_json_set_text(object, "index_sha256", code->kept_index.sha256);
    if (is_set)
        return object;
    jbi_json_free(object);
    return NULL;
}

static bool plan_print(struct json *object, const struct code_swap *code)
{
    if (code->linked_count > 0 && !jbi_json_set(object, "linked", linked_print(code)))
        return false;
    return jbi_json_set(object, "old", root_print(&code->old)) &&
           jbi_json_set(object, "new", root_print(&code->new)) &&
           jbi_json_set(object, "exchange", jbi_exchange_print(&code->exchange));
}

struct json *jbi_code_print(const struct swap *swap)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    struct json *object = jbi_json_object();
    bool is_set = jbi_json_set_text(object, "root", code->root) &&
                  jbi_json_set_text(object, "id", code->id) &&
                  (code->path == NULL || jbi_journal_set_path(object, "path", code->path)) &&
                  jbi_json_set_bool(object, "root_made", code->is_root_made) &&
                  jbi_json_set(object, "first", root_print(&code->first)) &&
                  (!code->is_planned || plan_print(object, code));
    if (is_set)
        return object;
    jbi_json_free(object);
    return NULL;
}

static bool get_below(const struct json *object, const char *key, int64_t limit, int64_t *out)
{
    return jbi_json_int(jbi_json_get(object, key), out) && *out >= 0 && *out < limit;
}

static bool root_parse(const struct json *json, struct root_state *state)
{
    int64_t inode, mode, uid, gid, s, ns;
    bool is_whole = jbi_json_int(jbi_json_get(json, "inode"), &inode) &&
                    get_below(json, "mode", 010000, &mode) &&
                    get_below(json, "uid", UINT32_MAX, &uid) &&
                    get_below(json, "gid", UINT32_MAX, &gid) &&
                    jbi_json_int(jbi_json_get(json, "mtime_s"), &s) &&
                    get_below(json, "mtime_ns", 1000000000, &ns);
    if (!is_whole)
        return false;
    *state = (struct root_state){
        .inode = (uint64_t)inode,
        .mode = (unsigned)mode,
        .uid = (uint64_t)uid,
        .gid = (uint64_t)gid,
        .mtime = {.tv_sec = s, .tv_nsec = ns},
    };
    return true;
}

static bool get_sha256(const struct json *object, const char *key, char to[SHA256_HEX_SIZE])
{
    const char *text = jbi_json_text(jbi_json_get(object, key));
    if (text == NULL || strlen(text) != SHA256_HEX_SIZE - 1 ||
        strspn(text, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
        return false;
    memcpy(to, text, SHA256_HEX_SIZE);
    return true;
}

static bool linked_parse(const struct json *json, struct code_swap *code)
{
    int64_t count;
    if (json == NULL)
        return true;
    bool is_whole = get_below(json, "count", LINKED_SIZE_MAX, &count) && count > 0 &&
                    get_sha256(json, "sha256", code->linked_sha256) &&
                    get_sha256(json, "index_sha256", code->kept_index.sha256);
    code->linked_count = is_whole ? (uint64_t)count : 0;
    return is_whole;
}

int jbi_code_parse(struct code_swap *code, const struct json *state, struct jb_error *err)
{
    const struct json *exchange = jbi_json_get(state, "exchange");
    bool is_whole = jbi_json_bool(jbi_json_get(state, "root_made"), &code->is_root_made) &&
                    root_parse(jbi_json_get(state, "first"), &code->first);
    code->is_planned = exchange != NULL;
    if (is_whole && code->is_planned)
        is_whole = root_parse(jbi_json_get(state, "old"), &code->old) && code->old.inode != 0 &&
                   root_parse(jbi_json_get(state, "new"), &code->new) &&
                   linked_parse(jbi_json_get(state, "linked"), code);
    if (!is_whole)
        return jbi_fail(err, JB_ECORRUPT, "the journal of the code is malformed");
    return code->is_planned ? jbi_exchange_parse(&code->exchange, exchange, err) : JB_OK;
}
