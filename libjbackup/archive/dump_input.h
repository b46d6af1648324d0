/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_INPUT_H
#define JBI_ARCHIVE_DUMP_INPUT_H

#include "adapter/digest.h"
#include "archive/dump.h"

/* The bytes of a dump in order, and the values that they hold. The first failure stays in code;
 * the readers give 0 or NULL from then on. */
#define DUMP_INPUT_ROOM (256u << 10)
#define DUMP_TEXT_MAX   (1u << 20) /* of a text that is kept */

struct dump_input {
    dump_read read;
    void *user;
    const char *name; /* for error texts */
    unsigned char *buffer;
    size_t at, len;
    uint64_t position; /* in the dump, of buffer[at] */
    unsigned int_size, offset_size;
    /* Gets what was taken since echo_from, before the buffer is filled anew; NULL: nobody. */
    int (*echo)(void *user, const unsigned char *bytes, size_t len, struct jb_error *err);
    void *echo_user;
    size_t echo_from;
    bool is_at_end;
    int code;
    struct jb_error *err;
};

int jbi_input_begin(struct dump_input *in, dump_read read, void *user, const char *name,
                    struct jb_error *err);
void jbi_input_free(struct dump_input *in);

/* Echo begins with the next byte; NULL ends it, handing over what is left. */
void jbi_input_echo(struct dump_input *in,
                    int (*echo)(void *, const unsigned char *, size_t, struct jb_error *),
                    void *user);

/* More bytes behind those that are there; false: at the end, or failed. */
bool jbi_input_fill(struct dump_input *in);
/* Whether nothing follows. */
bool jbi_input_is_end(struct dump_input *in);

unsigned jbi_input_byte(struct dump_input *in);
int64_t jbi_input_int(struct dump_input *in);
/* That of a large object, 0 after the last: unsigned, and written as if it were an int, so that
 * what is past its half is negative. */
uint32_t jbi_input_oid(struct dump_input *in);
void jbi_input_bytes(struct dump_input *in, void *to, size_t len);
/* The next bytes where they lie, at least one and at most len, taken; *got 0: failed. */
const unsigned char *jbi_input_some(struct dump_input *in, size_t len, size_t *got);
/* state, and the offset unless the state says that there is none. */
uint64_t jbi_input_offset(struct dump_input *in, unsigned *state);

/* A text that is kept, of at most DUMP_TEXT_MAX bytes and without NUL; NULL if it is NULL. */
const char *jbi_input_text(struct dump_input *in, struct arena *arena);
/* Adds a text's length, a colon and its bytes to a digest (NULL counts as empty). digest NULL: it
 * is passed over. False: it is NULL. */
bool jbi_input_pass_text(struct dump_input *in, struct digest *digest);

/* JB_ECORRUPT with "<name> is damaged: <what>", unless something failed before. */
void jbi_input_refuse(struct dump_input *in, const char *what);

#endif
