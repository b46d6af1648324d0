/* SPDX-License-Identifier: MIT */
/* Proofs as text and back. Invariant: what is printed here is read back equal, and nothing that is
 * read is of another type, form or size than what is printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/text.h"
#include "repository/manifest_reader.h"
#include "repository/proof.h"

static const char *const depth_names[] = {"bytes", "content", "restore"};
static const char *const result_names[] = {"equal", "different", "incomplete"};

/* The index of name, or -1. */
static int find_name(const char *name, const char *const *names, int count)
{
    while (--count >= 0 && strcmp(name, names[count]) != 0)
        continue;
    return count;
}

const char *jbi_proof_depth_name(enum proof_depth depth)
{
    return depth_names[depth];
}

bool jbi_proof_depth_parse(const char *name, enum proof_depth *out)
{
    int found = find_name(name, depth_names, PROOF_RESTORE + 1);
    if (found >= 0)
        *out = (enum proof_depth)found;
    return found >= 0;
}

const char *jbi_proof_result_name(enum proof_result result)
{
    return result_names[result];
}

/* Printable, which is UTF-8, too, and cut where it is longer than what is read back. */
static bool put_text(struct json *to, const char *key, const char *text)
{
    char printable[PROOF_TEXT_SIZE];
    return jbi_json_set_text(to, key, jbi_escape(printable, sizeof printable, text, strlen(text)));
}

static bool put_count(struct json *to, const char *key, uint64_t count)
{
    bool fits = count <= (uint64_t)MANIFEST_NUMBER_MAX;
    return jbi_json_set_int(to, key, fits ? (int64_t)count : MANIFEST_NUMBER_MAX);
}

static bool put_findings(struct json *to, const struct proof *proof)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, "findings", rows);
    for (size_t i = 0; i < proof->finding_count && ok; i++) {
        const struct proof_finding *finding = &proof->findings[i];
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_text(row, "level", jb_level_name(finding->level)) &&
             put_text(row, "subject", finding->subject) &&
             put_text(row, "message", finding->message);
    }
    return ok;
}

static bool put_proof(struct json *to, const struct proof *proof)
{
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, proof->at_us, true);
    return put_text(to, "at", at) && put_text(to, "depth", depth_names[proof->depth]) &&
           put_text(to, "result", result_names[proof->result]) &&
           jbi_json_set_int(to, "sample", proof->sample) && put_text(to, "host", proof->host) &&
           put_text(to, "tool", proof->tool) &&
           jbi_json_set_real(to, "duration_s", (double)proof->duration_ms / 1000) &&
           jbi_json_set_real(to, "look_s", (double)proof->look_ms / 1000) &&
           jbi_json_set_real(to, "restore_s", (double)proof->restore_ms / 1000) &&
           put_count(to, "files", proof->files) && put_count(to, "tables", proof->tables) &&
           put_count(to, "bytes_read", proof->bytes_read) &&
           put_count(to, "bytes_decoded", proof->bytes_decoded) &&
           put_count(to, "bytes_restored", proof->bytes_restored) && put_findings(to, proof);
}

static bool put_reads(struct json *to, const struct proofs *proofs)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, "reads", rows);
    for (size_t i = 0; i < proofs->read_count && ok; i++) {
        const struct proof_read *read = &proofs->reads[i];
        struct json *row = jbi_json_object();
        char at[ISO_TIME_SIZE];
        jbi_iso_time(at, read->at_us, true);
        ok = jbi_json_push(rows, row) && put_text(row, "path", read->path) &&
             put_text(row, "at", at) && put_text(row, "tool", read->tool);
    }
    return ok;
}

char *jbi_proofs_print(const struct proofs *proofs)
{
    scope_json *root = jbi_json_object();
    struct json *rows = jbi_json_array();
    const char *sha256 = proofs->manifest_sha256;
    bool ok = put_text(root, "timestamp", proofs->timestamp) &&
              jbi_json_set_text(root, "manifest_sha256", sha256[0] != '\0' ? sha256 : NULL) &&
              put_text(root, "manifest_digest", proofs->manifest_digest);
    ok = jbi_json_set(root, "proofs", rows) && ok;
    for (size_t i = 0; i < proofs->count && ok; i++) {
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_proof(row, &proofs->list[i]);
    }
    ok = ok && put_reads(root, proofs);
    return ok ? jbi_json_print(root, 2) : NULL;
}

/* The index of the text in names; what is not among them is refused. */
static int read_name(struct reader *r, const struct json *from, const char *key,
                     const char *const *names, int count)
{
    int found = find_name(jbi_read_text(r, from, key), names, count);
    if (found < 0)
        jbi_refuse(r, key, "is not known");
    return r->code == JB_OK ? found : 0;
}

