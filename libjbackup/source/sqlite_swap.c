/* SPDX-License-Identifier: MIT */
/*
 * An SQLite database in place: the new file beside it, the plan, the swap and the check. Invariant:
 * the database itself is moved by sqlite_turn only, and never opened for writing.
 */
#include "source/sqlite_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "source/sqlite_hold.h"
#include "source/sqlite_turn.h"

#define CHECK_TRIES  5
#define CHECK_NAP_MS 100

struct sqlite_swap {
    struct swap swap; /* first */
    int category_fd;
    const struct artifact *artifact; /* NULL: resumed */
    struct sqlite_place place;
};

static struct sqlite_swap *mine(struct swap *swap)
{
    return (struct sqlite_swap *)swap;
}

/* The place itself; JB_ENOTFOUND without a text if its folder does not exist. */
static int open_place(const struct sqlite_place *place, int *fd, struct jb_error *err)
{
    *fd = open(place->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0)
        return JB_OK;
    return errno == ENOENT
               ? JB_ENOTFOUND
               : jbi_fail_errno(err, JB_EIO, "cannot open the folder \"%s\"", place->folder);
}

static int fail_no_folder(const struct sqlite_place *place, struct jb_error *err)
{
    return jbi_fail(err, JB_ENOTFOUND, "there is no folder \"%s\"", place->folder);
}

/* ---- Plan ---------------------------------------------------------------------------------- */

/* The inode of a regular file; 0: there is nothing. */
static int identify(const struct sqlite_place *place, int dir_fd, const char *name, uint64_t *ino,
                    struct jb_error *err)
{
    struct statx st;
    *ino = 0;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, &st) < 0)
        return errno == ENOENT
                   ? JB_OK
                   : jbi_fail_errno(err, JB_EIO, "cannot read \"%s/%s\"", place->folder, name);
    if (!S_ISREG(st.stx_mode))
        return jbi_fail(err, JB_EDATABASE, "\"%s/%s\" is not a regular file", place->folder, name);
    if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
        jbi_fail(err, JB_EUNSUPPORTED,
                 "\"%s/%s\" is mounted by itself, so that it can't be "
                 "exchanged",
                 place->folder, name);
        jbi_hint(err, "mount the folder that holds it instead, or restore it elsewhere (--to DIR) "
                      "and copy it in place by hand");
        return JB_EUNSUPPORTED;
    }
    *ino = st.stx_ino;
    return JB_OK;
}

static int identify_companions(const struct sqlite_place *place, int dir_fd,
                               uint64_t inos[COMPANIONS], struct jb_error *err)
{
    int code = JB_OK;
    for (int i = 0; code == JB_OK && i < COMPANIONS; i++) {
        char name[NAME_MAX + 16];
        snprintf(name, sizeof name, "%s%s", place->file, jbi_companion_suffixes[i]);
        code = identify(place, dir_fd, name, &inos[i], err);
    }
    return code;
}

