/* SPDX-License-Identifier: MIT */
/* Files compared byte by byte, but for spans that mean nothing. Invariant: a span lies at the same
 * place in both files, and only where the format says what it is; in doubt there is none. */
#include "archive/same.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/digest.h"
#include "archive/dump_toc.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define SPANS_MAX 2
#define END_SIZE  4096 /* of a text, in which its guards are looked for */
#define WORD_MAX  256
#define PIECE     (256u << 10)

struct span {
    uint64_t at;
    size_t len;
};

struct spans {
    struct span of[SPANS_MAX];
    size_t count;
};

/* ---- Dumps ---------------------------------------------------------------------------------- */

struct dump_file {
    int fd;
    uint64_t at;
};

static int read_dump(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    struct dump_file *file = user;
    ssize_t len = jbi_pread_full(file->fd, to, room, file->at);
    if (len < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read a dump to compare");
    file->at += (uint64_t)len;
    *got = (size_t)len;
    return JB_OK;
}

/* The time is seven ints behind what the header says of compression. */
static int dump_spans(int fd, struct spans *spans, struct jb_error *err)
{
    struct dump_file file = {fd, 0};
    struct dump_input in;
    struct dump_toc toc = {0};
    struct dump_contents contents = {0};
    struct arena arena = {0};
    struct jb_error unwanted = {0}; /* of another format, or damaged: it has no spans */
    int code = jbi_input_begin(&in, read_dump, &file, "the dump", &unwanted);
    if (code < 0)
        return jbi_fail_memory(err);
    jbi_toc_header(&toc, &in, &contents, &arena);
    size_t int_len = 1 + in.int_size;
    if (in.code == JB_OK)
        spans->of[spans->count++] = (struct span){
            toc.compression_at + (toc.minor >= DUMP_MINOR_ALGORITHM ? 1 : int_len),
            7 * int_len,
        };
    code = in.code == JB_ENOMEM ? jbi_fail_memory(err) : JB_OK;
    jbi_input_free(&in);
    jbi_arena_free(&arena);
    return code;
}

/* ---- SQL text ------------------------------------------------------------------------------- */

/* Where the word behind "\restrict " stands at the beginning of the text; 0: there is none. */
static size_t first_word(const char *text, size_t *len)
{
    static const char guard[] = "\n\\restrict ";
    const char *at = strstr(text, guard);
    if (at == NULL)
        return 0;
    at += sizeof guard - 1;
    *len = 0;
    while (isalnum((unsigned char)at[*len]))
        (*len)++;
    return at[*len] == '\n' && *len > 0 && *len <= WORD_MAX ? (size_t)(at - text) : 0;
}

/* A text that holds such lines itself does not know the word, so the last one with it is meant. */
static size_t last_word(const char *text, const char *word, size_t word_len)
{
    static const char guard[] = "\n\\unrestrict ";
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, guard)) != NULL;) {
        at += sizeof guard - 1;
        if (strncmp(at, word, word_len) == 0 && at[word_len] == '\n')
            found = (size_t)(at - text);
    }
    return found;
}

static ssize_t read_text(int fd, uint64_t at, char text[END_SIZE + 1], struct jb_error *err)
{
    ssize_t len = jbi_pread_full(fd, text, END_SIZE, at);
    if (len < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read a text to compare");
    text[len] = '\0';
    return len;
}

static int text_spans(int fd, struct spans *spans, struct jb_error *err)
{
    char begin[END_SIZE + 1], end[END_SIZE + 1];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at a text to compare");
    uint64_t size = (uint64_t)st.st_size, end_at = size > END_SIZE ? size - END_SIZE : 0;
    if (read_text(fd, 0, begin, err) < 0 || read_text(fd, end_at, end, err) < 0)
        return JB_EIO;
    size_t len = 0, first = first_word(begin, &len);
    size_t last = first ? last_word(end, begin + first, len) : 0;
    if (last == 0)
        return JB_OK;
    spans->of[spans->count++] = (struct span){first, len};
    spans->of[spans->count++] = (struct span){end_at + last, len};
    return JB_OK;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

static int find_spans(enum artifact_kind kind, int fd, struct spans *spans, struct jb_error *err)
{
    *spans = (struct spans){0};
    switch (kind) {
    case ARTIFACT_POSTGRESQL:
        return dump_spans(fd, spans, err);
    case ARTIFACT_POSTGRESQL_SQL:
    case ARTIFACT_POSTGRESQL_GLOBALS:
        return text_spans(fd, spans, err);
    default:
        return JB_OK;
    }
}

static bool are_same_spans(const struct spans *a, const struct spans *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++)
        same = a->of[i].at == b->of[i].at && a->of[i].len == b->of[i].len;
    return same;
}

/* Blanks what of the spans lies in the len bytes that are at this place of the file. */
static void blank(const struct spans *spans, unsigned char *bytes, size_t len, uint64_t at)
{
    for (size_t i = 0; i < spans->count; i++) {
        const struct span *span = &spans->of[i];
        for (uint64_t k = span->at; k < span->at + span->len; k++)
            if (k >= at && k - at < len)
                bytes[k - at] = 0;
    }
}

static int compare(int fd, int old_fd, const struct spans *spans, struct digest *digest,
                   struct jb_error *err)
{
    scope_free unsigned char *ours = malloc(2 * PIECE);
    if (ours == NULL)
        return jbi_fail_memory(err);
    unsigned char *old = ours + PIECE;
    for (uint64_t at = 0;; at += PIECE) {
        ssize_t len = jbi_pread_full(fd, ours, PIECE, at);
        ssize_t old_len = jbi_pread_full(old_fd, old, PIECE, at);
        if (len < 0 || old_len < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot read a file to compare");
        if (len != old_len)
            return 0;
        jbi_digest_add(digest, old, (size_t)len);
        blank(spans, ours, (size_t)len, at);
        blank(spans, old, (size_t)len, at);
        if (memcmp(ours, old, (size_t)len) != 0)
            return 0;
        if ((size_t)len < PIECE)
            return 1;
    }
}

int jbi_same_artifact(enum artifact_kind kind, int fd, int old_fd, const char *old_sha256,
                      struct jb_error *err)
{
    struct spans spans, old_spans;
    char sha256[SHA256_HEX_SIZE];
    int code = find_spans(kind, fd, &spans, err);
    if (code == JB_OK)
        code = find_spans(kind, old_fd, &old_spans, err);
    if (code < 0)
        return code;
    if (spans.count == 0 || !are_same_spans(&spans, &old_spans))
        return jbi_file_equal(fd, old_fd, err);
    scope_digest *digest = jbi_digest_new();
    if (digest == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    code = compare(fd, old_fd, &spans, digest, err);
    jbi_digest_end(digest, sha256);
    return code == 1 ? strcmp(sha256, old_sha256) == 0 : code;
}
