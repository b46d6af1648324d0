/* SPDX-License-Identifier: MIT */
/* Reports: built by the verbs, read by the caller. All memory but the JSON text is in one arena. */
#include "base/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

jb_report *jbi_report_new(void)
{
    return calloc(1, sizeof(jb_report));
}

void jb_report_free(jb_report *report)
{
    if (report == NULL)
        return;
    jbi_arena_free(&report->arena);
    free(report->json);
    free(report);
}

static const char *printable(jb_report *report, const char *raw)
{
    size_t len = strlen(raw);
    bool is_plain = jbi_is_printable(raw, len);
    char *text = is_plain ? jbi_arena_textn(&report->arena, raw, len)
                          : jbi_arena_alloc(&report->arena, 4 * len + 1);
    if (text == NULL)
        report->failed = true;
    else if (!is_plain)
        jbi_escape(text, 4 * len + 1, raw, len);
    return text ? text : "";
}

static const char *printable_va(jb_report *report, const char *format, va_list args)
{
    char raw[2048];
    vsnprintf(raw, sizeof raw, format, args);
    return printable(report, raw);
}

/* The array with room for one more element, or NULL if out of memory. */
static void *array_room(jb_report *report, void *array, size_t element, size_t count, size_t *room)
{
    if (count < *room)
        return array;
    size_t more = *room ? 2 * *room : 16;
    void *grown = jbi_arena_grow(&report->arena, array, count * element, more * element);
    if (grown == NULL)
        report->failed = true;
    else
        *room = more;
    return grown;
}

void jbi_finding(jb_report *report, int level, const char *subject, const char *format, ...)
{
    if (report == NULL)
        return;
    if (level > report->verdict)
        report->verdict = level;
    if (report->finding_count >= REPORT_FINDINGS_MAX) {
        report->findings_dropped++;
        return;
    }
    struct jb_finding *findings = array_room(report, report->findings, sizeof *findings,
                                             report->finding_count, &report->finding_room);
    if (findings == NULL)
        return;
    report->findings = findings;
    va_list args;
    va_start(args, format);
    findings[report->finding_count++] = (struct jb_finding){
        .level = level,
        .subject = printable(report, subject),
        .message = printable_va(report, format, args),
        .hint = "",
    };
    va_end(args);
}

void jbi_finding_hint(jb_report *report, const char *format, ...)
{
    if (report == NULL || report->finding_count == 0 || report->findings_dropped > 0)
        return;
    va_list args;
    va_start(args, format);
    report->findings[report->finding_count - 1].hint = printable_va(report, format, args);
    va_end(args);
}

struct record *jbi_report_row(jb_report *report)
{
    struct record *row = jbi_arena_alloc(&report->arena, sizeof *row);
    struct record **rows =
        array_room(report, report->rows, sizeof *rows, report->row_count, &report->row_room);
    if (row == NULL || rows == NULL) {
        report->failed = true;
        return NULL;
    }
    report->rows = rows;
    rows[report->row_count++] = row;
    return row;
}

static struct field *field_add(jb_report *report, struct record *row, const char *key,
                               enum field_kind kind)
{
    static _Thread_local struct field nowhere;
    struct field *field = row ? jbi_arena_alloc(&report->arena, sizeof *field) : NULL;
    if (field == NULL) {
        report->failed = true;
        return &nowhere;
    }
    field->key = key;
    field->kind = kind;
    if (row->last == NULL)
        row->first = field;
    else
        row->last->next = field;
    row->last = field;
    return field;
}

void jbi_row_text(jb_report *report, struct record *row, const char *key, const char *text)
{
    const char *copy = text ? printable(report, text) : NULL;
    struct field *field = field_add(report, row, key, FIELD_TEXT);
    field->text = copy;
}

