/* SPDX-License-Identifier: MIT */
/*
 * Reads a dump of ours in full. The main thread walks through the blocks and gives every chunk to
 * the pool, which decompresses it; taken back in order, they are taken account of.
 * Invariant: what was given before a damage is judged before it, so the first damage is the one
 * that is told; and the file's digest is of all of it, whatever was found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dump_account.h"
#include "archive/piece.h"
#include "base/error.h"

/* What a piece is the beginning or the end of. */
struct cargo {
    const struct dump_entry *entry;
    uint32_t oid; /* of a large object */
    bool begins_stream, ends_stream;
    uint32_t adler; /* that the stream's trailer tells */
};

struct checking {
    struct dump_input in;
    int fd;
    const struct dump_options *options;
    struct dump_contents *contents;
    struct dump_seen *seen;
    struct digest *sum; /* of the file */
    struct dump_toc toc;
    struct dump_account account;
    struct pieces *pieces;
    uint32_t adler;    /* of the stream under account */
    uint64_t block_at; /* where the block being read begins */
    struct jb_error *err;
};

/* For a look, which is not interested in the rest, sum is NULL. */
static int read_file(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    struct checking *c = user;
    ssize_t len;
    do {
        len = read(c->fd, to, room);
    } while (len < 0 && errno == EINTR);
    *got = len > 0 ? (size_t)len : 0;
    if (len < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", c->options->name);
    if (c->sum == NULL)
        return JB_OK;
    jbi_digest_add(c->sum, to, *got);
    c->seen->bytes += *got;
    return JB_OK;
}

/* ---- Damage ---- */

/* entry NULL: in no table's data. */
static int refuse(struct checking *c, const struct dump_entry *entry, const char *why)
{
    struct dump_seen *seen = c->seen;
    seen->why = why;
    if (entry == NULL)
        return jbi_fail(c->err, JB_ECORRUPT, "%s is damaged: %s", c->options->name, why);
    if (entry->data == DUMP_OBJECTS) {
        seen->table = "large objects";
        return jbi_fail(c->err, JB_ECORRUPT, "%s is damaged: large objects: %s", c->options->name,
                        why);
    }
    seen->schema = entry->schema;
    seen->table = entry->name;
    return jbi_fail(c->err, JB_ECORRUPT, "%s is damaged: table \"%s%s%s\": %s", c->options->name,
                    entry->schema ? entry->schema : "", entry->schema ? "." : "", entry->name, why);
}

/* ---- Taking account ---- */

static int account_stream_end(struct checking *c, const struct cargo *cargo)
{
    if (cargo->adler != c->adler)
        return refuse(c, cargo->entry, "its data does not have the checksum that it ends with");
    if (cargo->entry->data == DUMP_OBJECTS)
        jbi_account_object_end(&c->account, cargo->oid);
    else if (!jbi_account_table_end(&c->account, cargo->entry))
        return refuse(c, cargo->entry, "its data has no end mark");
    return JB_OK;
}

static int account_piece(struct checking *c, const struct piece *piece)
{
    const struct cargo *cargo = piece->cargo;
    bool is_objects = cargo->entry->data == DUMP_OBJECTS;
    if (!piece->is_good)
        return refuse(c, cargo->entry, "its data can't be decompressed");
    if (cargo->begins_stream) {
        c->adler = 1;
        if (is_objects)
            jbi_account_object(&c->account);
        else
            jbi_account_table(&c->account);
    }
    if (piece->raw_len > 0) {
        c->adler = jbi_adler32_join(c->adler, piece->adler, piece->raw_len);
        if (is_objects)
            jbi_account_object_data(&c->account, piece->raw, piece->raw_len);
        else
            jbi_account_table_data(&c->account, piece->raw, piece->raw_len);
    }
    return cargo->ends_stream ? account_stream_end(c, cargo) : JB_OK;
}

static int take_piece(struct checking *c, struct piece **taken)
{
    *taken = jbi_pieces_next(c->pieces);
    return *taken ? account_piece(c, *taken) : JB_OK;
}

static int take_all(struct checking *c)
{
    struct piece *piece;
    int code;
    do {
        code = take_piece(c, &piece);
        if (piece != NULL)
            jbi_pieces_give_back(c->pieces, piece);
    } while (code == JB_OK && piece != NULL);
    return code;
}

/* A damage found by reading on comes after what is still under way. */
static int refuse_read(struct checking *c, const struct dump_entry *entry, const char *why)
{
    int code = take_all(c);
    return code < 0 ? code : refuse(c, entry, why);
}

/* ---- Reading ---- */

/* A piece with room for packed_len bytes, for the entry. */
static int new_piece(struct checking *c, const struct dump_entry *entry, size_t packed_len,
                     struct piece **out)
{
    struct piece *piece = jbi_pieces_free_one(c->pieces);
    int code = piece ? JB_OK : take_piece(c, &piece);
    *out = piece;
    if (code < 0 || piece == NULL)
        return code;
    if (piece->cargo == NULL)
        piece->cargo = calloc(1, sizeof(struct cargo));
    if (piece->cargo == NULL || !jbi_piece_reserve(piece, DUMP_PIECE))
        return jbi_fail_memory(c->err);
    *(struct cargo *)piece->cargo = (struct cargo){.entry = entry};
    piece->packed_len = packed_len;
    piece->raw_len = DUMP_PIECE;
    return JB_OK;
}

static int submit(struct checking *c, struct piece *piece)
{
    jbi_pieces_submit(c->pieces, piece);
    return jbi_progress(c->options->hooks, c->options->step, c->contents->raw_size, 0, "bytes",
                        c->err);
}

/* A failure to read within a block: damage is told with its table. */
static int fail_read(struct checking *c, const struct dump_entry *entry)
{
    if (c->in.code != JB_ECORRUPT)
        return c->in.code;
    return refuse_read(c, entry, "its data is cut short or out of joint");
}

/* A stream's trailer: its Adler-32, and that nothing follows. */
static int read_trailer(struct checking *c, const struct dump_entry *entry, uint32_t oid,
                        bool is_first, const unsigned char trailer[ZLIB_TRAILER_SIZE])
{
    unsigned char again[ZLIB_TRAILER_SIZE];
    uint32_t adler = 0;
    for (int i = 2; i < ZLIB_TRAILER_SIZE; i++)
        adler = adler << 8 | trailer[i];
    jbi_zlib_trailer(again, adler);
    int64_t end = jbi_input_int(&c->in);
    if (c->in.code < 0)
        return fail_read(c, entry);
    if (memcmp(again, trailer, sizeof again) != 0 || end != 0)
        return refuse_read(c, entry, "its compressed data does not end as it should");
    struct piece *piece;
    int code = new_piece(c, entry, 0, &piece);
    if (code < 0)
        return code;
    *(struct cargo *)piece->cargo = (struct cargo){entry, oid, is_first, true, adler};
    return submit(c, piece);
}

/* All chunks of one stream: header, pieces, trailer. */
static int read_stream(struct checking *c, const struct dump_entry *entry, uint32_t oid)
{
    unsigned char head[ZLIB_TRAILER_SIZE];
    int64_t len = jbi_input_int(&c->in);
    if (c->in.code == JB_OK && len == ZLIB_HEADER_SIZE)
        jbi_input_bytes(&c->in, head, ZLIB_HEADER_SIZE);
    if (c->in.code < 0)
        return fail_read(c, entry);
    if (len != ZLIB_HEADER_SIZE || memcmp(head, ZLIB_HEADER, ZLIB_HEADER_SIZE) != 0)
        return refuse_read(c, entry, "its data does not begin as jbackup writes it");
    for (bool is_first = true;; is_first = false) {
        struct piece *piece;
        len = jbi_input_int(&c->in);
        if (c->in.code < 0)
            return fail_read(c, entry);
        if (len < ZLIB_TRAILER_SIZE || (uint64_t)len > jbi_gzip_bound(DUMP_PIECE))
            return refuse_read(c, entry, "a part of its data has an impossible length");
        jbi_input_bytes(&c->in, head, sizeof head);
        if (c->in.code < 0)
            return fail_read(c, entry);
        bool is_last_block = head[0] & 1; /* no piece has one: it ends the stream */
        if (is_last_block && len != ZLIB_TRAILER_SIZE)
            return refuse_read(c, entry, "its compressed data ends too early");
        if (is_last_block)
            return read_trailer(c, entry, oid, is_first, head);
        int code = new_piece(c, entry, (size_t)len, &piece);
        if (code < 0)
            return code;
        memcpy(piece->packed, head, sizeof head);
        jbi_input_bytes(&c->in, piece->packed + sizeof head, (size_t)len - sizeof head);
        if (c->in.code < 0) {
            jbi_pieces_give_back(c->pieces, piece);
            return fail_read(c, entry);
        }
        ((struct cargo *)piece->cargo)->begins_stream = is_first;
        code = submit(c, piece);
        if (code < 0)
            return code;
    }
}

static int read_objects(struct checking *c, const struct dump_entry *entry)
{
    for (;;) {
        uint32_t oid = jbi_input_oid(&c->in);
        if (c->in.code < 0)
            return fail_read(c, entry);
        if (oid == 0)
            return JB_OK;
        int code = read_stream(c, entry, oid);
        if (code < 0)
            return code;
    }
}

static int read_block(struct checking *c)
{
    c->block_at = c->in.position;
    unsigned type = jbi_input_byte(&c->in);
    int64_t id = jbi_input_int(&c->in);
    struct dump_entry *entry = c->in.code == JB_OK ? jbi_toc_find(&c->toc, id) : NULL;
    const struct dump_entry *expected = entry;
    for (size_t i = 0; expected == NULL && i < c->toc.count; i++)
        if (c->toc.entries[i].offset == c->block_at && !c->toc.entries[i].is_seen)
            expected = &c->toc.entries[i];
    if (entry == NULL || entry->data != (enum dump_data)type)
        return refuse_read(c, expected, "no data of its own is where it should be");
    if (entry->is_seen)
        return refuse_read(c, entry, "its data is there twice");
    if (entry->state != 2 || entry->offset != c->block_at)
        return refuse_read(c, entry, "its data is not where the table of contents says");
    entry->is_seen = true;
    return entry->data == DUMP_OBJECTS ? read_objects(c, entry) : read_stream(c, entry, 0);
}

static int read_all(struct checking *c)
{
    jbi_toc_header(&c->toc, &c->in, c->contents, c->options->arena);
    int64_t level_max = c->toc.minor >= DUMP_MINOR_ALGORITHM ? 1 : 9;
    if (c->in.code == JB_OK && (c->toc.compression < 1 || c->toc.compression > level_max))
        jbi_input_refuse(&c->in, "it is not compressed as jbackup does it");
    if (c->in.code == JB_OK)
        jbi_toc_entries(&c->toc, &c->in, c->contents, c->options->arena);
    int code = c->in.code;
    while (code == JB_OK && !jbi_input_is_end(&c->in))
        code = c->in.code < 0 ? c->in.code : read_block(c);
    if (code == JB_OK)
        code = c->in.code < 0 ? c->in.code : take_all(c);
    const struct dump_entry *missing = jbi_toc_missing(&c->toc);
    if (code == JB_OK && missing != NULL)
        code = refuse(c, missing, "its data is missing");
    if (code == JB_ECORRUPT && c->seen->why == NULL)
        c->seen->why = "its header or its table of contents is damaged";
    jbi_account_end(&c->account);
    return code;
}

/* The rest of a damaged file, for its digest. */
static void read_rest(struct checking *c)
{
    struct jb_error unwanted = {0};
    size_t got = 0;
    while (read_file(c, c->in.buffer, DUMP_INPUT_ROOM, &got, &unwanted) == JB_OK && got > 0)
        continue;
}

int jbi_dump_check(int in_fd, const struct dump_options *options, struct dump_contents *contents,
                   struct dump_seen *seen, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    *contents = (struct dump_contents){0};
    *seen = (struct dump_seen){0};
    struct checking c = {.fd = in_fd, .options = options, .contents = contents, .seen = seen};
    struct jb_error first = {0}; /* of the input; which table it is of comes after */
    c.err = err ? err : &unwanted;
    c.sum = jbi_digest_new();
    int code = jbi_input_begin(&c.in, read_file, &c, options->name, &first);
    if (code == JB_OK && (c.sum == NULL || !jbi_account_begin(&c.account, contents)))
        code = jbi_fail_memory(&first);
    if (code == JB_OK)
        code = jbi_pieces_new(&c.pieces, PIECES_INFLATE, options->jobs, options->compression,
                              DUMP_PIECE, &first);
    if (code == JB_OK) {
        jbi_pieces_cargo(c.pieces, free);
        jbi_digest_begin(c.sum);
        code = read_all(&c);
        if (code == JB_ECORRUPT || code == JB_EUNSUPPORTED)
            read_rest(&c);
        jbi_digest_end(c.sum, seen->sha256);
    }
    if (code < 0 && c.err->code == 0)
        *c.err = first;
    jbi_pieces_end(c.pieces);
    jbi_account_free(&c.account);
    jbi_digest_free(c.sum);
    jbi_toc_free(&c.toc);
    jbi_input_free(&c.in);
    return code;
}

int jbi_dump_look(int in_fd, const struct dump_options *options, struct dump_contents *contents,
                  struct jb_error *err)
{
    struct jb_error unwanted = {0};
    struct dump_roles roles = {0};
    struct checking c = {
        .fd = in_fd, .options = options, .contents = contents, .toc.roles = &roles};
    *contents = (struct dump_contents){0};
    err = err ? err : &unwanted;
    if (lseek(in_fd, 0, SEEK_SET) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", options->name);
    int code = jbi_input_begin(&c.in, read_file, &c, options->name, err);
    if (code == JB_OK) {
        jbi_toc_header(&c.toc, &c.in, contents, options->arena);
        if (c.in.code == JB_OK)
            jbi_toc_entries(&c.toc, &c.in, contents, options->arena);
        code = c.in.code;
        contents->roles = roles.names;
        contents->role_count = roles.count;
    }
    jbi_toc_free(&c.toc);
    jbi_input_free(&c.in);
    return code;
}
