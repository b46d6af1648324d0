/* SPDX-License-Identifier: MIT */
/*
 * From an uncompressed dump to a compressed one. The main thread reads the stream, takes account of
 * it and fills pieces; the pool compresses them; they are written in order, and what the format has
 * between them goes along as the cargo of the piece behind it.
 * Invariant: an entry's offset is known when the piece that begins its block has been written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dump_account.h"
#include "archive/piece.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#define OUTPUT_ROOM    65536
#define WRITEBACK_STEP (16u << 20)
#define INT_SIZE       9 /* of the longest int: sign and 8 bytes */

struct cargo {
    unsigned char before[2 * INT_SIZE + 1]; /* what the file has before the piece */
    size_t before_len;
    struct dump_entry *entry; /* whose block begins here; NULL */
    bool begins_stream, ends_stream;
};

struct output {
    int fd; /* -1: nothing is written */
    const char *name;
    unsigned char buffer[OUTPUT_ROOM];
    size_t len;
    uint64_t position; /* in the file, behind what is in the buffer */
    uint64_t written_back;
};

struct packing {
    struct dump_input in;
    const struct dump_options *options;
    struct dump_contents *contents;
    struct dump_toc toc;
    struct dump_account account;
    struct output *out;
    struct pieces *pieces;
    struct piece *piece; /* being filled; NULL: none */
    bool is_objects;     /* what the block under way holds */
    uint32_t adler;      /* of the stream that is being written */
    struct jb_error *err;
};

/* ---- Output ---- */

