/* SPDX-License-Identifier: MIT */
/* What backup_monitor_config.json may hold: one table of keys, and one of functions for each kind
 * of value. Invariant: what a kind puts, it takes. */
#include "repository/monitor_config_keys.h"

#include <string.h>

#include "adapter/http.h"
#include "adapter/smtp.h"
#include "base/error.h"
#include "base/text.h"

#define TEXT_MAX 2000
#define MEGABYTE 1000000

static int wrong_type(const struct monitor_key *key, const struct json *value, struct jb_error *why)
{
    return jbi_fail(why, JB_EINVAL, "must be %s, not %s", key->kind->expected,
                    jbi_json_kind(value));
}

static bool is_null_word(const char *text)
{
    return text[0] == '\0' || strcmp(text, "null") == 0;
}

/* As JSON if it is some, else a text. */
static bool put_typed_json(struct json *object, const char *name, const char *text)
{
    struct json *json = NULL;
    struct jb_error unwanted = {0};
    if (jbi_json_parse(&json, text, strlen(text), "value", &unwanted) == JB_OK)
        return jbi_json_set(object, name, json);
    return jbi_is_utf8(text, strlen(text)) ? jbi_json_set_text(object, name, text)
                                           : jbi_json_set_text(object, name, "?");
}

static bool put_typed_text(struct json *object, const char *name, const char *text)
{
    bool is_text = jbi_is_utf8(text, strlen(text));
    return jbi_json_set_text(object, name, is_null_word(text) ? NULL : is_text ? text : "?");
}

/* ---- Numbers and flags ---------------------------------------------------------------------- */

static int take_number(const struct monitor_key *key, const struct json *value, struct arena *arena,
                       void *to, struct jb_error *why)
{
    int64_t number;
    (void)arena;
    if (!jbi_json_int(value, &number))
        return wrong_type(key, value, why);
    if (number < key->least || number > key->most)
        return jbi_fail(why, JB_EINVAL, "must be from %d to %d, not %lld", key->least, key->most,
                        (long long)number);
    *(int *)to = (int)number;
    return JB_OK;
}

static bool put_number(struct json *object, const char *name, const void *from, bool is_shown)
{
    (void)is_shown;
    return jbi_json_set_int(object, name, *(const int *)from);
}

static int take_megabytes(const struct monitor_key *key, const struct json *value,
                          struct arena *arena, void *to, struct jb_error *why)
{
    double number;
    (void)arena;
    if (!jbi_json_real(value, &number))
        return wrong_type(key, value, why);
    if (!(number >= key->least && number <= key->most))
        return jbi_fail(why, JB_EINVAL, "must be from %d to %d, not %g", key->least, key->most,
                        number);
    *(int64_t *)to = (int64_t)(number * MEGABYTE + 0.5);
    return JB_OK;
}

static bool put_megabytes(struct json *object, const char *name, const void *from, bool is_shown)
{
    int64_t bytes = *(const int64_t *)from;
    (void)is_shown;
    return bytes % MEGABYTE == 0 ? jbi_json_set_int(object, name, bytes / MEGABYTE)
                                 : jbi_json_set_real(object, name, (double)bytes / MEGABYTE);
}

static int take_flag(const struct monitor_key *key, const struct json *value, struct arena *arena,
                     void *to, struct jb_error *why)
{
    (void)arena;
    return jbi_json_bool(value, to) ? JB_OK : wrong_type(key, value, why);
}

static bool put_flag(struct json *object, const char *name, const void *from, bool is_shown)
{
    (void)is_shown;
    return jbi_json_set_bool(object, name, *(const bool *)from);
}

/* ---- Words ---------------------------------------------------------------------------------- */

static const char *const format_names[] = {"json", "slack", "ntfy"};

static int take_format(const struct monitor_key *key, const struct json *value, struct arena *arena,
                       void *to, struct jb_error *why)
{
    const char *text = jbi_json_text(value);
    (void)arena;
    if (text == NULL)
        return wrong_type(key, value, why);
    for (int i = WEBHOOK_JSON; i <= WEBHOOK_NTFY; i++) {
        if (strcmp(text, format_names[i]) == 0) {
            *(enum webhook_format *)to = (enum webhook_format)i;
            return JB_OK;
        }
    }
    return jbi_fail(why, JB_EINVAL, "must be %s, not \"%s\"", key->kind->expected, text);
}

static bool put_format(struct json *object, const char *name, const void *from, bool is_shown)
{
    (void)is_shown;
    return jbi_json_set_text(object, name, format_names[*(const enum webhook_format *)from]);
}

