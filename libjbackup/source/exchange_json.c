/* SPDX-License-Identifier: MIT */
/* The list in the journal. What is read there may have been written by anyone: paths stay below
 * the root and out of what a restore keeps beside it. */
#include <stdlib.h>
#include <string.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "source/codebase.h"
#include "source/exchange.h"

#define JOURNAL_PATH_MAX (1u << 20)

bool jbi_journal_set_path(struct json *object, const char *key, const char *path)
{
    size_t len = strlen(path);
    if (jbi_is_utf8(path, len))
        return jbi_json_set_text(object, key, path);
    scope_free char *hex = malloc(2 * len + 1);
    scope_text hex_key = {0};
    jbi_text_addf(&hex_key, "%s_hex", key);
    return hex != NULL && !hex_key.failed &&
           jbi_json_set_text(object, hex_key.at, jbi_hex(hex, (const unsigned char *)path, len));
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *from_hex(const char *hex, struct arena *arena)
{
    size_t len = strlen(hex) / 2;
    char *text = strlen(hex) == 2 * len ? jbi_arena_alloc(arena, len + 1) : NULL;
    for (size_t i = 0; text != NULL && i < len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        text[i] = (char)(high << 4 | low);
    }
    return text != NULL && strlen(text) == len ? text : NULL;
}

const char *jbi_journal_get_path(const struct json *object, const char *key, struct arena *arena)
{
    scope_text hex_key = {0};
    jbi_text_addf(&hex_key, "%s_hex", key);
    const char *text = jbi_json_text(jbi_json_get(object, key));
    const char *hex = hex_key.failed ? NULL : jbi_json_text(jbi_json_get(object, hex_key.at));
    const char *given = text != NULL ? text : hex;
    if (given == NULL || (text != NULL && hex != NULL) || strlen(given) > JOURNAL_PATH_MAX)
        return NULL;
    char *path = text != NULL ? jbi_arena_text(arena, text) : from_hex(hex, arena);
    bool is_path = path != NULL && jbi_is_safe_path(path);
    return is_path && !jbi_starts_with(path, CODEBASE_SWAP_PREFIX) ? path : NULL;
}

static struct json *item_print(const struct exchange_item *item)
{
    struct json *object = jbi_json_object();
    bool is_set = jbi_journal_set_path(object, "path", item->path) &&
                  jbi_json_set_int(object, "old", (int64_t)item->old) &&
                  jbi_json_set_int(object, "new", (int64_t)item->new) &&
                  jbi_json_set_int(object, "born_s", item->born_s) &&
                  jbi_json_set_int(object, "born_ns", item->born_ns) &&
                  jbi_json_set_bool(object, "carried", item->is_carried);
    if (is_set)
        return object;
    jbi_json_free(object);
    return NULL;
}

static struct json *folder_print(const struct exchange_folder *folder)
{
    struct json *object = jbi_json_object();
    bool is_set = jbi_journal_set_path(object, "path", folder->path) &&
                  jbi_json_set_int(object, "inode", (int64_t)folder->inode) &&
                  jbi_json_set_int(object, "mode", folder->mode) &&
                  jbi_json_set_int(object, "mtime_s", folder->mtime.tv_sec) &&
                  jbi_json_set_int(object, "mtime_ns", folder->mtime.tv_nsec);
    if (is_set)
        return object;
    jbi_json_free(object);
    return NULL;
}

struct json *jbi_exchange_print(const struct exchange *exchange)
{
    struct json *object = jbi_json_object(), *items = jbi_json_array(), *folders = jbi_json_array();
    bool has_memory = jbi_json_set(object, "items", items);
    has_memory &= jbi_json_set(object, "folders", folders);
    for (size_t i = 0; has_memory && i < exchange->count; i++)
        has_memory = jbi_json_push(items, item_print(&exchange->items[i]));
    for (size_t i = 0; has_memory && i < exchange->folder_count; i++)
        has_memory = jbi_json_push(folders, folder_print(&exchange->folders[i]));
    if (has_memory)
        return object;
    jbi_json_free(object);
    return NULL;
}

static bool get_below(const struct json *object, const char *key, int64_t limit, int64_t *out)
{
    return jbi_json_int(jbi_json_get(object, key), out) && *out >= 0 && *out < limit;
}

static int malformed(const char *what, size_t index, struct jb_error *err)
{
    return jbi_fail(err, JB_ECORRUPT, "the journal's %s %zu is malformed", what, index);
}

static int item_parse(struct exchange *exchange, const struct json *json, size_t index,
                      struct jb_error *err)
{
    struct exchange_item item = {.path = jbi_journal_get_path(json, "path", exchange->arena)};
    int64_t old, new, ns;
    bool is_whole = item.path != NULL && jbi_json_int(jbi_json_get(json, "old"), &old) &&
                    jbi_json_int(jbi_json_get(json, "new"), &new) &&
                    jbi_json_int(jbi_json_get(json, "born_s"), &item.born_s) &&
                    get_below(json, "born_ns", 1000000000, &ns) &&
                    jbi_json_bool(jbi_json_get(json, "carried"), &item.is_carried);
    if (!is_whole || (item.is_carried ? old == 0 : old == 0 && new == 0))
        return malformed("entry", index, err);
    item.old = (uint64_t)old;
    item.new = (uint64_t) new;
    item.born_ns = (uint32_t)ns;
    return jbi_exchange_add(exchange, &item, err);
}

static int folder_parse(struct exchange *exchange, const struct json *json, size_t index,
                        struct jb_error *err)
{
    struct exchange_folder folder = {.path = jbi_journal_get_path(json, "path", exchange->arena)};
    int64_t inode, mode, s, ns;
    bool is_whole = folder.path != NULL && jbi_json_int(jbi_json_get(json, "inode"), &inode) &&
                    get_below(json, "mode", 010000, &mode) &&
                    jbi_json_int(jbi_json_get(json, "mtime_s"), &s) &&
                    get_below(json, "mtime_ns", 1000000000, &ns);
    if (!is_whole)
        return malformed("folder", index, err);
    folder.inode = (uint64_t)inode;
    folder.mode = (unsigned)mode;
    folder.mtime = (struct timespec){.tv_sec = s, .tv_nsec = ns};
    return jbi_exchange_add_folder(exchange, &folder, err);
}

int jbi_exchange_parse(struct exchange *exchange, const struct json *json, struct jb_error *err)
{
    const struct json *items = jbi_json_get(json, "items"),
                      *folders = jbi_json_get(json, "folders");
    if (!jbi_json_is_array(items) || !jbi_json_is_array(folders))
        return jbi_fail(err, JB_ECORRUPT, "the journal's list of entries is malformed");
    int code = JB_OK;
    for (size_t i = 0; code == JB_OK && i < jbi_json_length(items); i++)
        code = item_parse(exchange, jbi_json_at(items, i), i, err);
    for (size_t i = 0; code == JB_OK && i < jbi_json_length(folders); i++)
        code = folder_parse(exchange, jbi_json_at(folders, i), i, err);
    return code;
}
