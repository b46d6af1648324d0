/* SPDX-License-Identifier: MIT */
/* A dump with one entry more and some less. Invariant: what is not left out is passed on byte for
 * byte, in its order. */
#include "archive/dump_splice.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive/dump_toc.h"
#include "base/error.h"
#include "base/text.h"

#define MINOR_TABLE_AM    14
#define MINOR_RELKIND     16
#define SECTION_PRE_DATA  2
#define OFFSET_OF_NO_DATA 3
#define DESC              "JBACKUP" /* nothing that pg_restore has a meaning for */

/* ---- Reading ---- */

struct reading {
    struct dump_input in;
    struct dump_toc toc;
    struct dump_contents contents; /* of the header alone */
    struct arena arena;
    int fd;
    const char *name;
};

static int read_file(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    const struct reading *r = user;
    ssize_t len;
    do {
        len = read(r->fd, to, room);
    } while (len < 0 && errno == EINTR);
    *got = len > 0 ? (size_t)len : 0;
    return len < 0 ? jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", r->name) : JB_OK;
}

static int begin(struct reading *r, struct jb_error *err)
{
    if (lseek(r->fd, 0, SEEK_SET) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", r->name);
    return jbi_input_begin(&r->in, read_file, r, r->name, err);
}

static void end(struct reading *r)
{
    jbi_toc_free(&r->toc);
    jbi_input_free(&r->in);
    jbi_arena_free(&r->arena);
}

/* Entries follow the header and their number. */
static int64_t read_count(struct reading *r)
{
    int64_t count = jbi_input_int(&r->in);
    if (count < 0 || count >= INT32_MAX)
        jbi_input_refuse(&r->in, "its table of contents has no length");
    return r->in.code == JB_OK ? count : 0;
}

static const char *text_of(struct dump_input *in, struct arena *passing)
{
    const char *text = jbi_input_text(in, passing);
    return text ? text : "";
}

/* Its texts belong to passing; *id is its number. */
static int read_item(struct reading *r, struct dump_item *item, int64_t *id, struct arena *passing)
{
    struct dump_input *in = &r->in;
    unsigned state;
    *id = jbi_input_int(in);
    jbi_input_int(in); /* whether it has data */
    jbi_input_pass_text(in, NULL);
    jbi_input_pass_text(in, NULL); /* the OIDs of its catalog and of itself */
    item->tag = text_of(in, passing);
    item->desc = text_of(in, passing);
    jbi_input_int(in);             /* section */
    jbi_input_pass_text(in, NULL); /* how to make it, to drop it, and to copy its data */
    jbi_input_pass_text(in, NULL);
    jbi_input_pass_text(in, NULL);
    item->schema = text_of(in, passing);
    jbi_input_pass_text(in, NULL); /* tablespace */
    if (r->toc.minor >= MINOR_TABLE_AM)
        jbi_input_pass_text(in, NULL);
    if (r->toc.minor >= MINOR_RELKIND)
        jbi_input_int(in);
    item->owner = text_of(in, passing);
    jbi_input_pass_text(in, NULL);        /* with OIDs */
    while (jbi_input_pass_text(in, NULL)) /* dependencies */
        continue;
    jbi_input_offset(in, &state);
    return in->code;
}

int jbi_dump_items(int in_fd, const char *name, dump_visit visit, void *user, struct jb_error *err)
{
    struct reading r = {.fd = in_fd, .name = name};
    int code = begin(&r, err);
    if (code < 0)
        return code;
    jbi_toc_header(&r.toc, &r.in, &r.contents, &r.arena);
    int64_t count = read_count(&r), id;
    code = r.in.code;
    for (int64_t i = 0; i < count && code == JB_OK; i++) {
        struct arena passing = {0};
        struct dump_item item;
        code = read_item(&r, &item, &id, &passing);
        if (code == JB_OK)
            code = visit(user, &item, err);
        jbi_arena_free(&passing);
    }
    end(&r);
    return code;
}

/* ---- Writing ---- */

struct splicing {
    struct reading r;
    const struct dump_splice *how;
    struct text held; /* bytes that were read, and are not written yet */
    int64_t count, left_out, id_max;
};

static int hold(void *user, const unsigned char *bytes, size_t len, struct jb_error *err)
{
    struct splicing *s = user;
    jbi_text_add(&s->held, (const char *)bytes, len);
    return s->held.failed ? jbi_fail_memory(err) : JB_OK;
}

static void add_int(struct splicing *s, int64_t value)
{
    unsigned char bytes[9] = {value < 0};
    uint64_t rest = (uint64_t)(value < 0 ? -value : value);
    for (unsigned i = 1; i <= s->r.in.int_size; i++, rest >>= 8)
        bytes[i] = (unsigned char)rest;
    jbi_text_add(&s->held, (const char *)bytes, 1 + s->r.in.int_size);
}

static void add_text(struct splicing *s, const char *text)
{
    add_int(s, (int64_t)strlen(text));
    jbi_text_adds(&s->held, text);
}

static void add_first(struct splicing *s)
{
    static const char no_offset[1 + 8] = {OFFSET_OF_NO_DATA};
    const char *const before[] = {"0", "0", DESC, DESC};
    /* how to drop it, to copy its data, schema, tablespace, and what tables are made by: none */
    unsigned none = s->r.toc.minor >= MINOR_TABLE_AM ? 5 : 4;
    add_int(s, s->id_max + 1);
    add_int(s, 0);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        add_text(s, before[i]);
    add_int(s, SECTION_PRE_DATA);
    add_text(s, s->how->first);
    for (unsigned i = 0; i < none; i++)
        add_int(s, -1);
    if (s->r.toc.minor >= MINOR_RELKIND)
        add_int(s, 0);
    add_text(s, ""); /* owner */
    add_text(s, "false");
    add_int(s, -1);
    jbi_text_add(&s->held, no_offset, 1 + s->r.in.offset_size);
}

static int flush(struct splicing *s, struct jb_error *err)
{
    int code = s->held.failed ? jbi_fail_memory(err) : JB_OK;
    if (code == JB_OK && s->held.len > 0)
        code = s->how->write(s->how->user, s->held.at, s->held.len, err);
    s->held.len = 0;
    return code;
}

/* What the number and the name of the new entry depend on. */
static int survey(struct splicing *s, struct jb_error *err)
{
    struct reading *r = &s->r;
    int64_t id;
    int code = begin(r, err);
    if (code < 0)
        return code;
    jbi_toc_header(&r->toc, &r->in, &r->contents, &r->arena);
    s->count = read_count(r);
    for (int64_t i = 0; i < s->count && r->in.code == JB_OK; i++) {
        struct arena passing = {0};
        struct dump_item item;
        if (read_item(r, &item, &id, &passing) == JB_OK)
            s->left_out += s->how->is_left_out(s->how->user, &item);
        s->id_max = id > s->id_max ? id : s->id_max;
        jbi_arena_free(&passing);
    }
    if (s->id_max >= INT32_MAX)
        jbi_input_refuse(&r->in, "its table of contents has an impossible number");
    code = r->in.code;
    end(r);
    *r = (struct reading){.fd = r->fd, .name = r->name};
    return code;
}

static int copy_header(struct splicing *s, struct jb_error *err)
{
    struct reading *r = &s->r;
    jbi_input_echo(&r->in, hold, s);
    jbi_toc_header(&r->toc, &r->in, &r->contents, &r->arena);
    jbi_input_echo(&r->in, NULL, NULL);
    if (read_count(r) != s->count)
        jbi_input_refuse(&r->in, "it changed while it was read");
    add_int(s, s->count - s->left_out + 1);
    add_first(s);
    return r->in.code < 0 ? r->in.code : flush(s, err);
}

static int copy_entry(struct splicing *s, struct jb_error *err)
{
    struct reading *r = &s->r;
    struct arena passing = {0};
    struct dump_item item;
    int64_t id;
    jbi_input_echo(&r->in, hold, s);
    int code = read_item(r, &item, &id, &passing);
    jbi_input_echo(&r->in, NULL, NULL);
    if (code == JB_OK)
        code = r->in.code;
    if (code == JB_OK && s->how->is_left_out(s->how->user, &item))
        s->held.len = 0;
    jbi_arena_free(&passing);
    return code < 0 ? code : flush(s, err);
}

static int copy_rest(struct splicing *s, struct jb_error *err)
{
    struct dump_input *in = &s->r.in;
    int code = JB_OK;
    while (code == JB_OK && !jbi_input_is_end(in)) {
        size_t got;
        const unsigned char *bytes = jbi_input_some(in, DUMP_INPUT_ROOM, &got);
        code = bytes != NULL ? s->how->write(s->how->user, bytes, got, err) : in->code;
    }
    return code < 0 ? code : in->code;
}

int jbi_dump_splice(int in_fd, const struct dump_splice *how, struct jb_error *err)
{
    struct splicing s = {.r = {.fd = in_fd, .name = how->name}, .how = how};
    int code = survey(&s, err);
    if (code == JB_OK)
        code = begin(&s.r, err);
    if (code < 0)
        return code;
    code = copy_header(&s, err);
    for (int64_t i = 0; i < s.count && code == JB_OK; i++)
        code = copy_entry(&s, err);
    if (code == JB_OK)
        code = copy_rest(&s, err);
    jbi_text_free(&s.held);
    end(&s.r);
    return code;
}