static void tell_links(const struct sqlite_place *place, int dir_fd, jb_report *report)
{
    struct stat st;
    if (fstatat(dir_fd, place->file, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink < 2)
        return;
    jbi_finding(report, JB_WARNING, place->file_path,
                "the database has other names (hard links), which keep the old one");
    jbi_finding_hint(report, "an application that uses one of these won't see the restored one");
}

static int make_plan(struct sqlite_swap *s, int dir_fd, const struct source_job *job,
                     struct jb_error *err)
{
    struct sqlite_place plan = s->place;
    scope_fd int held = -1;
    int code = identify(&plan, dir_fd, plan.fresh, &plan.fresh_ino, err);
    if (code == JB_OK && plan.fresh_ino == 0)
        code = jbi_fail(err, JB_ENOTFOUND, "there is no restored database \"%s\"", plan.fresh_path);
    if (code == JB_OK)
        code = identify(&plan, dir_fd, plan.file, &plan.old_ino, err);
    if (code == JB_OK && plan.old_ino != 0)
        code = jbi_sqlite_hold(dir_fd, plan.file, plan.file_path, &held, err);
    if (code == JB_OK)
        code = identify_companions(&plan, dir_fd, plan.companions, err);
    if (code < 0)
        return code;
    tell_links(&plan, dir_fd, job->report);
    plan.is_planned = true;
    s->place = plan;
    return JB_OK;
}

static int plan(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct sqlite_swap *s = mine(swap);
    scope_fd int dir_fd = -1;
    int code = open_place(&s->place, &dir_fd, err);
    if (code == JB_ENOTFOUND)
        return fail_no_folder(&s->place, err);
    return code == JB_OK ? make_plan(s, dir_fd, job, err) : code;
}

/* ---- Stage --------------------------------------------------------------------------------- */

/* Makes what is missing of the folder; it is the database's owner's, who makes a -journal there. */
static int make_folder(const struct sqlite_swap *s, struct jb_error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", s->place.folder);
    for (char *end = path + 1;; *end++ = '/') {
        end += strcspn(end, "/");
        bool is_last = *end == '\0';
        *end = '\0';
        if (mkdir(path, 0755) == 0) {
            /* Without the right to, it is ours, as the database will be. */
            (void)!chown(path, (uid_t)s->artifact->uid, (gid_t)s->artifact->gid);
        } else if (errno != EEXIST) {
            return jbi_fail_errno(err, JB_EIO, "cannot make the folder \"%s\"", path);
        }
        if (is_last)
            return JB_OK;
    }
}

static int stage(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct sqlite_swap *s = mine(swap);
    scope_fd int dir_fd = -1;
    uint64_t unused;
    int code = open_place(&s->place, &dir_fd, err);
    if (code == JB_ENOTFOUND) {
        code = make_folder(s, err);
        if (code == JB_OK && open_place(&s->place, &dir_fd, err) < 0)
            code = fail_no_folder(&s->place, err);
    }
    /* What plan would refuse for good is told before the work. */
    if (code == JB_OK)
        code = identify(&s->place, dir_fd, s->place.file, &unused, err);
    if (code < 0)
        return code;
    return jbi_sqlite_stage(job, s->category_fd, s->artifact, dir_fd, s->place.fresh, err);
}

/* ---- Swap, undo, discard ------------------------------------------------------------------- */

static int turn(const struct sqlite_swap *s, bool to_fresh, struct jb_error *err)
{
    scope_fd int dir_fd = -1;
    int code = open_place(&s->place, &dir_fd, err);
    if (code == JB_ENOTFOUND)
        return fail_no_folder(&s->place, err);
    return code == JB_OK ? jbi_sqlite_turn(&s->place, dir_fd, to_fresh, err) : code;
}

static int do_swap(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    (void)job;
    if (!mine(swap)->place.is_planned)
        return jbi_fail(err, JB_EINVAL, "database \"%s\" was not prepared to be exchanged",
                        swap->name);
    return turn(mine(swap), true, err);
}

static int undo(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    (void)job;
    return mine(swap)->place.is_planned ? turn(mine(swap), false, err) : JB_OK;
}

/* The folders that stage made, from the innermost one; what is in use stays. */
static int remove_made(const struct sqlite_place *place, struct jb_error *err)
{
    char path[PATH_MAX];
    size_t least = strlen(place->made);
    snprintf(path, sizeof path, "%s", place->folder);
    while (least > 0 && strlen(path) >= least) {
        if (rmdir(path) < 0 && errno != ENOENT)
            return errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY
                       ? JB_OK
                       : jbi_fail_errno(err, JB_EIO, "cannot remove the folder \"%s\"", path);
        *strrchr(path, '/') = '\0';
    }
    return JB_OK;
}

static int discard(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    (void)job;
    const struct sqlite_place *place = &mine(swap)->place;
    scope_fd int dir_fd = -1;
    int code = open_place(place, &dir_fd, err);
    if (code == JB_OK)
        code = jbi_sqlite_turn_discard(place, dir_fd, err);
    else if (code == JB_ENOTFOUND) /* and nothing beside it */
        code = JB_OK;
    return code == JB_OK ? remove_made(place, err) : code;
}

/* ---- Check --------------------------------------------------------------------------------- */

static int read_schema(const struct sqlite_place *place, int dir_fd, struct jb_error *err)
{
    struct sqlite *sqlite = NULL;
    int code = jbi_sqlite_open(&sqlite, dir_fd, place->file, place->file_path, err);
    if (code < 0)
        return code;
    scope_query *query = NULL;
    code = jbi_sqlite_query(&query, sqlite, "SELECT count(*) FROM sqlite_schema", NULL, err);
    if (code == JB_OK)
        code = jbi_sqlite_next(query, err);
    jbi_sqlite_query_free(query);
    query = NULL;
    jbi_sqlite_close(sqlite);
    return code < 0 ? code : JB_OK;
}

/* Read without locks, so that nothing is made beside it: an application that writes just then may
 * make it look odd for a moment. */
static int answers(const struct sqlite_place *place, int dir_fd, struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = CHECK_NAP_MS * 1000000L};
    for (int i = 1;; i++) {
        struct jb_error reason = {0};
        int code = read_schema(place, dir_fd, &reason);
        if (code == JB_OK)
            return JB_OK;
        if (i == CHECK_TRIES) {
            if (err != NULL && err->code == 0)
                *err = reason;
            return code;
        }
        nanosleep(&nap, NULL);
    }
}

