/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_REPORT_H
#define JBI_BASE_REPORT_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"

/* A report under construction. Findings beyond REPORT_FINDINGS_MAX are counted, not kept. */
#define REPORT_FINDINGS_MAX 10000

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_BOOL, FIELD_JSON };

struct field {
    struct field *next;
    const char *key;
    const char *text; /* FIELD_TEXT (printable), FIELD_JSON (JSON text) */
    int64_t number;
    enum field_kind kind;
};

struct record {
    struct field *first, *last;
};

struct jb_report {
    struct arena arena;
    struct jb_finding *findings;
    size_t finding_count, finding_room;
    uint64_t findings_dropped;
    int verdict;
    struct record figures;
    struct record **rows;
    size_t row_count, row_room;
    char *json;  /* made on demand by api/ */
    bool failed; /* out of memory while building */
};

jb_report *jbi_report_new(void); /* NULL if out of memory */

/* subject and the formatted message are made printable. report may be NULL. */
void jbi_finding(jb_report *report, int level, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The hint of the finding added last. */
void jbi_finding_hint(jb_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A new row; a row of no effect if out of memory. &report->figures serves as a row, too. */
struct record *jbi_report_row(jb_report *report);
/* key is a literal. NULL text adds a JSON null. */
void jbi_row_text(jb_report *report, struct record *row, const char *key, const char *text);
/* The same of a text of several lines: its line feeds stay. */
void jbi_row_lines(jb_report *report, struct record *row, const char *key, const char *text);
void jbi_row_number(jb_report *report, struct record *row, const char *key, int64_t number);
void jbi_row_bool(jb_report *report, struct record *row, const char *key, bool value);
void jbi_row_json(jb_report *report, struct record *row, const char *key, const char *json);

/* Adds the findings of another report, NULL for none. The subject becomes "what: subject", unless
 * what is "". */
void jbi_report_merge(jb_report *to, const jb_report *from, const char *what);

/* Hands a finished report to the caller (or frees it, if out is NULL); JB_ENOMEM if it is
 * incomplete. */
int jbi_report_hand_over(jb_report *report, jb_report **out, struct jb_error *err);

#endif