static int output_flush(struct output *out, struct jb_error *err)
{
    size_t len = out->len;
    out->len = 0;
    if (jbi_write_full(out->fd, out->buffer, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", out->name);
    return JB_OK;
}

static int output_add(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct output *out = user;
    if (out->fd < 0)
        return JB_OK;
    out->position += len;
    int code = out->len + len > OUTPUT_ROOM ? output_flush(out, err) : JB_OK;
    if (code < 0)
        return code;
    if (len <= OUTPUT_ROOM) {
        memcpy(out->buffer + out->len, from, len);
        out->len += len;
        return JB_OK;
    }
    if (jbi_write_full(out->fd, from, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", out->name);
    return JB_OK;
}

/* An int as the format has it; returns its size. */
static size_t put_int(unsigned char *to, unsigned int_size, int64_t value)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    to[0] = value < 0;
    for (unsigned i = 0; i < int_size; i++, rest >>= 8)
        to[1 + i] = (unsigned char)rest;
    return 1 + int_size;
}

static int write_chunk(struct packing *p, const unsigned char *from, size_t len)
{
    unsigned char head[INT_SIZE];
    size_t head_len = put_int(head, p->in.int_size, (int64_t)len);
    int code = output_add(p->out, head, head_len, p->err);
    return code < 0 || len == 0 ? code : output_add(p->out, from, len, p->err);
}

/* The trailer of a stream, then the end of its chunks. */
static int write_stream_end(struct packing *p)
{
    unsigned char trailer[ZLIB_TRAILER_SIZE];
    jbi_zlib_trailer(trailer, p->adler);
    int code = write_chunk(p, trailer, sizeof trailer);
    return code < 0 ? code : write_chunk(p, NULL, 0);
}

/* Lets the kernel begin to write early, so that the fsync at the end has little left to do. */
static void write_back(struct output *out)
{
    if (out->position - out->written_back < WRITEBACK_STEP)
        return;
    sync_file_range(out->fd, (off_t)out->written_back, (off_t)(out->position - out->written_back),
                    SYNC_FILE_RANGE_WRITE);
    out->written_back = out->position;
}

static int write_piece(struct packing *p, const struct piece *piece)
{
    const struct cargo *cargo = piece->cargo;
    if (cargo->entry != NULL)
        cargo->entry->offset = p->out->position;
    int code = output_add(p->out, cargo->before, cargo->before_len, p->err);
    if (code == JB_OK && cargo->begins_stream) {
        p->adler = 1;
        code = write_chunk(p, (const unsigned char *)ZLIB_HEADER, ZLIB_HEADER_SIZE);
    }
    if (code == JB_OK && piece->raw_len > 0) {
        p->adler = jbi_adler32_join(p->adler, piece->adler, piece->raw_len);
        code = piece->packed_len > 0 ? write_chunk(p, piece->packed, piece->packed_len)
                                     : jbi_fail_memory(p->err);
    }
    if (code == JB_OK && cargo->ends_stream)
        code = write_stream_end(p);
    write_back(p->out);
    return code;
}

/* Offsets go over the places that the table of contents has for them. */
static int write_offsets(struct packing *p)
{
    for (size_t i = 0; i < p->toc.count; i++) {
        const struct dump_entry *entry = &p->toc.entries[i];
        unsigned char bytes[1 + 8] = {2};
        uint64_t rest = entry->offset;
        for (unsigned b = 0; b < p->in.offset_size; b++, rest >>= 8)
            bytes[1 + b] = (unsigned char)rest;
        if (rest != 0)
            return jbi_fail(p->err, JB_ECORRUPT, "%s is too large for its offsets",
                            p->options->name);
        size_t len = 1 + p->in.offset_size;
        ssize_t put;
        do {
            put = pwrite(p->out->fd, bytes, len, (off_t)entry->offset_at);
        } while (put < 0 && errno == EINTR);
        if (put != (ssize_t)len)
            return jbi_fail_errno(p->err, JB_EIO, "cannot write \"%s\"", p->out->name);
    }
    return JB_OK;
}

/* ---- Pieces ---- */

/* Takes the oldest piece back and writes it. */
static int take_piece(struct packing *p, struct piece **taken)
{
    *taken = jbi_pieces_next(p->pieces);
    return *taken ? write_piece(p, *taken) : JB_OK;
}

/* An empty piece to fill, with a clean cargo. */
static int new_piece(struct packing *p)
{
    struct piece *piece = jbi_pieces_free_one(p->pieces);
    int code = piece ? JB_OK : take_piece(p, &piece);
    p->piece = piece;
    if (code < 0 || piece == NULL)
        return code;
    if (piece->cargo == NULL)
        piece->cargo = calloc(1, sizeof(struct cargo));
    if (piece->cargo == NULL)
        return jbi_fail_memory(p->err);
    *(struct cargo *)piece->cargo = (struct cargo){0};
    piece->raw_len = 0;
    return JB_OK;
}

static int submit(struct packing *p)
{
    struct piece *piece = p->piece;
    if (p->is_objects)
        jbi_account_object_data(&p->account, piece->raw, piece->raw_len);
    else
        jbi_account_table_data(&p->account, piece->raw, piece->raw_len);
    (p->out->fd < 0 ? jbi_pieces_give_back : jbi_pieces_submit)(p->pieces, piece);
    p->piece = NULL;
    return jbi_progress(p->options->hooks, p->options->step, p->contents->raw_size, 0, "bytes",
                        p->err);
}

static void cargo_add_int(struct cargo *cargo, const struct packing *p, int64_t value)
{
    cargo->before_len += put_int(cargo->before + cargo->before_len, p->in.int_size, value);
}

/* Fills pieces with the chunks of one stream; the first of them is p->piece already. */
static int pack_stream(struct packing *p)
{
    ((struct cargo *)p->piece->cargo)->begins_stream = true;
    for (int64_t left = jbi_input_int(&p->in); p->in.code == JB_OK && left != 0;
         left = jbi_input_int(&p->in)) {
        if (left < 0)
            jbi_input_refuse(&p->in, "its data has a part of no length");
        while (left > 0 && p->in.code == JB_OK) {
            size_t got, room = DUMP_PIECE - p->piece->raw_len;
            const unsigned char *from =
                jbi_input_some(&p->in, (uint64_t)left < room ? (size_t)left : room, &got);
            if (from == NULL)
                break;
            memcpy(p->piece->raw + p->piece->raw_len, from, got);
            p->piece->raw_len += got;
            left -= (int64_t)got;
            if (p->piece->raw_len < DUMP_PIECE)
                continue;
            int code = submit(p);
            code = code < 0 ? code : new_piece(p);
            if (code < 0)
                return code;
        }
    }
    ((struct cargo *)p->piece->cargo)->ends_stream = true;
    return p->in.code < 0 ? p->in.code : submit(p);
}

/* ---- Blocks ---- */

static int pack_table(struct packing *p, const struct dump_entry *entry)
{
    jbi_account_table(&p->account);
    int code = pack_stream(p);
    if (code == JB_OK && !jbi_account_table_end(&p->account, entry)) {
        jbi_input_refuse(&p->in, "its data has no end mark");
        code = p->in.code;
    }
    return code;
}

static int pack_objects(struct packing *p)
{
    int code = submit(p); /* the block's head */
    for (;;) {
        if (code == JB_OK)
            code = new_piece(p);
        uint32_t oid = code == JB_OK ? jbi_input_oid(&p->in) : 0;
        code = code < 0 ? code : p->in.code;
        if (code < 0)
            return code;
        cargo_add_int(p->piece->cargo, p, (int32_t)oid);
        if (oid == 0)
            return submit(p);
        jbi_account_object(&p->account);
        code = pack_stream(p);
        if (code == JB_OK)
            jbi_account_object_end(&p->account, oid);
    }
}

/* Says in which table's data a dump ended or went wrong. */
static int name_block(struct packing *p, const struct dump_entry *entry, int code)
{
    if (code == JB_ECORRUPT && p->err != NULL) {
        char said[sizeof p->err->text];
        snprintf(said, sizeof said, "%s", p->err->text);
        p->err->code = 0;
        if (entry->data == DUMP_OBJECTS)
            jbi_fail(p->err, code, "%s (in the large objects)", said);
        else
            jbi_fail(p->err, code, "%s (in the data of table \"%s%s%s\")", said,
                     entry->schema ? entry->schema : "", entry->schema ? "." : "", entry->name);
    }
    return code;
}

static int pack_block(struct packing *p)
{
    unsigned type = jbi_input_byte(&p->in);
    int64_t id = jbi_input_int(&p->in);
    struct dump_entry *entry = p->in.code == JB_OK ? jbi_toc_find(&p->toc, id) : NULL;
    if (entry == NULL || entry->is_seen || entry->data != (enum dump_data)type) {
        jbi_input_refuse(&p->in, "it has data that its table of contents does not tell of");
        return p->in.code;
    }
    int code = new_piece(p);
    if (code < 0)
        return code;
    struct cargo *cargo = p->piece->cargo;
    cargo->before[cargo->before_len++] = (unsigned char)type;
    cargo_add_int(cargo, p, id);
    cargo->entry = entry;
    entry->is_seen = true;
    p->is_objects = entry->data == DUMP_OBJECTS;
    return name_block(p, entry, p->is_objects ? pack_objects(p) : pack_table(p, entry));
}

static int pack_blocks(struct packing *p)
{
    int code = JB_OK;
    while (code == JB_OK && !jbi_input_is_end(&p->in))
        code = p->in.code < 0 ? p->in.code : pack_block(p);
    const struct dump_entry *missing = jbi_toc_missing(&p->toc);
    if (code == JB_OK && missing != NULL) {
        jbi_input_refuse(&p->in, "it is cut short");
        code = name_block(p, missing, p->in.code);
    }
    struct piece *piece;
    do {
        piece = NULL;
        code = code < 0 ? code : take_piece(p, &piece);
    } while (piece != NULL);
    jbi_account_end(&p->account);
    return code;
}

/* ---- The whole ---- */

static int keep_header(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct text *header = user;
    jbi_text_add(header, (const char *)from, len);
    return header->failed ? jbi_fail_memory(err) : JB_OK;
}

/* The header goes out as it came in, but for its compression. */
static int pack_header(struct packing *p)
{
    static const int levels[] = {
        [COMPRESSION_FAST] = 1, [COMPRESSION_BALANCED] = 6, [COMPRESSION_BEST] = 9};
    scope_text header = {0};
    jbi_input_echo(&p->in, keep_header, &header);
    jbi_toc_header(&p->toc, &p->in, p->contents, p->options->arena);
    jbi_input_echo(&p->in, NULL, NULL);
    if (p->in.code == JB_OK && p->toc.compression != 0)
        jbi_input_refuse(&p->in, "it is compressed already");
    if (p->in.code < 0)
        return p->in.code;
    unsigned char *at = (unsigned char *)header.at + p->toc.compression_at;
    if (p->toc.minor >= DUMP_MINOR_ALGORITHM)
        *at = 1; /* gzip */
    else
        put_int(at, p->in.int_size, levels[p->options->compression]);
    return output_add(p->out, (const unsigned char *)header.at, header.len, p->err);
}

static int pack_all(struct packing *p)
{
    int code = pack_header(p);
    if (code < 0)
        return code;
    jbi_input_echo(&p->in, output_add, p->out);
    jbi_toc_entries(&p->toc, &p->in, p->contents, p->options->arena);
    jbi_input_echo(&p->in, NULL, NULL);
    code = p->in.code < 0 ? p->in.code : pack_blocks(p);
    if (code < 0 || p->out->fd < 0)
        return code;
    code = output_flush(p->out, p->err);
    return code < 0 ? code : write_offsets(p);
}

int jbi_dump_pack(dump_read read, void *user, int out_fd, const struct dump_options *options,
                  struct dump_contents *contents, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    *contents = (struct dump_contents){0};
    struct packing p = {.options = options, .contents = contents, .err = err ? err : &unwanted};
    scope_free struct output *out = calloc(1, sizeof *out);
    p.out = out;
    int code = jbi_input_begin(&p.in, read, user, options->name, p.err);
    if (code == JB_OK && (out == NULL || !jbi_account_begin(&p.account, contents)))
        code = jbi_fail_memory(p.err);
    if (code == JB_OK)
        code = jbi_pieces_new(&p.pieces, PIECES_DEFLATE, options->jobs, options->compression,
                              DUMP_PIECE, p.err);
    if (code == JB_OK) {
        out->fd = out_fd;
        out->name = options->name;
        jbi_pieces_cargo(p.pieces, free);
        code = pack_all(&p);
    }
    jbi_pieces_end(p.pieces);
    jbi_account_free(&p.account);
    jbi_toc_free(&p.toc);
    jbi_input_free(&p.in);
    return code;
}