/* The old one may have been damaged, or left by a crash: that it lies there again is enough. */
static int check(struct swap *swap, const struct source_job *job, bool is_new, struct jb_error *err)
{
    (void)job;
    const struct sqlite_place *place = &mine(swap)->place;
    scope_fd int dir_fd = -1;
    if (!place->is_planned && !is_new)
        return JB_OK;
    int code = open_place(place, &dir_fd, err);
    if (code < 0)
        return code == JB_ENOTFOUND ? fail_no_folder(place, err) : code;
    int in_place = jbi_sqlite_in_place(place, dir_fd, err);
    if (in_place < 0)
        return in_place;
    if ((in_place == 1) != is_new)
        return jbi_fail(err, JB_EDATABASE, "the %s database lies at \"%s\"",
                        is_new ? "old" : "restored", place->file_path);
    return is_new ? answers(place, dir_fd, err) : JB_OK;
}

/* ---- The rest ------------------------------------------------------------------------------ */

static struct json *print(const struct swap *swap)
{
    return jbi_sqlite_place_print(&((const struct sqlite_swap *)swap)->place);
}

static const char *kept(const struct swap *swap)
{
    const struct sqlite_place *place = &((const struct sqlite_swap *)swap)->place;
    struct stat st;
    if (lstat(place->old_path, &st) == 0 && S_ISREG(st.st_mode))
        return place->old_path;
    return lstat(place->fresh_path, &st) == 0 && S_ISREG(st.st_mode) ? place->fresh_path : "";
}

static void swap_close(struct swap *swap)
{
    free(swap);
}

static const struct swap_ops ops = {
    .kind = "sqlite",
    .stage = stage,
    .plan = plan,
    .swap = do_swap,
    .undo = undo,
    .discard = discard,
    .check = check,
    .print = print,
    .kept = kept,
    .close = swap_close,
};

/* ---- Begin and resume ---------------------------------------------------------------------- */

static void find_missing(struct sqlite_place *place)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s", place->folder);
    while (path[0] != '\0' && lstat(path, &st) < 0 && errno == ENOENT) {
        memcpy(place->made, path, sizeof path);
        *strrchr(path, '/') = '\0';
    }
}

/* The folder's time, and that nothing lies where we shall put something. */
static int look_around(struct sqlite_place *place, struct jb_error *err)
{
    const char *const paths[] = {place->fresh_path, place->old_path};
    struct stat st;
    if (stat(place->folder, &st) == 0) {
        place->has_time = true;
        place->time = st.st_mtim;
    } else {
        find_missing(place);
    }
    for (size_t i = 0; i < 2; i++) {
        if (lstat(paths[i], &st) == 0) {
            jbi_fail(err, JB_EIO, "\"%s\" exists already", paths[i]);
            jbi_hint(err, "look what it is, and remove it");
            return JB_EIO;
        }
    }
    return JB_OK;
}

static struct sqlite_swap *swap_new(const struct sqlite_source *live)
{
    struct sqlite_swap *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->swap = (struct swap){&ops, live->name};
        s->category_fd = -1;
    }
    return s;
}

static int hand_over(struct sqlite_swap *s, int code, struct swap **out)
{
    if (code == JB_OK)
        *out = &s->swap;
    else
        free(s);
    return code;
}

int jbi_sqlite_swap_begin(struct swap **out, const struct sqlite_swap_what *what,
                          struct jb_error *err)
{
    struct sqlite_swap *s = swap_new(what->live);
    if (s == NULL)
        return jbi_fail_memory(err);
    s->category_fd = what->category_fd;
    s->artifact = what->artifact;
    int code = jbi_sqlite_place_find(&s->place, what->live, what->id, err);
    if (code == JB_OK)
        code = look_around(&s->place, err);
    return hand_over(s, code, out);
}

int jbi_sqlite_swap_resume(struct swap **out, const struct json *state,
                           const struct sqlite_source *live, struct jb_error *err)
{
    struct sqlite_swap *s = swap_new(live);
    if (s == NULL)
        return jbi_fail_memory(err);
    return hand_over(s, jbi_sqlite_place_parse(&s->place, state, live, err), out);
}
