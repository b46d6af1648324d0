/* SPDX-License-Identifier: MIT */
/* The journal of a restore. Invariant: what is on the disk is one whole journal, and nothing of a
 * damaged one is believed. */
#include "repository/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/manifest_reader.h"

#define TEXT_MAX 1024

static const char *const phase_names[] = {"staging", "stopping", "swapping",  "starting",
                                          "done",    "undoing",  "discarding"};
#define PHASES (sizeof phase_names / sizeof *phase_names)

const char *jbi_journal_phase_name(enum journal_phase phase)
{
    return phase_names[phase];
}

/* ---- Writing -------------------------------------------------------------------------------- */

static bool put_time(struct json *to, const char *key, int64_t us)
{
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, us, true);
    return jbi_json_set_text(to, key, at);
}

static bool put_printable(struct json *to, const char *key, const char *text)
{
    char printable[TEXT_MAX];
    if (text != NULL)
        jbi_escape(printable, sizeof printable, text, strlen(text));
    return jbi_json_set_text(to, key, text ? printable : NULL);
}

static bool put_targets(struct json *to, const struct journal *journal)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, "targets", rows);
    for (size_t i = 0; i < journal->target_count && ok; i++) {
        const struct journal_target *target = &journal->targets[i];
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && jbi_json_set_text(row, "kind", target->kind) &&
             jbi_json_set_text(row, "name", target->name) &&
             jbi_json_lend(row, "state", target->state);
    }
    return ok;
}

char *jbi_journal_print(const struct journal *journal)
{
    scope_json *root = jbi_json_object();
    bool ok = jbi_json_set_int(root, "format", JOURNAL_FORMAT) &&
              jbi_json_set_text(root, "id", journal->id) &&
              jbi_json_set_text(root, "timestamp", journal->timestamp) &&
              jbi_json_set_text(root, "safety", journal->safety[0] ? journal->safety : NULL) &&
              jbi_json_set_text(root, "type", jbi_type_name(journal->type)) &&
              put_printable(root, "environment", journal->environment) &&
              jbi_json_set_text(root, "phase", phase_names[journal->phase]) &&
              put_time(root, "began_at", journal->began_us) &&
              put_time(root, "changed_at", journal->changed_us) &&
              put_printable(root, "host", journal->host) &&
              put_printable(root, "tool", journal->tool) &&
              put_printable(root, "service", journal->service) &&
              jbi_json_set_bool(root, "service_was_active", journal->service_was_active) &&
              jbi_json_set_int(root, "down_ms", journal->down_ms) && put_targets(root, journal);
    return ok ? jbi_json_print(root, 1) : NULL;
}

static const char *name_of(const struct journal *journal)
{
    return journal->is_earlier ? JOURNAL_EARLIER : JOURNAL_NAME;
}

int jbi_journal_write(const struct repository *repository, struct journal *journal,
                      struct jb_error *err)
{
    journal->changed_us = jbi_now_us();
    scope_free char *text = jbi_journal_print(journal);
    if (text == NULL)
        return jbi_fail_memory(err);
    return jbi_file_write_atomic(repository->state_fd, name_of(journal), text, strlen(text), 0600,
                                 err);
}

