/* SPDX-License-Identifier: MIT */
/*
 * Checking a part of an archive. The index is read in full and leads to the members; what is drawn
 * depends on the seed and the member's place alone. Drawn are members of small files, large files
 * as a whole, and of very large ones single members: their content has no digest of its own then.
 */
#include "source/codebase_prove.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/reader.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/tree.h"
#include "source/codebase_follow.h"

#define NAMED_MAX     20 /* files of one damaged member that are named */
#define WHOLE_MEMBERS 64 /* a file of more members is drawn member by member */

struct sample {
    const struct source_job *job;
    const char *path; /* of the archive */
    int fd;
    uint64_t archive_size;
    unsigned percent;
    uint32_t seed;
    bool is_forced; /* only forced is drawn */
    uint64_t forced;
    struct gzip *gzip;
    struct follow follow;
    bool has_expected; /* follow.expected is an entry that was not yet seen in the archive */
    struct source_checked *checked;
    uint64_t drawn_files;    /* that lie in drawn members, at least in part */
    uint64_t partial;        /* of these, files whose digest could not be compared */
    bool has_least;          /* of the members with files that were not drawn: */
    uint64_t least, nearest; /* which one was nearest to it */

    /* The member, or the large file, that is being decoded */
    bool has_unit;
    uint64_t unit, base; /* offset of the member; offset in the tar stream of its first byte */
    bool in_step;        /* the index and the archive speak of the same entries so far */
    bool is_open;        /* an entry was begun and not ended */
};

/* SplitMix64 (Steele, Lea, Flood). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t lot_of(const struct sample *sample, uint64_t member)
{
    return mix(mix(sample->seed) ^ member) >> 32;
}

static bool is_drawn(const struct sample *sample, uint64_t member)
{
    if (sample->is_forced)
        return member == sample->forced;
    return lot_of(sample, member) * 100 >> 32 < sample->percent;
}

/* Remembers the member that was nearest to being drawn. */
static void note_not_drawn(struct sample *sample, uint64_t member)
{
    uint64_t lot = lot_of(sample, member);
    if (sample->has_least && lot >= sample->least)
        return;
    sample->has_least = true;
    sample->least = lot;
    sample->nearest = member;
}

static void say(const struct sample *sample, const char *file, const char *message)
{
    scope_text subject = {0};
    jbi_text_addf(&subject, "%s: %s", sample->path, file);
    jbi_finding(sample->job->report, JB_ERROR, subject.failed ? sample->path : subject.at, "%s",
                message);
}

static int advance(struct sample *sample, struct jb_error *err)
{
    int code = jbi_follow_next(&sample->follow, err);
    sample->has_expected = code == 1;
    return code < 0 ? code : JB_OK;
}

/* Whether an entry of the unit is still to come. */
static bool is_in_unit(const struct sample *sample)
{
    return sample->has_expected && sample->follow.expected.member == sample->unit;
}

static int out_of_step(struct sample *sample, const char *path, const char *message)
{
    say(sample, path, message);
    sample->in_step = false;
    return UNTAR_STOP;
}

static int sample_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                        struct jb_error *err)
{
    struct sample *sample = user;
    const struct index_entry *expected = &sample->follow.expected;
    char difference[FOLLOW_DIFFERENCE_SIZE], message[256];
    (void)err;
    int order = is_in_unit(sample) ? jbi_tree_order(entry->path, expected->path) : -1;
    if (order < 0)
        return out_of_step(sample, entry->path, "it is in the archive, but not in the index");
    bool is_at_place = offset == expected->offset && offset - sample->base == expected->member_skip;
    if (order > 0 || !is_at_place)
        return out_of_step(sample, expected->path,
                           "it is in the index, but not at its place in the archive");
    jbi_follow_compare(&sample->follow, entry, difference);
    if (difference[0] != '\0') {
        snprintf(message, sizeof message, "the archive and the index differ: %s", difference);
        say(sample, entry->path, message);
    }
    jbi_follow_content_begin(&sample->follow);
    sample->is_open = true;
    return JB_OK;
}

static int sample_content(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct sample *sample = user;
    (void)err;
    jbi_follow_content_add(&sample->follow, from, len);
    return JB_OK;
}

static int sample_end(void *user, struct jb_error *err)
{
    struct sample *sample = user;
    if (sample->follow.expected.type == TAR_FILE) {
        sample->checked->files++;
        if (!jbi_follow_content_is_right(&sample->follow))
            say(sample, sample->follow.expected.path,
                "its content does not have the digest in the index");
    }
    sample->is_open = false;
    return advance(sample, err);
}

static const struct untar_visitor sample_visitor = {sample_entry, sample_content, sample_end};

