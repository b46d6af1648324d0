/* SPDX-License-Identifier: MIT */
/* What an alert says: as a title, as text, as a page, as JSON. Invariant: whoever reads it at three
 * in the morning finds what is wrong, since when and what to do in the first lines. */
#include "api/alert_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "api/page_markup.h"

#define TITLE_MAX 250

const char *jbi_alert_event_name(enum incident_event event)
{
    static const char *const names[] = {"opened", "escalated", "reminded", "resolved"};
    return names[event];
}

static bool is_over(const struct incident_news *news)
{
    return news->event == INCIDENT_RESOLVED;
}

const struct incident_news *jbi_alert_lead(const struct alert *alert)
{
    const struct incident_news *lead = &alert->news[0];
    for (size_t i = 1; i < alert->count; i++) {
        const struct incident_news *news = &alert->news[i];
        if (is_over(lead) == is_over(news) ? news->incident->level > lead->incident->level
                                           : is_over(lead))
            lead = news;
    }
    return lead;
}

static size_t shown(const struct alert *alert)
{
    return alert->count < ALERT_SHOWN_MAX ? alert->count : ALERT_SHOWN_MAX;
}

static void add_printable(struct text *out, const char *raw)
{
    char printable[2048];
    jbi_text_adds(out, jbi_escape(printable, sizeof printable, raw, strlen(raw)));
}

/* ---- Title ---------------------------------------------------------------------------------- */

/* "CRITICAL", "CRITICAL (was WARNING)", "still CRITICAL", "resolved" */
static void add_state(struct text *out, const struct incident_news *news)
{
    const char *level = jb_level_name(news->incident->level);
    if (is_over(news))
        jbi_text_adds(out, "resolved");
    else if (news->event == INCIDENT_ESCALATED)
        jbi_text_addf(out, "%s (was %s)", level, jb_level_name(news->previous_level));
    else
        jbi_text_addf(out, "%s%s", news->event == INCIDENT_REMINDED ? "still " : "", level);
}

void jbi_alert_title(const struct alert *alert, struct text *out)
{
    const struct incident_news *lead = jbi_alert_lead(alert);
    char more[48] = "", cut[TITLE_MAX];
    scope_text whole = {0};
    add_state(&whole, lead);
    jbi_text_addf(&whole, " %s on %s: %s: %s", alert->project, alert->host, lead->incident->check,
                  lead->incident->message);
    if (alert->count > 1)
        snprintf(more, sizeof more, " (and %zu more)", alert->count - 1);
    out->failed = out->failed || whole.failed;
    if (whole.failed)
        return;
    jbi_escape(cut, sizeof cut - strlen(more), whole.at, whole.len);
    jbi_text_addf(out, "%s%s", cut, more);
}

/* ---- Text ----------------------------------------------------------------------------------- */

/* "since 2026-11-22 23:00:00 +01:00 (6 hours)" */
static void add_since(struct text *out, const struct alert *alert, const struct incident_news *news)
{
    const struct incident *it = news->incident;
    int64_t until_us = it->ended_us != 0 ? it->ended_us : alert->at_us;
    char from[ISO_TIME_SIZE], to[ISO_TIME_SIZE];
    jbi_iso_time(from, it->opened_us, false);
    jbi_iso_time(to, until_us, false);
    jbi_text_addf(out, "since %.10s %s", from, from + 11);
    if (is_over(news))
        jbi_text_addf(out, ", until %.10s %s", to, to + 11);
    jbi_text_adds(out, " (");
    jbi_markup_age(out, (until_us - it->opened_us) / 1000000);
    jbi_text_adds(out, ")");
}

static void add_plain(struct text *out, const struct alert *alert, const struct incident_news *news)
{
    const struct incident *it = news->incident;
    add_state(out, news);
    jbi_text_adds(out, "  ");
    add_printable(out, it->key);
    jbi_text_adds(out, is_over(news) ? "\n    was: " : "\n    ");
    add_printable(out, it->message);
    jbi_text_adds(out, "\n    ");
    add_since(out, alert, news);
    if (!is_over(news) && it->hint[0] != '\0') {
        jbi_text_adds(out, "\n    what to do: ");
        add_printable(out, it->hint);
    }
    jbi_text_adds(out, "\n\n");
}

static void add_row(struct text *out, const char *name, const char *value)
{
    jbi_text_addf(out, "%-12s", name);
    add_printable(out, value);
    jbi_text_adds(out, "\n");
}

/* What comes next, so that silence means something. */
static void add_promise(struct text *out, const struct alert *alert)
{
    if (is_over(jbi_alert_lead(alert)))
        jbi_text_adds(out, "Nothing of this lasts; you will hear again only of new trouble.");
    else
        jbi_text_addf(out,
                      "While it lasts you will hear again every %d min, at once if it gets "
                      "worse, and when it is over.",
                      alert->cooldown_minutes);
}

void jbi_alert_plain(const struct alert *alert, struct text *out)
{
    char at[ISO_TIME_SIZE];
    for (size_t i = 0; i < shown(alert); i++)
        add_plain(out, alert, &alert->news[i]);
    if (alert->count > shown(alert))
        jbi_text_addf(out, "... and %zu more\n\n", alert->count - shown(alert));
    jbi_iso_time(at, alert->at_us, false);
    add_row(out, "project", alert->project);
    add_row(out, "host", alert->host);
    add_row(out, "repository", alert->repository);
    add_row(out, "seen at", at);
    jbi_text_adds(out, "\n\"jbackup-monitor check\" on that host shows how things stand now.\n");
    add_promise(out, alert);
    jbi_text_adds(out, "\n");
}

/* ---- Page ----------------------------------------------------------------------------------- */