void jbi_row_lines(jb_report *report, struct record *row, const char *key, const char *text)
{
    size_t len = strlen(text), at = 0;
    char *lines = jbi_arena_alloc(&report->arena, 4 * len + 1);
    for (const char *line = text; lines != NULL && *line != '\0';) {
        size_t part = strcspn(line, "\n");
        jbi_escape(lines + at, 4 * len + 1 - at, line, part);
        at += strlen(lines + at);
        line += part;
        if (*line == '\n')
            lines[at++] = *line++;
    }
    struct field *field = field_add(report, row, key, FIELD_TEXT);
    field->text = lines;
    report->failed = report->failed || lines == NULL;
}

void jbi_row_number(jb_report *report, struct record *row, const char *key, int64_t number)
{
    struct field *field = field_add(report, row, key, FIELD_NUMBER);
    field->number = number;
}

void jbi_row_bool(jb_report *report, struct record *row, const char *key, bool value)
{
    struct field *field = field_add(report, row, key, FIELD_BOOL);
    field->number = value;
}

void jbi_row_json(jb_report *report, struct record *row, const char *key, const char *json)
{
    const char *copy = jbi_arena_text(&report->arena, json);
    struct field *field = field_add(report, row, key, FIELD_JSON);
    field->text = copy;
}

void jbi_report_merge(jb_report *to, const jb_report *from, const char *what)
{
    for (size_t i = 0; from != NULL && i < from->finding_count; i++) {
        const struct jb_finding *finding = &from->findings[i];
        scope_text subject = {0};
        jbi_text_addf(&subject, "%s: %s", what, finding->subject);
        to->failed = to->failed || subject.failed;
        jbi_finding(to, finding->level, *what && !subject.failed ? subject.at : finding->subject,
                    "%s", finding->message);
        jbi_finding_hint(to, "%s", finding->hint);
    }
    if (from != NULL && from->findings_dropped > 0) {
        to->findings_dropped += from->findings_dropped;
        to->verdict = from->verdict > to->verdict ? from->verdict : to->verdict;
    }
}

int jbi_report_hand_over(jb_report *report, jb_report **out, struct jb_error *err)
{
    if (report->failed) {
        jb_report_free(report);
        return jbi_fail_memory(err);
    }
    if (out != NULL)
        *out = report;
    else
        jb_report_free(report);
    return JB_OK;
}

const char *jb_level_name(int level)
{
    static const char *const names[] = {"INFO", "WARNING", "ERROR", "CRITICAL"};
    return level >= JB_INFO && level <= JB_CRITICAL ? names[level] : "UNKNOWN";
}

int jb_report_verdict(const jb_report *report)
{
    return report->verdict;
}

size_t jb_report_finding_count(const jb_report *report)
{
    return report->finding_count;
}

const struct jb_finding *jb_report_finding(const jb_report *report, size_t index)
{
    return index < report->finding_count ? &report->findings[index] : NULL;
}

size_t jb_report_row_count(const jb_report *report)
{
    return report->row_count;
}

static const struct field *field_find(const jb_report *report, size_t row, const char *key)
{
    const struct record *record = &report->figures;
    if (row != JB_FIGURES)
        record = row < report->row_count ? report->rows[row] : NULL;
    const struct field *field = record ? record->first : NULL;
    while (field != NULL && strcmp(field->key, key) != 0)
        field = field->next;
    return field;
}

const char *jb_report_text(const jb_report *report, size_t row, const char *key)
{
    const struct field *field = field_find(report, row, key);
    return field != NULL && field->kind == FIELD_TEXT ? field->text : NULL;
}

int64_t jb_report_number(const jb_report *report, size_t row, const char *key)
{
    const struct field *field = field_find(report, row, key);
    bool is_number = field != NULL && (field->kind == FIELD_NUMBER || field->kind == FIELD_BOOL);
    return is_number ? field->number : 0;
}

int jb_exit_status(int code, const jb_report *report)
{
    switch (code) {
    case JB_OK:
        return report != NULL && report->verdict >= JB_ERROR ? 1 : 0;
    case JB_EINVAL:
    case JB_ENOTFOUND:
        return 2;
    case JB_ELOCKED:
        return 75;
    case JB_EROLLEDBACK:
        return 4;
    case JB_EROLLBACK:
        return 5;
    default:
        return 3;
    }
}