/* Damage is news of the backup, not a failure of the check; all else is passed on. */
static int to_finding(const struct sample *sample, int code, const struct jb_error *why,
                      struct jb_error *err)
{
    if (code == JB_ECORRUPT || code == JB_EIO || code == JB_ENOTFOUND) {
        jbi_finding(sample->job->report, JB_ERROR, sample->path, "%s", why->text);
        return JB_OK;
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = *why;
    return code;
}

/* Passes over what is left of the unit's entries; names its files if their member is damaged. */
static int leave_unit(struct sample *sample, bool is_damaged, struct jb_error *err)
{
    int code = JB_OK, named = 0, more = 0;
    if (!is_damaged && sample->in_step && is_in_unit(sample))
        say(sample, sample->follow.expected.path, "it is in the index, but not in the archive");
    while (code == JB_OK && is_in_unit(sample)) {
        bool is_named = is_damaged && sample->follow.expected.type == TAR_FILE;
        if (is_named && named < NAMED_MAX)
            say(sample, sample->follow.expected.path, "it lies in a damaged part of the archive");
        if (is_named)
            named < NAMED_MAX ? named++ : more++;
        code = advance(sample, err);
    }
    if (more > 0)
        jbi_finding(sample->job->report, JB_ERROR, sample->path,
                    "%d more files lie in the same damaged part", more);
    return code;
}

/* Reads a member and has its content taken apart; *raw_len is that of the content. */
static int member_decode(struct sample *sample, struct untar *untar, uint64_t offset,
                         uint32_t *total, uint32_t *raw_len, struct jb_error *err)
{
    scope_free unsigned char *raw = NULL;
    int code =
        jbi_member_read(sample->fd, sample->path, sample->gzip, offset, total, &raw, raw_len, err);
    if (code < 0)
        return code;
    sample->checked->bytes_read += *total;
    if (untar == NULL)
        return JB_OK;
    code = jbi_untar_feed(untar, raw, *raw_len, err);
    return code == UNTAR_STOP ? JB_OK : code;
}

static int unit_begin(struct sample *sample, struct untar **untar, struct jb_error *err)
{
    const struct index_entry *first = &sample->follow.expected;
    sample->base = first->offset - first->member_skip;
    sample->in_step = true;
    sample->is_open = false;
    if (first->member_skip > first->offset)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" has an impossible place in the index",
                        first->path);
    return jbi_untar_new(untar, &sample_visitor, sample, sample->path, sample->base, err);
}

/* A member of small files. */
static int sample_small(struct sample *sample, struct jb_error *err)
{
    struct untar *untar = NULL;
    struct jb_error why = {0};
    uint32_t total, raw_len;
    uint64_t files_before = sample->checked->files;
    int code = unit_begin(sample, &untar, &why);
    if (code == JB_OK)
        code = member_decode(sample, untar, sample->unit, &total, &raw_len, &why);
    jbi_untar_free(untar);
    if (code == JB_OK && sample->is_open) {
        out_of_step(sample, sample->follow.expected.path, "it is cut off in the archive");
        code = advance(sample, &why);
    }
    bool is_damaged = code == JB_ECORRUPT || code == JB_EIO;
    sample->drawn_files += is_damaged || sample->checked->files > files_before;
    code = to_finding(sample, code, &why, err);
    return code == JB_OK ? leave_unit(sample, is_damaged, err) : code;
}

struct large {
    uint64_t members, offset; /* how many, and where the next one begins */
    bool is_whole;            /* drawn as a whole */
    bool has_gap;             /* a member was not drawn */
    bool has_any;
};

/* The next member of a large file. */
static int large_member(struct sample *sample, struct large *large, struct untar *untar,
                        uint64_t number, struct jb_error *err)
{
    uint32_t total, raw_len;
    int code;
    if (!large->is_whole && !is_drawn(sample, large->offset)) {
        large->has_gap = true;
        note_not_drawn(sample, large->offset);
        sample->checked->bytes_read += GZIP_HEADER_SIZE;
        code = jbi_member_lengths(sample->fd, sample->path, large->offset, &total, &raw_len, err);
    } else {
        bool goes_on = !large->has_gap && sample->in_step;
        large->has_any = true;
        code = member_decode(sample, goes_on ? untar : NULL, large->offset, &total, &raw_len, err);
    }
    bool is_inner = number > 0 && number + 1 < large->members;
    if (code == JB_OK && is_inner && raw_len != MEMBER_PIECE)
        code = jbi_fail(err, JB_ECORRUPT, "%s has a member of a wrong length at offset %llu",
                        sample->path, (unsigned long long)large->offset);
    if (code == JB_OK)
        large->offset += total;
    return code;
}

