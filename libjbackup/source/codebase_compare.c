/* SPDX-License-Identifier: MIT */
/*
 * A tree held against its index. Both come in the same order, so that one walk and one reading of
 * the index merge: what only one of them has is missing or too many.
 */
#include "source/codebase_compare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/index.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/tree.h"
#include "source/file_digests.h"
#include "source/hardlinks.h"

#define NAMED_MAX   100 /* differences that are named */
#define TARGET_SIZE 4097

struct compare {
    const struct source_job *job;
    const struct artifact *archive;
    const char *index_name;
    bool with_owners;
    struct index_reader *index;
    struct index_entry expected;
    bool has_expected; /* the index has not ended */
    struct text previous;
    struct hardlinks *links;
    struct file_digests *digests;
    struct codebase_compared *compared;
};

static void say(struct compare *compare, const char *path, const char *message)
{
    scope_text subject = {0};
    if (compare->compared->differences++ >= NAMED_MAX)
        return;
    jbi_text_addf(&subject, "%s: %s", compare->archive->path, path);
    jbi_finding(compare->job->report, JB_ERROR,
                subject.failed ? compare->archive->path : subject.at, "%s", message);
}

static void say_rest(const struct compare *compare)
{
    uint64_t differences = compare->compared->differences;
    if (differences > NAMED_MAX)
        jbi_finding(compare->job->report, JB_ERROR, compare->archive->path,
                    "%llu more of its entries differ",
                    (unsigned long long)(differences - NAMED_MAX));
}

/* Moves to the next entry of the index. */
static int advance(struct compare *compare, struct jb_error *err)
{
    struct text *previous = &compare->previous;
    bool is_first = !compare->has_expected;
    previous->len = 0;
    jbi_text_adds(previous, is_first ? "" : compare->expected.path);
    if (previous->failed)
        return jbi_fail_memory(err);
    int code = jbi_index_next(compare->index, &compare->expected, err);
    compare->has_expected = code == 1;
    if (code < 1)
        return code;
    if (!is_first && jbi_tree_order(previous->at, compare->expected.path) >= 0)
        return jbi_fail(err, JB_ECORRUPT, "%s is out of order: \"%s\" follows \"%s\"",
                        compare->index_name, compare->expected.path, previous->at);
    return JB_OK;
}

static const char *joint(const struct text *text)
{
    return text->len > 0 ? ", " : "";
}

static const char *type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a folder";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a FIFO";
    default:
        return "another thing";
    }
}

static mode_t recorded_type(enum tar_type type)
{
    static const mode_t types[] = {
        [TAR_FILE] = S_IFREG,     [TAR_FOLDER] = S_IFDIR, [TAR_SYMLINK] = S_IFLNK,
        [TAR_HARDLINK] = S_IFREG, [TAR_FIFO] = S_IFIFO,
    };
    return types[type];
}

