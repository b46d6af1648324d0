/* SPDX-License-Identifier: MIT */
/* jb_report_json: {"verdict", "figures" {...}, "rows" [...], "findings" [...], "findings_dropped"}.
 */
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/report.h"
#include "base/text.h"

static struct json *field_value(const struct field *field)
{
    struct json *raw = NULL;
    if (field->kind == FIELD_JSON &&
        jbi_json_parse(&raw, field->text, strlen(field->text), "field", NULL) < 0)
        return NULL;
    return raw;
}

static bool add_field(struct json *object, const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return jbi_json_set_text(object, field->key, field->text);
    case FIELD_NUMBER:
        return jbi_json_set_int(object, field->key, field->number);
    case FIELD_BOOL:
        return jbi_json_set_bool(object, field->key, field->number != 0);
    default:
        return jbi_json_set(object, field->key, field_value(field));
    }
}

static bool add_record(struct json *object, const struct record *record)
{
    bool is_whole = object != NULL;
    for (const struct field *field = record->first; field != NULL && is_whole; field = field->next)
        is_whole = add_field(object, field);
    return is_whole;
}

static bool add_rows(struct json *rows, const jb_report *report)
{
    bool is_whole = rows != NULL;
    for (size_t i = 0; i < report->row_count && is_whole; i++) {
        struct json *row = jbi_json_object();
        is_whole = jbi_json_push(rows, row) && add_record(row, report->rows[i]);
    }
    return is_whole;
}

static bool add_findings(struct json *findings, const jb_report *report)
{
    bool is_whole = findings != NULL;
    for (size_t i = 0; i < report->finding_count && is_whole; i++) {
        const struct jb_finding *finding = &report->findings[i];
        struct json *object = jbi_json_object();
        is_whole = jbi_json_push(findings, object) &&
                   jbi_json_set_text(object, "level", jb_level_name(finding->level)) &&
                   jbi_json_set_text(object, "subject", finding->subject) &&
                   jbi_json_set_text(object, "message", finding->message) &&
                   jbi_json_set_text(object, "hint", finding->hint);
    }
    return is_whole;
}

/* JSON lets DEL and the C1 controls stand in texts, but a terminal obeys them. Outside of texts
 * there are none. */
static char *without_controls(char *json)
{
    struct text out = {0};
    const char *from = json ? json : "";
    while (*from != '\0') {
        size_t plain = 0;
        while (from[plain] != '\0' && from[plain] != 0x7f &&
               !(from[plain] == '\xc2' && (unsigned char)from[plain + 1] < 0xa0))
            plain++;
        jbi_text_add(&out, from, plain);
        from += plain;
        if (*from == '\0')
            break;
        unsigned code = *from == 0x7f ? 0x7f : (unsigned char)from[1];
        jbi_text_addf(&out, "\\u%04x", code);
        from += code == 0x7f ? 1 : 2;
    }
    free(json);
    if (out.failed)
        jbi_text_free(&out);
    return out.at;
}

const char *jb_report_json(jb_report *report)
{
    if (report->json != NULL)
        return report->json;
    scope_json *object = jbi_json_object();
    struct json *figures = jbi_json_object(), *rows = jbi_json_array(),
                *findings = jbi_json_array();
    bool is_whole = jbi_json_set_text(object, "verdict", jb_level_name(report->verdict));
    is_whole = jbi_json_set(object, "figures", figures) && is_whole;
    is_whole = jbi_json_set(object, "rows", rows) && is_whole;
    is_whole = jbi_json_set(object, "findings", findings) && is_whole;
    is_whole = is_whole && add_record(figures, &report->figures) && add_rows(rows, report) &&
               add_findings(findings, report) &&
               jbi_json_set_int(object, "findings_dropped", (int64_t)report->findings_dropped);
    if (is_whole)
        report->json = without_controls(jbi_json_print(object, 2));
    return report->json;
}