static const char *read_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = jbi_read_text(r, from, key);
    if (strlen(text) >= PROOF_TEXT_SIZE)
        jbi_refuse(r, key, "is absurdly long");
    return text;
}

/* As jbi_read_list, of at most that many rows. */
static void *read_short_list(struct reader *r, const struct json *from, const char *key,
                             size_t most, size_t element, const struct json **rows, size_t *count)
{
    if (jbi_json_length(jbi_json_get(from, key)) > most)
        jbi_refuse(r, key, "is absurdly long");
    return jbi_read_list(r, from, key, element, rows, count);
}

static void read_findings(struct reader *r, const struct json *from, struct proof *to)
{
    const char *levels[JB_CRITICAL + 1];
    const struct json *rows = NULL;
    for (int level = JB_INFO; level <= JB_CRITICAL; level++)
        levels[level] = jb_level_name(level);
    struct proof_finding *list = read_short_list(r, from, "findings", PROOF_FINDINGS_KEPT,
                                                 sizeof *list, &rows, &to->finding_count);
    r->where = "findings";
    for (size_t i = 0; i < to->finding_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        list[i].level = read_name(r, row, "level", levels, JB_CRITICAL + 1);
        list[i].subject = read_text(r, row, "subject");
        list[i].message = read_text(r, row, "message");
    }
    to->findings = list;
}

static void read_proof(struct reader *r, const struct json *from, struct proof *to)
{
    r->where = "proofs";
    to->at_us = jbi_read_time(r, from, "at");
    to->depth = (enum proof_depth)read_name(r, from, "depth", depth_names, PROOF_RESTORE + 1);
    to->result =
        (enum proof_result)read_name(r, from, "result", result_names, PROOF_INCOMPLETE + 1);
    int64_t sample = jbi_read_number(r, from, "sample");
    if (sample < 1 || sample > 100)
        jbi_refuse(r, "sample", "is not from 1 to 100");
    else
        to->sample = (int)sample;
    to->host = read_text(r, from, "host");
    to->tool = read_text(r, from, "tool");
    to->duration_ms = jbi_read_ms(r, from, "duration_s");
    to->look_ms = jbi_read_ms(r, from, "look_s");
    to->restore_ms = jbi_read_ms(r, from, "restore_s");
    to->files = jbi_read_count(r, from, "files");
    to->tables = jbi_read_count(r, from, "tables");
    to->bytes_read = jbi_read_count(r, from, "bytes_read");
    to->bytes_decoded = jbi_read_count(r, from, "bytes_decoded");
    to->bytes_restored = jbi_read_count(r, from, "bytes_restored");
    read_findings(r, from, to);
}

/* Absent in files of older versions. */
static void read_reads(struct reader *r, const struct json *from, struct proofs *to)
{
    const struct json *rows = NULL;
    if (jbi_json_get(from, "reads") == NULL)
        return;
    to->reads = read_short_list(r, from, "reads", PROOF_READS_MAX, sizeof *to->reads, &rows,
                                &to->read_count);
    r->where = "reads";
    for (size_t i = 0; i < to->read_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        to->reads[i].path = read_text(r, row, "path");
        to->reads[i].at_us = jbi_read_time(r, row, "at");
        to->reads[i].tool = read_text(r, row, "tool");
    }
}

int jbi_proofs_parse(struct proofs *out, const char *text, size_t len, const char *timestamp,
                     const char *name, struct arena *arena, struct jb_error *err)
{
    scope_json *root = NULL;
    struct jb_error why = {0};
    *out = (struct proofs){0};
    if (jbi_json_parse(&root, text, len, name, &why) < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s", why.text);

    struct reader reader = {name, "file", timestamp, arena, err, JB_OK}, *r = &reader;
    const struct json *rows = NULL;
    struct proofs read = {0};
    const char *of = jbi_read_text(r, root, "timestamp");
    if (strcmp(of, timestamp) != 0)
        jbi_refuse(r, "timestamp", "is that of another backup");
    memcpy(read.timestamp, timestamp, TIMESTAMP_SIZE);
    jbi_read_sha256(r, root, "manifest_sha256", "", true, read.manifest_sha256);
    jbi_read_sha256(r, root, "manifest_digest", "", false, read.manifest_digest);
    read.list =
        read_short_list(r, root, "proofs", PROOFS_KEPT, sizeof *read.list, &rows, &read.count);
    for (size_t i = 0; i < read.count && reader.code == JB_OK; i++)
        read_proof(r, jbi_json_at(rows, i), &read.list[i]);
    if (reader.code == JB_OK)
        read_reads(r, root, &read);
    if (reader.code == JB_OK)
        *out = read;
    return reader.code;
}