/* Mode, owner and time. Symbolic links have no mode of their own. */
static void state_compare(const struct compare *compare, const struct stat *st, struct text *out)
{
    const struct index_entry *expected = &compare->expected;
    bool is_owner_right = st->st_uid == expected->uid && st->st_gid == expected->gid;
    unsigned mode = expected->mode, got = st->st_mode & 07777;
    if (!compare->with_owners && !is_owner_right && S_ISREG(st->st_mode))
        mode &= ~(unsigned)(S_ISUID | S_ISGID);
    if (!S_ISLNK(st->st_mode) && got != mode)
        jbi_text_addf(out, "%smode %04o instead of %04o", joint(out), got, mode);
    if (compare->with_owners && !is_owner_right)
        jbi_text_addf(out, "%sowner %u:%u instead of %llu:%llu", joint(out), st->st_uid, st->st_gid,
                      (unsigned long long)expected->uid, (unsigned long long)expected->gid);
    if (st->st_mtim.tv_sec != expected->mtime_s || st->st_mtim.tv_nsec != expected->mtime_ns)
        jbi_text_addf(out, "%stime %lld s %ld ns instead of %lld s %u ns", joint(out),
                      (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                      (long long)expected->mtime_s, expected->mtime_ns);
}

static int target_compare(const struct compare *compare, const struct tree_entry *entry,
                          struct text *out, struct jb_error *err)
{
    char target[TARGET_SIZE];
    ssize_t len = readlinkat(entry->dir_fd, entry->name, target, sizeof target - 1);
    if (len < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read the restored link \"%s\"", entry->path);
    target[len] = '\0';
    if (strcmp(target, compare->expected.link) != 0)
        jbi_text_addf(out, "%slink to \"%s\" instead of \"%s\"", joint(out), target,
                      compare->expected.link);
    return JB_OK;
}

/* Which names are one file. The walk comes to the first name first, as the backup did. */
static int names_compare(const struct compare *compare, const struct tree_entry *entry,
                         struct text *out, struct jb_error *err)
{
    const struct index_entry *expected = &compare->expected;
    const char *first = NULL;
    struct stat st = entry->st;
    st.st_ctim = (struct timespec){0}; /* ours, not the file's */
    if (st.st_nlink > 1) {
        int code = jbi_hardlinks_find(compare->links, &st, entry->path, &first, err);
        if (code < 0)
            return code;
    }
    if (expected->type == TAR_FILE && first != NULL)
        jbi_text_addf(out, "%sone file with \"%s\" instead of its own", joint(out), first);
    else if (expected->type == TAR_HARDLINK && first == NULL)
        jbi_text_addf(out, "%sa file of its own instead of one with \"%s\"", joint(out),
                      expected->link);
    else if (expected->type == TAR_HARDLINK && strcmp(first, expected->link) != 0)
        jbi_text_addf(out, "%sone file with \"%s\" instead of \"%s\"", joint(out), first,
                      expected->link);
    return JB_OK;
}

/* Opens the file, also one that its owner may not read; its mode is as before then. */
static int open_to_read(const struct tree_entry *entry, struct jb_error *err)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    mode_t mode = entry->st.st_mode & 07777;
    int fd = openat(entry->dir_fd, entry->name, flags);
    if (fd < 0 && errno == EACCES && fchmodat(entry->dir_fd, entry->name, mode | S_IRUSR, 0) == 0) {
        fd = openat(entry->dir_fd, entry->name, flags);
        if (fd >= 0 && fchmod(fd, mode) < 0) {
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the restored \"%s\"", entry->path);
    return fd;
}

/* The content is only read where the size is right. */
static int content_compare(const struct compare *compare, const struct tree_entry *entry,
                           struct text *out, struct jb_error *err)
{
    const struct index_entry *expected = &compare->expected;
    uint64_t size = (uint64_t)entry->st.st_size;
    if (size != expected->size) {
        jbi_text_addf(out, "%ssize %llu instead of %llu", joint(out), (unsigned long long)size,
                      (unsigned long long)expected->size);
        return JB_OK;
    }
    int fd = open_to_read(entry, err);
    if (fd < 0)
        return fd;
    return jbi_file_digests_add(compare->digests, fd, entry->path, &entry->st, expected->sha256,
                                err);
}

static void count(struct codebase_compared *compared, enum tar_type type)
{
    compared->files += type == TAR_FILE;
    compared->folders += type == TAR_FOLDER;
    compared->links += type == TAR_SYMLINK || type == TAR_HARDLINK;
    compared->others += type == TAR_FIFO;
}

/* An entry that both have. */
static int entry_compare(struct compare *compare, const struct tree_entry *entry,
                         struct jb_error *err)
{
    const struct index_entry *expected = &compare->expected;
    scope_text found = {0};
    int code = JB_OK;
    jbi_text_adds(&found, "");
    count(compare->compared, expected->type);
    if ((entry->st.st_mode & S_IFMT) != recorded_type(expected->type)) {
        jbi_text_addf(&found, "%s instead of %s", type_of(entry->st.st_mode),
                      type_of(recorded_type(expected->type)));
    } else {
        state_compare(compare, &entry->st, &found);
        if (expected->type == TAR_SYMLINK)
            code = target_compare(compare, entry, &found, err);
        else if (S_ISREG(entry->st.st_mode))
            code = names_compare(compare, entry, &found, err);
        if (code == JB_OK && expected->type == TAR_FILE)
            code = content_compare(compare, entry, &found, err);
    }
    if (code < 0 || found.failed)
        return code < 0 ? code : jbi_fail_memory(err);
    if (found.len > 0) {
        scope_text message = {0};
        jbi_text_addf(&message, "it was restored with another state than recorded: %s", found.at);
        say(compare, entry->path, message.failed ? "it was restored otherwise" : message.at);
    }
    return JB_OK;
}

static int say_missing(struct compare *compare, struct jb_error *err)
{
    say(compare, compare->expected.path, "it is in the index, but was not restored");
    return advance(compare, err);
}

static int visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct compare *compare = user;
    if (entry->sys_errno != 0) {
        errno = entry->sys_errno;
        return jbi_fail_errno(err, JB_EIO, "cannot read the restored \"%s\"", entry->path);
    }
    int order = -1, code = JB_OK;
    while (code == JB_OK && compare->has_expected &&
           (order = jbi_tree_order(compare->expected.path, entry->path)) < 0)
        code = say_missing(compare, err);
    if (code < 0)
        return code;
    if (compare->has_expected && order == 0) {
        code = entry_compare(compare, entry, err);
        if (code == JB_OK)
            code = advance(compare, err);
    } else {
        say(compare, entry->path, "it was restored, but is not in the index");
    }
    bool is_closed = S_ISDIR(entry->st.st_mode) && (entry->st.st_mode & (mode_t)S_IRWXU) != S_IRWXU;
    if (is_closed) /* if it fails, entering says why */
        (void)!fchmodat(entry->dir_fd, entry->name, S_IRWXU, 0);
    if (code == JB_OK)
        code = jbi_progress(compare->job->hooks, "compare restored code", compare->compared->bytes,
                            compare->archive->file_bytes, "bytes", err);
    return code;
}