static int take_level(const struct monitor_key *key, const struct json *value, struct arena *arena,
                      void *to, struct jb_error *why)
{
    const char *text = jbi_json_text(value);
    (void)arena;
    if (text == NULL)
        return wrong_type(key, value, why);
    for (int level = JB_WARNING; level <= JB_CRITICAL; level++) {
        if (strcmp(text, jb_level_name(level)) == 0) {
            *(int *)to = level;
            return JB_OK;
        }
    }
    return jbi_fail(why, JB_EINVAL, "must be %s, not \"%s\"", key->kind->expected, text);
}

static bool put_level(struct json *object, const char *name, const void *from, bool is_shown)
{
    (void)is_shown;
    return jbi_json_set_text(object, name, jb_level_name(*(const int *)from));
}

/* ---- Texts ---------------------------------------------------------------------------------- */

static int keep_text(const char *text, struct arena *arena, const char **to, struct jb_error *why)
{
    *to = jbi_arena_text(arena, text);
    return *to ? JB_OK : jbi_fail_memory(why);
}

static int take_url(const struct monitor_key *key, const struct json *value, struct arena *arena,
                    void *to, struct jb_error *why)
{
    const char *text = jbi_json_text(value), **url = to;
    char shown[HTTP_SHOWN_SIZE];
    struct jb_error unfit = {0};
    *url = NULL;
    if (jbi_json_is_null(value))
        return JB_OK;
    if (text == NULL)
        return wrong_type(key, value, why);
    bool is_plain = jbi_is_printable(text, strlen(text)) && strlen(text) <= TEXT_MAX;
    int code = is_plain ? jbi_http_shown(text, shown, &unfit) : JB_EINVAL;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(why);
    if (code < 0)
        return jbi_fail(why, JB_EINVAL, "must be %s", key->kind->expected);
    return keep_text(text, arena, url, why);
}

/* A secret may well be in its path, so only scheme and host are shown. */
static bool put_url(struct json *object, const char *name, const void *from, bool is_shown)
{
    const char *url = *(const char *const *)from;
    char shown[HTTP_SHOWN_SIZE + sizeof "/..."];
    struct jb_error unwanted = {0};
    if (url == NULL || !is_shown)
        return jbi_json_set_text(object, name, url);
    if (jbi_http_shown(url, shown, &unwanted) < 0)
        return false;
    char *host = strstr(shown, "://");
    char *path = host ? strchr(host + 3, '/') : NULL;
    if (path != NULL && path[1] != '\0')
        memcpy(path, "/...", sizeof "/...");
    return jbi_json_set_text(object, name, shown);
}

static int take_path(const struct monitor_key *key, const struct json *value, struct arena *arena,
                     void *to, struct jb_error *why)
{
    const char *text = jbi_json_text(value), **path = to;
    *path = NULL;
    if (jbi_json_is_null(value))
        return JB_OK;
    if (text == NULL)
        return wrong_type(key, value, why);
    if (text[0] != '/' || jbi_ends_with(text, "/") || strlen(text) > TEXT_MAX)
        return jbi_fail(why, JB_EINVAL, "must be %s, not \"%s\"", key->kind->expected, text);
    return keep_text(text, arena, path, why);
}

static bool put_path(struct json *object, const char *name, const void *from, bool is_shown)
{
    (void)is_shown;
    return jbi_json_set_text(object, name, *(const char *const *)from);
}

/* ---- Recipients ----------------------------------------------------------------------------- */

/* to is the first of the list's two fields, in the configuration that has both. */
static struct monitor_config *owner_of(void *to)
{
    return (struct monitor_config *)(void *)((char *)to -
                                             offsetof(struct monitor_config, email_recipients));
}

static int take_recipients(const struct monitor_key *key, const struct json *value,
                           struct arena *arena, void *to, struct jb_error *why)
{
    struct monitor_config *config = owner_of(to);
    size_t count = jbi_json_length(value);
    if (!jbi_json_is_array(value))
        return wrong_type(key, value, why);
    if (count > MONITOR_RECIPIENTS_MAX)
        return jbi_fail(why, JB_EINVAL, "must hold at most %d addresses, not %zu",
                        MONITOR_RECIPIENTS_MAX, count);
    const char **list = jbi_arena_alloc(arena, (count + 1) * sizeof *list);
    if (list == NULL)
        return jbi_fail_memory(why);
    for (size_t i = 0; i < count; i++) {
        const char *address = jbi_json_text(jbi_json_at(value, i));
        if (address == NULL || !jbi_is_mail_address(address))
            return jbi_fail(why, JB_EINVAL, "must be %s; \"%s\" is none", key->kind->expected,
                            address ? address : jbi_json_kind(jbi_json_at(value, i)));
        int code = keep_text(address, arena, &list[i], why);
        if (code < 0)
            return code;
    }
    config->email_recipients = list;
    config->recipient_count = count;
    return JB_OK;
}

