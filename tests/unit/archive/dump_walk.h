/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ARCHIVE_DUMP_WALK_H
#define TESTS_UNIT_ARCHIVE_DUMP_WALK_H

#include <stdint.h>
#include <zlib.h>

#include "../check.h"
#include "adapter/digest.h"
#include "archive/dump.h"
#include "base/arena.h"
#include "base/text.h"

/*
 * A second reader of packed dumps, along the drawing in archive/dump.h and with stock zlib. It
 * works in memory, stops at the first thing that is not as it should be, and tells that in why.
 */
struct walked_chunk {
    size_t at, len; /* of its bytes */
};

struct walked_block {
    const char *schema, *tag;
    size_t begin, body, end; /* the byte of its type, behind its number, behind its last int */
    bool is_blobs;
    struct text raw; /* decompressed; of large objects all together */
    size_t stream_count;
    struct walked_chunk *chunks;
    size_t chunk_count;
};

struct walked_entry {
    int64_t id;
    bool has_data;
    unsigned char state;
    uint64_t offset;
    const char *schema, *tag;
};

struct walked {
    const unsigned char *at;
    size_t len, pos;
    const char *why; /* NULL: all is well */
    unsigned minor, int_size, offset_size;
    int64_t compression;
    struct walked_entry *entries;
    size_t entry_count;
    size_t toc_end;
    struct walked_block *blocks;
    size_t block_count;
    struct arena arena;
};

static inline bool walk_stop(struct walked *w, const char *why)
{
    if (w->why == NULL)
        w->why = why;
    return false;
}

static inline unsigned char walk_byte(struct walked *w)
{
    if (w->pos >= w->len) {
        walk_stop(w, "cut short");
        return 0;
    }
    return w->at[w->pos++];
}

static inline uint64_t walk_bytes(struct walked *w, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)walk_byte(w) << 8 * i;
    return value;
}

static inline int64_t walk_int(struct walked *w)
{
    unsigned char sign = walk_byte(w);
    int64_t value = (int64_t)walk_bytes(w, w->int_size);
    if (sign > 1)
        walk_stop(w, "a sign that is none");
    return sign ? -value : value;
}

static inline const char *walk_str(struct walked *w)
{
    int64_t len = walk_int(w);
    if (len == -1 || w->why != NULL)
        return NULL;
    if (len < 0 || (uint64_t)len > w->len - w->pos) {
        walk_stop(w, "a text longer than the file");
        return NULL;
    }
    w->pos += (size_t)len;
    return jbi_arena_textn(&w->arena, (const char *)w->at + w->pos - len, (size_t)len);
}

static inline void walk_head(struct walked *w)
{
    if (w->len < 11 || memcmp(w->at, "PGDMP\1", 6) != 0) {
        walk_stop(w, "not a dump");
        return;
    }
    w->minor = w->at[6];
    w->int_size = w->at[8];
    w->offset_size = w->at[9];
    w->pos = 11;
    if (w->at[10] != 1 || w->int_size > 8 || w->offset_size > 8)
        walk_stop(w, "another format");
    w->compression = w->minor >= 15 ? walk_byte(w) : walk_int(w);
    for (int i = 0; i < 7; i++)
        walk_int(w);
    for (int i = 0; i < 3; i++)
        walk_str(w);
}

static inline void walk_entry(struct walked *w, struct walked_entry *entry)
{
    entry->id = walk_int(w);
    entry->has_data = walk_int(w) != 0;
    walk_str(w);
    walk_str(w);
    entry->tag = walk_str(w);
    walk_str(w);
    walk_int(w);
    for (int i = 0; i < 3; i++)
        walk_str(w);
    entry->schema = walk_str(w);
    walk_str(w);
    if (w->minor >= 14)
        walk_str(w);
    if (w->minor >= 16)
        walk_int(w);
    walk_str(w);
    walk_str(w);
    while (w->why == NULL && walk_str(w) != NULL) /* dependencies */
        ;
    entry->state = walk_byte(w);
    entry->offset = walk_bytes(w, w->offset_size);
    if (entry->state != (entry->has_data ? 2 : 3))
        walk_stop(w, "the state of an offset is wrong");
}

static inline void walk_toc(struct walked *w)
{
    int64_t count = walk_int(w);
    if (count < 0 || (uint64_t)count > w->len)
        walk_stop(w, "too many entries");
    if (w->why != NULL)
        return;
    w->entry_count = (size_t)count;
    w->entries = calloc(w->entry_count + 1, sizeof *w->entries);
    REQUIRE(w->entries != NULL);
    for (size_t i = 0; i < w->entry_count && w->why == NULL; i++)
        walk_entry(w, &w->entries[i]);
    w->toc_end = w->pos;
}