/* Mail readers drop style sheets, so each element has its own. */
static const char *color_of(const struct incident_news *news)
{
    static const char *const colors[] = {"#1a7f37", "#9a6700", "#cf222e", "#82071e"};
    return is_over(news) ? colors[0] : colors[news->incident->level];
}

static void add_marked(struct text *out, const char *raw)
{
    scope_text printable = {0};
    add_printable(&printable, raw);
    out->failed = out->failed || printable.failed;
    jbi_markup_text(out, printable.at);
}

static void add_card(struct text *out, const struct alert *alert, const struct incident_news *news)
{
    const struct incident *it = news->incident;
    const char *color = color_of(news);
    jbi_text_addf(out,
                  "<div style=\"border-left:6px solid %s;padding:4px 12px;margin:0 0 18px\">\n"
                  "<div style=\"color:%s;font-weight:bold\">",
                  color, color);
    add_state(out, news);
    jbi_text_adds(out, " &nbsp; ");
    add_marked(out, it->key);
    jbi_text_adds(out, "</div>\n<div style=\"font-size:18px;margin:4px 0\">");
    add_marked(out, it->message);
    jbi_text_adds(out, "</div>\n<div style=\"color:#59636e\">");
    add_since(out, alert, news);
    jbi_text_adds(out, "</div>\n");
    if (!is_over(news) && it->hint[0] != '\0') {
        jbi_text_adds(out, "<div style=\"margin-top:8px\"><b>What to do:</b> ");
        add_marked(out, it->hint);
        jbi_text_adds(out, "</div>\n");
    }
    jbi_text_adds(out, "</div>\n");
}

static void add_cells(struct text *out, const char *name, const char *value)
{
    jbi_text_addf(out, "<tr><td style=\"padding-right:12px\">%s</td><td>", name);
    add_marked(out, value);
    jbi_text_adds(out, "</td></tr>\n");
}

void jbi_alert_html(const struct alert *alert, struct text *out)
{
    char at[ISO_TIME_SIZE];
    scope_text title = {0};
    jbi_alert_title(alert, &title);
    out->failed = out->failed || title.failed;
    jbi_text_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>");
    jbi_markup_text(out, title.at);
    jbi_text_adds(out, "</title>\n</head>\n<body style=\"font:15px/1.45 sans-serif;margin:16px;"
                       "max-width:640px;overflow-wrap:anywhere\">\n");
    for (size_t i = 0; i < shown(alert); i++)
        add_card(out, alert, &alert->news[i]);
    if (alert->count > shown(alert))
        jbi_text_addf(out, "<p>... and %zu more</p>\n", alert->count - shown(alert));
    jbi_iso_time(at, alert->at_us, false);
    jbi_text_adds(out, "<table style=\"border-spacing:0;font-size:14px\">\n");
    add_cells(out, "project", alert->project);
    add_cells(out, "host", alert->host);
    add_cells(out, "repository", alert->repository);
    add_cells(out, "seen at", at);
    jbi_text_adds(out, "</table>\n<p style=\"color:#59636e;font-size:13px\"><code>jbackup-monitor "
                       "check</code> on that host shows how things stand now.<br>\n");
    add_promise(out, alert);
    jbi_text_adds(out, "</p>\n</body>\n</html>\n");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static bool put_text(struct json *to, const char *key, const char *raw)
{
    char printable[2048];
    return jbi_json_set_text(to, key, jbi_escape(printable, sizeof printable, raw, strlen(raw)));
}

static bool put_time(struct json *to, const char *key, int64_t us)
{
    char time[ISO_TIME_SIZE];
    jbi_iso_time(time, us, false);
    return jbi_json_set_text(to, key, us != 0 ? time : NULL);
}

static bool put_news(struct json *to, const struct incident_news *news)
{
    const struct incident *it = news->incident;
    bool is_escalated = news->event == INCIDENT_ESCALATED;
    return jbi_json_set_text(to, "event", jbi_alert_event_name(news->event)) &&
           jbi_json_set_text(to, "level", jb_level_name(it->level)) &&
           jbi_json_set_text(to, "previous_level",
                             is_escalated ? jb_level_name(news->previous_level) : NULL) &&
           put_text(to, "check", it->check) && put_text(to, "subject", jbi_incident_subject(it)) &&
           put_text(to, "message", it->message) && put_text(to, "hint", it->hint) &&
           put_time(to, "opened_at", it->opened_us) && put_time(to, "ended_at", it->ended_us);
}

static bool put_list(struct json *to, const struct alert *alert)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, "alerts", rows);
    for (size_t i = 0; i < shown(alert) && ok; i++) {
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_news(row, &alert->news[i]);
    }
    return ok && jbi_json_set_int(to, "more", (int64_t)(alert->count - shown(alert)));
}

char *jbi_alert_json(const struct alert *alert)
{
    const struct incident_news *lead = jbi_alert_lead(alert);
    scope_json *root = jbi_json_object();
    scope_text title = {0}, plain = {0};
    jbi_alert_title(alert, &title);
    jbi_alert_plain(alert, &plain);
    bool ok = !title.failed && !plain.failed && jbi_json_set_int(root, "format", 1) &&
              jbi_json_set_text(root, "tool", "jbackup " JBACKUP_VERSION) &&
              jbi_json_set_text(root, "event", jbi_alert_event_name(lead->event)) &&
              jbi_json_set_text(root, "level", jb_level_name(lead->incident->level)) &&
              put_text(root, "project", alert->project) && put_text(root, "host", alert->host) &&
              put_text(root, "repository", alert->repository) &&
              put_time(root, "at", alert->at_us) && jbi_json_set_text(root, "title", title.at) &&
              jbi_json_set_text(root, "text", plain.at) && put_list(root, alert);
    return ok ? jbi_json_print(root, 0) : NULL;
}
