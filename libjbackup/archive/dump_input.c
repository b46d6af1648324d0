/* SPDX-License-Identifier: MIT */
/* Reading a dump's bytes, ints and texts. Invariant: nothing is allocated by a length that the dump
 * states alone; a text beyond DUMP_TEXT_MAX is only passed over. */
#include "archive/dump_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int jbi_input_begin(struct dump_input *in, dump_read read, void *user, const char *name,
                    struct jb_error *err)
{
    *in = (struct dump_input){.read = read, .user = user, .name = name, .err = err};
    in->buffer = malloc(DUMP_INPUT_ROOM);
    in->int_size = in->offset_size = 4;
    return in->buffer ? JB_OK : jbi_fail_memory(err);
}

void jbi_input_free(struct dump_input *in)
{
    free(in->buffer);
    in->buffer = NULL;
}

void jbi_input_refuse(struct dump_input *in, const char *what)
{
    if (in->code == JB_OK)
        in->code = jbi_fail(in->err, JB_ECORRUPT, "%s is damaged: %s", in->name, what);
}

static void echo_taken(struct dump_input *in)
{
    if (in->echo != NULL && in->code == JB_OK && in->at > in->echo_from)
        in->code =
            in->echo(in->echo_user, in->buffer + in->echo_from, in->at - in->echo_from, in->err);
    in->echo_from = in->at;
}

void jbi_input_echo(struct dump_input *in,
                    int (*echo)(void *, const unsigned char *, size_t, struct jb_error *),
                    void *user)
{
    echo_taken(in);
    in->echo = echo;
    in->echo_user = user;
}

bool jbi_input_fill(struct dump_input *in)
{
    if (in->code < 0 || in->is_at_end)
        return false;
    echo_taken(in);
    if (in->at > 0) {
        memmove(in->buffer, in->buffer + in->at, in->len - in->at);
        in->len -= in->at;
        in->at = in->echo_from = 0;
    }
    size_t got = 0;
    if (in->code == JB_OK)
        in->code =
            in->read(in->user, in->buffer + in->len, DUMP_INPUT_ROOM - in->len, &got, in->err);
    in->len += got;
    in->is_at_end = in->code == JB_OK && got == 0;
    return in->code == JB_OK && got > 0;
}

bool jbi_input_is_end(struct dump_input *in)
{
    return in->at == in->len && !jbi_input_fill(in) && in->code == JB_OK;
}

static void advance(struct dump_input *in, size_t len)
{
    in->at += len;
    in->position += len;
}

/* Whether that many bytes lie in the buffer; len is small. */
static bool has(struct dump_input *in, size_t len)
{
    while (in->len - in->at < len) {
        if (!jbi_input_fill(in)) {
            jbi_input_refuse(in, "it is cut short");
            return false;
        }
    }
    return in->code == JB_OK;
}

unsigned jbi_input_byte(struct dump_input *in)
{
    if (!has(in, 1))
        return 0;
    unsigned byte = in->buffer[in->at];
    advance(in, 1);
    return byte;
}

static uint64_t little_endian(const unsigned char *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i > 0; i--)
        value = value << 8 | from[i - 1];
    return value;
}

int64_t jbi_input_int(struct dump_input *in)
{
    if (!has(in, 1 + in->int_size))
        return 0;
    unsigned sign = in->buffer[in->at];
    uint64_t value = little_endian(in->buffer + in->at + 1, in->int_size);
    advance(in, 1 + in->int_size);
    if (sign > 1 || value > INT64_MAX) {
        jbi_input_refuse(in, "it has a number that is none");
        return 0;
    }
    return sign ? -(int64_t)value : (int64_t)value;
}

uint32_t jbi_input_oid(struct dump_input *in)
{
    int64_t oid = jbi_input_int(in);
    if (oid < INT32_MIN || oid > UINT32_MAX)
        jbi_input_refuse(in, "a large object has an impossible number");
    return in->code == JB_OK ? (uint32_t)oid : 0;
}

const unsigned char *jbi_input_some(struct dump_input *in, size_t len, size_t *got)
{
    *got = 0;
    if (!has(in, 1))
        return NULL;
    const unsigned char *at = in->buffer + in->at;
    *got = in->len - in->at < len ? in->len - in->at : len;
    advance(in, *got);
    return at;
}

void jbi_input_bytes(struct dump_input *in, void *to, size_t len)
{
    unsigned char *at = to;
    while (len > 0) {
        size_t got;
        const unsigned char *from = jbi_input_some(in, len, &got);
        if (from == NULL) {
            memset(at, 0, len);
            return;
        }
        memcpy(at, from, got);
        at += got;
        len -= got;
    }
}

uint64_t jbi_input_offset(struct dump_input *in, unsigned *state)
{
    *state = jbi_input_byte(in);
    if (!has(in, in->offset_size))
        return 0;
    uint64_t offset = little_endian(in->buffer + in->at, in->offset_size);
    advance(in, in->offset_size);
    if (*state < 1 || *state > 3)
        jbi_input_refuse(in, "its table of contents has an offset that is none");
    return offset;
}

/* -1: NULL. */
static int64_t text_length(struct dump_input *in)
{
    int64_t len = jbi_input_int(in);
    if (len < -1)
        jbi_input_refuse(in, "it has a text of no length");
    return in->code == JB_OK ? len : -1;
}

const char *jbi_input_text(struct dump_input *in, struct arena *arena)
{
    int64_t len = text_length(in);
    if (len < 0)
        return NULL;
    if (len > DUMP_TEXT_MAX) {
        jbi_input_refuse(in, "it has a name of absurd length");
        return NULL;
    }
    char *text = jbi_arena_alloc(arena, (size_t)len + 1);
    if (text == NULL) {
        in->code = jbi_fail_memory(in->err);
        return NULL;
    }
    jbi_input_bytes(in, text, (size_t)len);
    if (in->code == JB_OK && strlen(text) != (size_t)len)
        jbi_input_refuse(in, "it has a name with a NUL byte in it");
    return in->code == JB_OK ? text : NULL;
}

bool jbi_input_pass_text(struct dump_input *in, struct digest *digest)
{
    int64_t len = text_length(in);
    bool is_text = len >= 0;
    if (digest != NULL) {
        char prefix[24];
        snprintf(prefix, sizeof prefix, "%lld:", (long long)(len < 0 ? 0 : len));
        jbi_digest_add(digest, prefix, strlen(prefix));
    }
    while (len > 0) {
        size_t got;
        const unsigned char *from = jbi_input_some(in, (size_t)len, &got);
        if (from == NULL)
            return false;
        if (digest != NULL)
            jbi_digest_add(digest, from, got);
        len -= (int64_t)got;
    }
    return is_text;
}
