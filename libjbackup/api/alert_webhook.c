/* SPDX-License-Identifier: MIT */
/* Webhooks: our own JSON, {"text": ...} as Slack and Mattermost take it, and ntfy's headers.
 * Invariant: no text from outside becomes markup, a mention of people, or a header. */
#include "api/alert_webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/http.h"
#include "adapter/json.h"
#include "base/error.h"
#include "base/scope.h"

#define TIMEOUT_MS     10000
#define CHAT_TEXT_MAX  12000
#define NTFY_TEXT_MAX  4000 /* what is longer than 4096 becomes an attachment there */
#define NTFY_TITLE_MAX 250

/* The parts of the JSON that the other formats are made of. */
struct parts {
    const char *title, *text, *event;
    int level;
};

static int read_parts(const struct json *root, struct parts *out, struct jb_error *err)
{
    const char *level = jbi_json_text(jbi_json_get(root, "level"));
    *out = (struct parts){.title = jbi_json_text(jbi_json_get(root, "title")),
                          .text = jbi_json_text(jbi_json_get(root, "text")),
                          .event = jbi_json_text(jbi_json_get(root, "event")),
                          .level = JB_CRITICAL + 1};
    for (int i = JB_WARNING; level != NULL && i <= JB_CRITICAL; i++)
        if (strcmp(level, jb_level_name(i)) == 0)
            out->level = i;
    if (!out->title || !out->text || !out->event || out->level > JB_CRITICAL)
        return jbi_fail(err, JB_ECORRUPT, "what waits for the webhook is damaged");
    return JB_OK;
}

/* The longest beginning of at most that many bytes that ends with a whole character. */
static size_t cut_len(const char *text, size_t most)
{
    size_t len = strlen(text);
    if (len <= most)
        return len;
    for (len = most; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

/* Within a block of code neither links nor names of people mean anything; only its end and what
 * the chat takes for references must not come from outside. */
static void add_chat(struct text *out, const char *raw, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (raw[i] == '`')
            jbi_text_adds(out, "'");
        else if (raw[i] == '&')
            jbi_text_adds(out, "&amp;");
        else if (raw[i] == '<')
            jbi_text_adds(out, "&lt;");
        else if (raw[i] == '>')
            jbi_text_adds(out, "&gt;");
        else
            jbi_text_add(out, raw + i, 1);
    }
}

static int make_chat(struct webhook_call *out, const struct parts *parts, struct jb_error *err)
{
    scope_text text = {0};
    jbi_text_adds(&text, "```\n");
    add_chat(&text, parts->title, cut_len(parts->title, NTFY_TITLE_MAX));
    jbi_text_adds(&text, "\n\n");
    add_chat(&text, parts->text, cut_len(parts->text, CHAT_TEXT_MAX));
    jbi_text_adds(&text, "\n```");
    scope_json *root = jbi_json_object();
    bool ok = !text.failed && jbi_json_set_text(root, "text", text.at);
    scope_free char *body = ok ? jbi_json_print(root, 0) : NULL;
    if (body == NULL)
        return jbi_fail_memory(err);
    jbi_text_adds(&out->body, body);
    return JB_OK;
}

static void make_ntfy(struct webhook_call *out, const struct parts *parts)
{
    static const char priorities[] = {'2', '3', '4', '5'}; /* low, default, high, urgent */
    bool is_over = strcmp(parts->event, "resolved") == 0;
    char title[NTFY_TITLE_MAX];
    int level = is_over ? JB_INFO : parts->level;
    const char *tag = level == JB_INFO       ? "white_check_mark"
                      : level == JB_CRITICAL ? "rotating_light"
                                             : "warning";
    jbi_escape(title, sizeof title, parts->title, strlen(parts->title));
    snprintf(out->title, sizeof out->title, "Title: %s", title);
    snprintf(out->priority, sizeof out->priority, "Priority: %c", priorities[level]);
    snprintf(out->tags, sizeof out->tags, "Tags: %s", tag);
    out->headers[0] = out->title;
    out->headers[1] = out->priority;
    out->headers[2] = out->tags;
    out->content_type = "text/plain; charset=utf-8";
    jbi_text_add(&out->body, parts->text, cut_len(parts->text, NTFY_TEXT_MAX));
}

int jbi_webhook_make(struct webhook_call *out, enum webhook_format format, const char *json,
                     size_t len, struct jb_error *err)
{
    scope_json *root = NULL;
    struct parts parts;
    struct jb_error why = {0};
    *out = (struct webhook_call){.content_type = "application/json"};
    int code = jbi_json_parse(&root, json, len, "alert", &why);
    if (code < 0)
        return jbi_fail(err, code == JB_ENOMEM ? code : JB_ECORRUPT, "%s", why.text);
    code = read_parts(root, &parts, err);
    if (code < 0)
        return code;
    if (format == WEBHOOK_SLACK)
        code = make_chat(out, &parts, err);
    else if (format == WEBHOOK_NTFY)
        make_ntfy(out, &parts);
    else
        jbi_text_add(&out->body, json, len);
    return code == JB_OK && out->body.failed ? jbi_fail_memory(err) : code;
}

/* What says that this very body will never be taken. Anything else may be mended at the other end
 * or in the configuration: the call waits for it. */
static bool is_refusal(int status)
{
    static const int statuses[] = {400, 413, 415, 422};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (status == statuses[i])
            return true;
    return false;
}

int jbi_webhook_send(const struct webhook_call *call, const char *url, bool *is_temporary,
                     struct jb_error *err)
{
    char origin[HTTP_SHOWN_SIZE];
    int status = 0;
    *is_temporary = true;
    int code =
        jbi_http_post(url, call->content_type, call->headers, call->body.at ? call->body.at : "",
                      call->body.len, TIMEOUT_MS, &status, err);
    if (code < 0 || (status >= 200 && status < 300))
        return code;
    *is_temporary = !is_refusal(status);
    code = jbi_http_origin(url, origin, err);
    if (code < 0)
        return code;
    jbi_fail(err, JB_EIO, "%s answers with status %d", origin, status);
    if (status >= 300 && status < 400)
        jbi_hint(err, "it is moved: set webhook_url to where it is now");
    else if (status >= 400 && status < 500 && *is_temporary)
        jbi_hint(err, "see whether webhook_url is the right one, and still valid there");
    return JB_EIO;
}