static int count_read(void *user, uint64_t len, struct jb_error *err)
{
    struct compare *compare = user;
    compare->compared->bytes += len;
    return jbi_progress(compare->job->hooks, "compare restored code", compare->compared->bytes,
                        compare->archive->file_bytes, "bytes", err);
}

static int content_done(void *user, const struct file_digest *file, struct jb_error *err)
{
    errno = file->sys_errno;
    if (errno != 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", file->path);
    if (!file->is_as_expected)
        say(user, file->path, "its restored content does not have the digest in the index");
    return JB_OK;
}

static int compare_all(struct compare *compare, int root_fd, struct jb_error *err)
{
    struct tree_entry root = {.dir_fd = root_fd, .name = ".", .path = "."};
    if (fstat(root_fd, &root.st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at the restored folder");
    int code = advance(compare, err);
    if (code == JB_OK)
        code = visit(compare, &root, err);
    if (code == JB_OK)
        fchmod(root_fd, S_IRWXU); /* by name it can't be changed without rights to search it */
    if (code == JB_OK)
        code = jbi_tree_walk(root_fd, false, visit, compare, err);
    while (code == JB_OK && compare->has_expected)
        code = say_missing(compare, err);
    return code == JB_OK ? jbi_file_digests_finish(compare->digests, err) : code;
}

int jbi_codebase_compare(const struct source_job *job, int root_fd, int index_fd,
                         const struct artifact *archive, const struct artifact *index,
                         bool with_owners, struct codebase_compared *compared, struct jb_error *err)
{
    struct compare compare = {
        .job = job,
        .archive = archive,
        .index_name = index->path,
        .with_owners = with_owners,
        .links = jbi_hardlinks_new(),
        .compared = compared,
    };
    struct file_digests_user user = {count_read, content_done, &compare};
    *compared = (struct codebase_compared){0};
    int code = compare.links == NULL ? jbi_fail_memory(err) : JB_OK;
    if (code == JB_OK)
        code = jbi_index_open(&compare.index, index_fd, index->path, err);
    if (code == JB_OK)
        code = jbi_file_digests_new(&compare.digests, job->jobs, &user, err);
    if (code == JB_OK)
        code = compare_all(&compare, root_fd, err);
    jbi_file_digests_free(compare.digests);
    jbi_index_close(compare.index);
    jbi_hardlinks_free(compare.links);
    jbi_text_free(&compare.previous);
    say_rest(&compare);
    return code;
}