/* A file that has members of its own. */
static int sample_large(struct sample *sample, uint64_t members, struct jb_error *err)
{
    struct untar *untar = NULL;
    struct jb_error why = {0};
    struct large large = {
        .members = members,
        .offset = sample->unit,
        .is_whole = members <= WHOLE_MEMBERS,
    };
    int code = unit_begin(sample, &untar, &why);
    for (uint64_t i = 0; i < members && code == JB_OK && sample->in_step && is_in_unit(sample);
         i++) {
        code = large_member(sample, &large, untar, i, &why);
        if (code == JB_OK)
            code = jbi_progress(sample->job->hooks, "verify sample of code", large.offset,
                                sample->archive_size, "bytes", &why);
    }
    jbi_untar_free(untar);
    bool is_damaged = code == JB_ECORRUPT || code == JB_EIO;
    if (code == JB_OK && large.has_gap) {
        sample->partial += large.has_any;
        code = is_in_unit(sample) ? advance(sample, &why) : JB_OK;
    } else if (code == JB_OK && sample->is_open) {
        out_of_step(sample, sample->follow.expected.path, "it is cut off in the archive");
        code = advance(sample, &why);
    }
    sample->drawn_files += large.has_any;
    code = to_finding(sample, code, &why, err);
    return code == JB_OK ? leave_unit(sample, is_damaged, err) : code;
}

/* Passes over a unit that was not drawn. */
static int pass_over(struct sample *sample, struct jb_error *err)
{
    int code = JB_OK;
    bool has_files = false;
    while (code == JB_OK && is_in_unit(sample)) {
        has_files = has_files || sample->follow.expected.type == TAR_FILE;
        code = advance(sample, err);
    }
    if (has_files)
        note_not_drawn(sample, sample->unit);
    return code;
}

/* The next member in which entries begin, or the next large file. */
static int sample_unit(struct sample *sample, struct jb_error *err)
{
    const struct index_entry *first = &sample->follow.expected;
    uint64_t members = (first->size + MEMBER_PIECE - 1) / MEMBER_PIECE;
    bool is_large = first->type == TAR_FILE && members > 1;
    bool is_single = is_large && members > WHOLE_MEMBERS;
    bool leads_back = sample->has_unit && first->member <= sample->unit;
    sample->unit = first->member;
    sample->has_unit = true;
    if (leads_back)
        return jbi_fail(err, JB_ECORRUPT, "the index leads back in the archive at \"%s\"",
                        first->path);
    int code = jbi_progress(sample->job->hooks, "verify sample of code", sample->unit,
                            sample->archive_size, "bytes", err);
    if (code < 0)
        return code;
    if (!is_single && !is_drawn(sample, sample->unit))
        return pass_over(sample, err);
    return is_large ? sample_large(sample, members, err) : sample_small(sample, err);
}

/* One way along the index. */
static int sample_all(struct sample *sample, int index_fd, const char *index_name,
                      struct jb_error *err)
{
    int code = jbi_follow_begin(&sample->follow, index_fd, index_name, ".", err);
    sample->has_unit = false;
    if (code == JB_OK)
        code = advance(sample, err);
    while (code == JB_OK && sample->has_expected)
        code = sample_unit(sample, err);
    jbi_follow_end(&sample->follow);
    return code;
}

/* What was drawn may hold no file at all: then the nearest member that does is taken, too. */
static int sample_some(struct sample *sample, int index_fd, const struct artifact *index,
                       struct jb_error *err)
{
    int code = jbi_follow_check_index(index_fd, index, err);
    if (code == JB_OK)
        code = sample_all(sample, index_fd, index->path, err);
    if (code != JB_OK || sample->drawn_files > 0 || !sample->has_least)
        return code;
    sample->is_forced = true;
    sample->forced = sample->nearest;
    return sample_all(sample, index_fd, index->path, err);
}

int jbi_codebase_sample(const struct source_job *job, int category_fd,
                        const struct artifact *archive, const struct artifact *index, int percent,
                        uint32_t seed, struct source_checked *checked, struct jb_error *err)
{
    struct sample sample = {
        .job = job,
        .path = archive->path,
        .percent = percent < 0 ? 0 : (unsigned)percent,
        .seed = seed,
        .checked = checked,
    };
    struct jb_error why = {0};
    struct stat st = {0};
    scope_fd int fd = -1, index_fd = -1;
    *checked = (struct source_checked){0};
    int code = jbi_open_regular(category_fd, archive->path, &fd, &why);
    if (code == JB_OK)
        code = jbi_open_regular(category_fd, index->path, &index_fd, &why);
    if (code < 0)
        return to_finding(&sample, code, &why, err);
    sample.fd = fd;
    sample.archive_size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    sample.gzip = jbi_gzip_new(COMPRESSION_FAST);
    if (sample.gzip == NULL)
        return jbi_fail_memory(err);
    code = sample_some(&sample, index_fd, index, &why);
    jbi_gzip_free(sample.gzip);
    if (sample.partial > 0)
        jbi_finding(job->report, JB_INFO, archive->path,
                    "%llu very large files were decoded in part; their digests were not compared",
                    (unsigned long long)sample.partial);
    return to_finding(&sample, code, &why, err);
}