bool jbi_journal_is_there(const struct repository *repository)
{
    int fd = repository->state_fd;
    return fd >= 0 && (faccessat(fd, JOURNAL_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
                       faccessat(fd, JOURNAL_EARLIER, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool put_back_earlier(int fd)
{
    return renameat(fd, JOURNAL_EARLIER, fd, JOURNAL_NAME) == 0;
}

int jbi_journal_remove(const struct repository *repository, const struct journal *journal,
                       struct jb_error *err)
{
    int fd = repository->state_fd;
    if (fd < 0)
        return JB_OK;
    bool is_gone = (!journal->is_earlier && put_back_earlier(fd)) ||
                   unlinkat(fd, name_of(journal), 0) == 0 || errno == ENOENT;
    if (!is_gone || fsync(fd) < 0)
        return jbi_fail_errno(err, JB_EIO,
                              "cannot remove the journal of a restore \"%s/.jbackup/%s\"",
                              repository->path, name_of(journal));
    return JB_OK;
}

int jbi_journal_set_aside(const struct repository *repository, struct journal *journal,
                          struct jb_error *err)
{
    int fd = repository->state_fd;
    if (journal->is_earlier)
        return JB_OK;
    if (renameat(fd, JOURNAL_NAME, fd, JOURNAL_EARLIER) < 0 || fsync(fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot rename \"%s/.jbackup/%s\"", repository->path,
                              JOURNAL_NAME);
    journal->is_earlier = true;
    return JB_OK;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void read_timestamp(struct reader *r, const struct json *from, const char *key,
                           bool is_optional, char to[TIMESTAMP_SIZE])
{
    const char *text = jbi_read_optional_text(r, from, key);
    if (text != NULL && jbi_is_timestamp(text))
        memcpy(to, text, TIMESTAMP_SIZE);
    else if (text != NULL || !is_optional)
        jbi_refuse(r, key, "is no timestamp");
}

static const char *read_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = jbi_read_text(r, from, key);
    if (strlen(text) >= TEXT_MAX)
        jbi_refuse(r, key, "is absurdly long");
    return text;
}

static void read_targets(struct reader *r, const struct json *from, struct journal *to)
{
    const struct json *rows = NULL;
    if (jbi_json_length(jbi_json_get(from, "targets")) > JOURNAL_TARGETS_MAX)
        jbi_refuse(r, "targets", "is absurdly long");
    to->targets = jbi_read_list(r, from, "targets", sizeof *to->targets, &rows, &to->target_count);
    r->where = "targets";
    for (size_t i = 0; i < to->target_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        to->targets[i].kind = read_text(r, row, "kind");
        to->targets[i].name = read_text(r, row, "name");
        to->targets[i].state = jbi_read_object(r, row, "state");
    }
}

static void read_phase(struct reader *r, const struct json *from, struct journal *to)
{
    const char *name = jbi_read_text(r, from, "phase");
    size_t phase = 0;
    while (phase < PHASES && strcmp(name, phase_names[phase]) != 0)
        phase++;
    if (phase == PHASES)
        jbi_refuse(r, "phase", "is not known");
    else
        to->phase = (enum journal_phase)phase;
}

static void read_journal(struct reader *r, const struct json *from, struct journal *to)
{
    read_timestamp(r, from, "id", false, to->id);
    read_timestamp(r, from, "timestamp", false, to->timestamp);
    read_timestamp(r, from, "safety", true, to->safety);
    const char *type = jbi_read_text(r, from, "type");
    if (r->code == JB_OK && !jbi_type_parse(type, &to->type))
        jbi_refuse(r, "type", "is not known");
    to->environment = read_text(r, from, "environment");
    read_phase(r, from, to);
    to->began_us = jbi_read_time(r, from, "began_at");
    to->changed_us = jbi_read_time(r, from, "changed_at");
    to->host = read_text(r, from, "host");
    to->tool = read_text(r, from, "tool");
    to->service = jbi_read_optional_text(r, from, "service");
    to->service_was_active = jbi_read_bool(r, from, "service_was_active");
    to->down_ms = jbi_read_number(r, from, "down_ms");
    read_targets(r, from, to);
}

int jbi_journal_parse(struct journal *out, const char *text, size_t len, const char *name,
                      struct arena *arena, struct jb_error *err)
{
    struct jb_error why = {0};
    struct json *root = NULL;
    int64_t format = 0;
    *out = (struct journal){0};
    if (jbi_json_parse(&root, text, len, name, &why) < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s", why.text);
    struct journal read = {.root = root};
    struct reader reader = {name, "file", "", arena, err, JB_OK};
    if (jbi_json_int(jbi_json_get(root, "format"), &format) && format > JOURNAL_FORMAT) {
        jbi_fail(err, JB_EUNSUPPORTED, "%s is of format %lld, which this jbackup does not know",
                 name, (long long)format);
        jbi_hint(err, "use the jbackup that began the restore");
        reader.code = JB_EUNSUPPORTED;
    } else {
        read_journal(&reader, root, &read);
    }
    if (reader.code == JB_OK)
        *out = read;
    else
        jbi_json_free(root);
    return reader.code;
}

int jbi_journal_load(struct journal *out, const struct repository *repository, struct arena *arena,
                     struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len;
    struct jb_error why = {0};
    struct journal read = {0};
    *out = read;
    if (repository->state_fd < 0)
        return JB_ENOTFOUND;
    int code =
        jbi_file_read(repository->state_fd, JOURNAL_NAME, JOURNAL_SIZE_MAX, &text, &len, &why);
    bool is_earlier = code == JB_ENOTFOUND;
    if (is_earlier) {
        why = (struct jb_error){0};
        code = jbi_file_read(repository->state_fd, JOURNAL_EARLIER, JOURNAL_SIZE_MAX, &text, &len,
                             &why);
    }
    if (code == JB_ENOTFOUND)
        return code;
    if (code == JB_OK)
        code = jbi_journal_parse(&read, text, len, is_earlier ? JOURNAL_EARLIER : JOURNAL_NAME,
                                 arena, &why);
    read.is_earlier = is_earlier;
    *out = read;
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}

void jbi_journal_free(struct journal *journal)
{
    jbi_json_free(journal->root);
    *journal = (struct journal){0};
}