static bool put_recipients(struct json *object, const char *name, const void *from, bool is_shown)
{
    const struct monitor_config *config = owner_of((void *)(uintptr_t)from);
    struct json *list = jbi_json_array();
    bool ok = jbi_json_set(object, name, list);
    (void)is_shown;
    for (size_t i = 0; i < config->recipient_count && ok; i++)
        ok = jbi_json_push_text(list, config->email_recipients[i]);
    return ok;
}

static bool put_typed_list(struct json *object, const char *name, const char *text)
{
    struct json *list = jbi_json_array();
    bool ok = jbi_json_set(object, name, list);
    if (is_null_word(text))
        return ok;
    while (ok) {
        char item[TEXT_MAX];
        text += strspn(text, " ");
        size_t len = strcspn(text, ","), end = len;
        while (end > 0 && text[end - 1] == ' ')
            end--;
        ok = jbi_json_push_text(list, jbi_escape(item, sizeof item, text, end));
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    return ok;
}

/* ---- The tables ----------------------------------------------------------------------------- */

static const struct monitor_kind number = {"a whole number", take_number, put_number,
                                           put_typed_json};
static const struct monitor_kind megabytes = {"a number", take_megabytes, put_megabytes,
                                              put_typed_json};
static const struct monitor_kind flag = {"true or false", take_flag, put_flag, put_typed_json};
static const struct monitor_kind level = {"\"WARNING\", \"ERROR\" or \"CRITICAL\"", take_level,
                                          put_level, put_typed_text};
static const struct monitor_kind format = {"\"json\", \"slack\" or \"ntfy\"", take_format,
                                           put_format, put_typed_text};
static const struct monitor_kind url = {"a URL that begins with http:// or https://, or null",
                                        take_url, put_url, put_typed_text};
static const struct monitor_kind path = {"the absolute path of a file, or null", take_path,
                                         put_path, put_typed_text};
static const struct monitor_kind recipients = {"a list of mail addresses", take_recipients,
                                               put_recipients, put_typed_list};

#define KEY(section, name, kind, field, least, most)                                               \
    {                                                                                              \
        section, name, section "." name, &(kind), offsetof(struct monitor_config, field), least,   \
            most                                                                                   \
    }
#define MONITORING(name, kind, least, most) KEY("monitoring", #name, kind, name, least, most)
#define ALERTING(name, kind, least, most)   KEY("alerting", #name, kind, name, least, most)

const struct monitor_key jbi_monitor_keys[] = {
    MONITORING(max_backup_age_hours, number, 1, 87600),
    KEY("monitoring", "min_backup_size_mb", megabytes, min_backup_size, 0, 1000000000),
    MONITORING(check_interval_minutes, number, 1, 10080),
    MONITORING(disk_usage_threshold, number, 1, 100),
    MONITORING(max_proof_age_days, number, 0, 3650),
    MONITORING(reread_days, number, 0, 3650),
    MONITORING(size_drop_percent, number, 0, 100),
    MONITORING(disk_full_days, number, 0, 3650),
    MONITORING(services, flag, 0, 0),
    MONITORING(database, flag, 0, 0),
    ALERTING(email_enabled, flag, 0, 0),
    ALERTING(email_recipients, recipients, 0, 0),
    ALERTING(alert_cooldown_minutes, number, 1, 10080),
    ALERTING(min_level, level, 0, 0),
    ALERTING(webhook_url, url, 0, 0),
    ALERTING(webhook_format, format, 0, 0),
    ALERTING(ping_url, url, 0, 0),
    ALERTING(prometheus_file, path, 0, 0),
    ALERTING(journal, flag, 0, 0),
    {NULL, NULL, NULL, NULL, 0, 0, 0},
};

_Static_assert(sizeof jbi_monitor_keys / sizeof *jbi_monitor_keys <= MONITOR_KEYS_MAX + 1,
               "each key has a place for its source");

void jbi_monitor_config_standard(struct monitor_config *out)
{
    *out = (struct monitor_config){
        .max_backup_age_hours = 26,
        .min_backup_size = MEGABYTE,
        .check_interval_minutes = 60,
        .disk_usage_threshold = 85,
        .max_proof_age_days = 8,
        .reread_days = 7,
        .size_drop_percent = 50,
        .disk_full_days = 14,
        .services = true,
        .database = true,
        .email_enabled = true,
        .alert_cooldown_minutes = 60,
        .min_level = JB_WARNING,
        .webhook_format = WEBHOOK_JSON,
        .journal = true,
    };
    for (size_t i = 0; i < MONITOR_KEYS_MAX; i++)
        out->sources[i] = "default";
}