/* Adds what the chunk gives to raw; returns zlib's answer. */
static inline int walk_inflate(z_stream *z, struct walked_chunk chunk, const unsigned char *file,
                               struct text *raw)
{
    static _Thread_local unsigned char out[1 << 16];
    int code;
    z->next_in = (unsigned char *)(uintptr_t)file + chunk.at;
    z->avail_in = (unsigned)chunk.len;
    do {
        z->next_out = out;
        z->avail_out = sizeof out;
        code = inflate(z, Z_SYNC_FLUSH);
        jbi_text_add(raw, (char *)out, sizeof out - z->avail_out);
    } while (code == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
    return code == Z_BUF_ERROR && z->avail_in == 0 ? Z_OK : code;
}

static inline bool walk_piece_alone(struct walked *w, struct walked_chunk chunk)
{
    struct text raw = {0};
    z_stream z = {0};
    REQUIRE(inflateInit2(&z, -MAX_WBITS) == Z_OK);
    bool is_fine =
        walk_inflate(&z, chunk, w->at, &raw) == Z_OK && raw.len > 0 && raw.len <= DUMP_PIECE;
    inflateEnd(&z);
    jbi_text_free(&raw);
    return is_fine || walk_stop(w, "a piece is not one alone");
}

static inline struct walked_chunk *walk_chunk(struct walked *w, struct walked_block *block)
{
    int64_t len = walk_int(w);
    if (len < 0 || (uint64_t)len > w->len - w->pos)
        walk_stop(w, "a chunk longer than the file");
    if (len == 0 || w->why != NULL)
        return NULL;
    if ((block->chunk_count & (block->chunk_count - 1)) == 0)
        block->chunks =
            realloc(block->chunks, (2 * block->chunk_count + 1) * sizeof(*block->chunks));
    REQUIRE(block->chunks != NULL);
    struct walked_chunk *chunk = &block->chunks[block->chunk_count++];
    *chunk = (struct walked_chunk){w->pos, (size_t)len};
    w->pos += (size_t)len;
    return chunk;
}

/* header, pieces, trailer, 0 */
static inline void walk_stream(struct walked *w, struct walked_block *block)
{
    z_stream z = {0};
    int code = Z_OK;
    const struct walked_chunk *chunk;
    REQUIRE(inflateInit(&z) == Z_OK);
    for (size_t number = 0; (chunk = walk_chunk(w, block)) != NULL; number++) {
        if (code != Z_OK)
            walk_stop(w, "chunks behind the end of the stream");
        code = w->why == NULL ? walk_inflate(&z, *chunk, w->at, &block->raw) : Z_DATA_ERROR;
        if (code != Z_OK && (code != Z_STREAM_END || z.avail_in > 0))
            walk_stop(w, "not a zlib stream");
        if (number == 0 && (chunk->len != 2 || memcmp(w->at + chunk->at, "\x78\1", 2) != 0))
            walk_stop(w, "the header is not a chunk of its own");
        if (code == Z_STREAM_END && (chunk->len != 6 || memcmp(w->at + chunk->at, "\3\0", 2) != 0))
            walk_stop(w, "the trailer is not a chunk of its own");
        if (w->why == NULL && number > 0 && code == Z_OK)
            walk_piece_alone(w, *chunk);
    }
    if (code != Z_STREAM_END)
        walk_stop(w, "a stream has no end");
    inflateEnd(&z);
    block->stream_count++;
}

static inline void walk_block(struct walked *w)
{
    struct walked_block *block = &w->blocks[w->block_count++];
    block->begin = w->pos;
    unsigned char type = walk_byte(w);
    int64_t id = walk_int(w);
    const struct walked_entry *entry = w->entries, *end = w->entries + w->entry_count;
    block->body = w->pos;
    while (entry < end && (entry->id != id || !entry->has_data))
        entry++;
    if (entry == end || entry->offset != block->begin) {
        walk_stop(w, "a block is not where the table of contents tells it");
        return;
    }
    block->schema = entry->schema;
    block->tag = entry->tag;
    block->is_blobs = type == 3;
    if (type == 1)
        walk_stream(w, block);
    else if (type == 3)
        while (w->why == NULL && walk_int(w) != 0)
            walk_stream(w, block);
    else
        walk_stop(w, "a block of no known type");
    block->end = w->pos;
}

/* True if all is well. walk_free() in any case. */
static inline bool walk(struct walked *w, const unsigned char *at, size_t len)
{
    size_t with_data = 0;
    memset(w, 0, sizeof *w);
    w->at = at;
    w->len = len;
    walk_head(w);
    if (w->why == NULL)
        walk_toc(w);
    for (size_t i = 0; i < w->entry_count; i++)
        with_data += w->entries[i].has_data;
    w->blocks = calloc(with_data + 1, sizeof *w->blocks);
    REQUIRE(w->blocks != NULL);
    while (w->why == NULL && w->block_count < with_data)
        walk_block(w);
    if (w->why == NULL && w->pos != w->len)
        walk_stop(w, "something follows");
    return w->why == NULL;
}

static inline void walk_free(struct walked *w)
{
    for (size_t i = 0; i < w->block_count; i++) {
        jbi_text_free(&w->blocks[i].raw);
        free(w->blocks[i].chunks);
    }
    free(w->blocks);
    free(w->entries);
    jbi_arena_free(&w->arena);
}

#endif
