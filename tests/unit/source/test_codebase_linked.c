/* SPDX-License-Identifier: MIT */
/* A restore in place that takes over what the living tree still has. */
#include "source/codebase_swap.h"

#include "swap_calls.h"

#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/clock.h"
#include "source/codebase_linked.h"
#include "swap_fixture.h"

#define KEPT_ARCHIVE "restore_" ID ".tar.gz"
#define KEPT_INDEX   "restore_" ID ".index.jsonl.gz"
#define MEMBERS      (2u << 20) /* zeros, so that the rest is a small part of the archive */

/* ---- Trees ---- */

static const struct codebase_source *rules(void)
{
    static struct codebase_source source;
    struct exclude *exclude;
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, false, &arena, NULL) == JB_OK);
    source =
        (struct codebase_source){.root = code_root(), .exclude = exclude, .one_file_system = true};
    return &source;
}

static const struct codebase_kept *kept(void)
{
    static struct codebase_kept kept;
    static char path[200];
    char now[200];
    snprintf(now, sizeof now, "%s/state", check_folder());
    if (strcmp(now, path) != 0) { /* each test has a folder of its own */
        if (path[0] != '\0')
            close(kept.folder_fd);
        memcpy(path, now, sizeof path);
        kept.folder_fd = folder("state");
    }
    kept.folder = path;
    return &kept;
}

struct tree {
    char name[16]; /* where it waits; "code" when it is in use */
    struct artifact artifacts[2];
    int category;
    char *old, *new; /* listings */
    int64_t created_us;
};

static void make_code(int code)
{
    write_at(code, "app.py", "in the root");
    write_at(code, "closed/in", "v1");
    write_at(code, "pkg/a", "first");
    write_at(code, "pkg/b", "second");
    write_at(code, "pkg/bad", "good");
    write_at(code, "pkg/c", "third");
    write_at(code, "pkg/deep/d", "deep");
    write_at(code, "pkg/h1", "one file");
    write_at(code, "pkg/lost", "lost later");
    write_at(code, "pkg/z", "last");
    write_at(code, "static/e", "page");
    write_at(code, "static/zeros", "");
    REQUIRE(linkat(code, "pkg/h1", code, "pkg/h2", 0) == 0);
    REQUIRE(symlinkat("a", code, "pkg/link") == 0 && mkfifoat(code, "pkg/pipe", 0600) == 0);
    scope_fd int fd = openat(code, "static/zeros", O_WRONLY | O_CLOEXEC);
    REQUIRE(ftruncate(fd, MEMBERS) == 0);
    REQUIRE(fchmodat(code, "closed", 0555, 0) == 0 && fchmodat(code, "static/e", 0640, 0) == 0);
    set_times(code, 1500000000);
}

/* One percent of damage, so to speak. */
static void damage(int code)
{
    write_at(code, "pkg/bad", "damaged");
    write_at(code, "pkg/new", "not in the backup");
    REQUIRE(unlinkat(code, "pkg/lost", 0) == 0);
}

static struct tree make_tree(int number)
{
    struct tree tree = {0};
    char category[24];
    snprintf(tree.name, sizeof tree.name, "t%d", number);
    snprintf(category, sizeof category, "category%d", number);
    clear("code");
    clear(category);
    tree.category = folder(category);
    scope_fd int code = folder("code");
    make_code(code);
    back_up(tree.category, tree.artifacts);
    tree.new = list_tree("code", NULL);
    return tree;
}

static void move_tree(const char *from, const char *to)
{
    scope_fd int top = folder(".");
    REQUIRE(renameat(top, from, top, to) == 0);
}

/* The files are old enough to be relied upon; the damage is not. */
static void take_up(struct tree *tree)
{
    clear("code");
    move_tree(tree->name, "code");
    scope_fd int code = folder("code");
    damage(code);
    tree->old = list_tree("code", NULL);
}

static void settle(struct tree *trees, int count)
{
    usleep(2050000);
    for (int i = 0; i < count; i++)
        trees[i].created_us = jbi_now_us();
}

static struct tree one_tree(void)
{
    struct tree tree = make_tree(0);
    move_tree("code", tree.name);
    settle(&tree, 1);
    take_up(&tree);
    return tree;
}

static void tree_free(struct tree *tree)
{
    char category[24];
    snprintf(category, sizeof category, "category%s", tree->name + 1);
    close(tree->category);
    clear(category);
    free(tree->old);
    free(tree->new);
}

/* ---- Steps ---- */

static struct swap *begin(const struct tree *tree, const char *path)
{
    struct swap *swap = NULL;
    const struct codebase_swap_what what = {
        .live = rules(),
        .category_fd = tree->category,
        .archive = &tree->artifacts[0],
        .index = &tree->artifacts[1],
        .path = path,
        .id = ID,
        .created_us = tree->created_us,
        .kept = kept(),
    };
    REQUIRE(jbi_codebase_swap_begin(&swap, &what, NULL) == JB_OK);
    return swap;
}

typedef int (*operation)(struct swap *swap, const struct source_job *job, struct jb_error *err);

static int run(struct swap *swap, operation what, struct jb_error *err)
{
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    int code = what(swap, &job, err);
    jbi_report_hand_over(report, NULL, NULL);
    return code;
}

static void must(struct swap *swap, operation what, int line)
{
    struct jb_error err = {0};
    check_note(run(swap, what, &err) == JB_OK, __FILE__, line, "an operation fails");
    if (err.code != 0)
        printf("#   %s\n", err.text);
}
#define MUST(swap, operation) must(swap, (swap)->ops->operation, __LINE__)

static void write_journal(struct swap *swap)
{
    scope_fd int top = folder(".");
    scope_json *printed = swap->ops->print(swap);
    scope_free char *text = jbi_json_print(printed, 0);
    REQUIRE(text != NULL);
    REQUIRE(jbi_file_write_atomic(top, "journal", text, strlen(text), 0600, NULL) == JB_OK);
}

static struct swap *read_journal(void)
{
    scope_fd int top = folder(".");
    scope_json *state = NULL;
    scope_free char *text = get(top, "journal");
    struct swap *swap = NULL;
    REQUIRE(text != NULL);
    REQUIRE(jbi_json_parse(&state, text, strlen(text), "journal", NULL) == JB_OK);
    REQUIRE(jbi_codebase_swap_resume(&swap, state, rules(), kept(), NULL) == JB_OK);
    return swap;
}

/* As another process would have it. */
static struct swap *resumed(struct swap *swap)
{
    write_journal(swap);
    swap->ops->close(swap);
    return read_journal();
}

static bool is_shared(const char *path)
{
    char aside[200];
    struct stat live, old;
    scope_fd int code = folder("code");
    snprintf(aside, sizeof aside, BESIDE "/tree/%s", path);
    return fstatat(code, path, &live, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(code, aside, &old, AT_SYMLINK_NOFOLLOW) == 0 && live.st_ino == old.st_ino;
}

static bool is_archive_kept(void)
{
    int fd = kept()->folder_fd;
    bool has = exists(fd, KEPT_ARCHIVE);
    CHECK(has == exists(fd, KEPT_INDEX));
    return has;
}

static void check_state_is(const char *want, int line)
{
    scope_free char *got = list_tree("code", NULL);
    check_note(strcmp(got, want) == 0, __FILE__, line, "the tree is another");
    if (strcmp(got, want) != 0)
        print_difference(got, want);
    CHECK(!is_archive_kept());
}
#define CHECK_OLD(tree) check_state_is((tree).old, __LINE__)
#define CHECK_NEW(tree) check_state_is((tree).new, __LINE__)

/* Up to the exchange, by this process; then by another one. */
static struct swap *exchanged(const struct tree *tree)
{
    struct swap *swap = begin(tree, NULL);
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    return resumed(swap);
}

static void append(int dir, const char *path, const char *what)
{
    scope_fd int fd = openat(dir, path, O_WRONLY | O_APPEND | O_CLOEXEC);
    REQUIRE(fd >= 0 && jbi_write_full(fd, what, strlen(what)) == 0);
}

/* What an application may do to files that it thinks are its own. */
static void use(void)
{
    scope_fd int code = folder("code");
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1500000005, .tv_nsec = 123456789}};
    append(code, "pkg/a", ", written in place");
    put(code, "pkg/b", "SECOND"); /* the same length, and, set back, the same time */
    REQUIRE(utimensat(code, "pkg/b", times, 0) == 0);
    REQUIRE(fchmodat(code, "pkg/c", 0644, 0) == 0);
    put(code, "pkg/deep/other", "replaced");
    REQUIRE(renameat(code, "pkg/deep/other", code, "pkg/deep/d") == 0);
    append(code, "pkg/z", ", written in place");
    append(code, "closed/in", ", v2");
    REQUIRE(unlinkat(code, "static/e", 0) == 0);
    put(code, "static/mine", "the application's");
}

static void take_back(struct swap *swap)
{
    for (int twice = 0; twice < 2; twice++)
        MUST(swap, undo);
    for (int twice = 0; twice < 2; twice++)
        MUST(swap, discard);
    swap->ops->close(swap);
}

/* ---- What is shared ---- */

static void what_is_unchanged_is_shared(void)
{
    static const char *const shared[] = {"closed/in",  "pkg/a",    "pkg/b",       "pkg/c",
                                         "pkg/deep/d", "static/e", "static/zeros"};
    static const char *const own[] = {"app.py", "pkg/bad", "pkg/h1", "pkg/h2", "pkg/lost"};
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        check_note(is_shared(shared[i]), __FILE__, __LINE__, shared[i]);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        check_note(!is_shared(own[i]), __FILE__, __LINE__, own[i]);
    CHECK(is_archive_kept());
    for (int twice = 0; twice < 2; twice++)
        MUST(swap, discard);
    CHECK_NEW(tree);
    swap->ops->close(swap);
    tree_free(&tree);
}

static void one_folder_is_restored(void)
{
    struct tree tree = one_tree();
    struct swap *swap = begin(&tree, "pkg");
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    CHECK(is_shared("pkg/a") && is_shared("pkg/deep/d") && !is_shared("pkg/bad"));
    scope_fd int code = folder("code");
    append(code, "pkg/deep/d", ", written in place");
    swap = resumed(swap);
    take_back(swap);
    CHECK_OLD(tree);
    tree_free(&tree);
}

/* Of which a backup would ask, too: each is another way to be no longer what was stored. */
static void what_has_changed_is_not_shared(void)
{
    struct tree tree = one_tree();
    scope_fd int code = folder("code");
    struct stat st;
    const struct timespec now[2] = {{.tv_sec = 1}, {.tv_sec = 1700000000}};
    REQUIRE(fstatat(code, "pkg/b", &st, 0) == 0);
    const struct timespec before[2] = {st.st_atim, st.st_mtim};
    put(code, "pkg/a", "FIRST"); /* the same length */
    put(code, "pkg/b", "SECOND");
    REQUIRE(utimensat(code, "pkg/b", before, 0) == 0);
    REQUIRE(fchmodat(code, "pkg/c", 0644, 0) == 0);
    REQUIRE(utimensat(code, "pkg/deep/d", now, 0) == 0);
    REQUIRE(linkat(code, "static/e", code, "static/e2", 0) == 0);
    free(tree.old);
    tree.old = list_tree("code", NULL);
    struct swap *swap = exchanged(&tree);
    CHECK(!is_shared("pkg/a") && !is_shared("pkg/b") && !is_shared("pkg/c"));
    CHECK(!is_shared("pkg/deep/d") && !is_shared("static/e") && is_shared("closed/in"));
    MUST(swap, undo);
    MUST(swap, swap);
    MUST(swap, discard);
    CHECK_NEW(tree);
    swap->ops->close(swap);
    tree_free(&tree);
}

static void what_is_too_young_is_not_shared(void)
{
    struct tree tree = make_tree(0);
    tree.created_us = jbi_now_us();
    tree.old = strdup(tree.new);
    struct swap *swap = exchanged(&tree);
    CHECK(!is_shared("pkg/a") && !is_shared("static/zeros") && !is_archive_kept());
    take_back(swap);
    CHECK_OLD(tree);
    tree_free(&tree);
}

static void much_damage_is_restored_as_a_whole(void)
{
    struct tree tree = one_tree();
    scope_fd int code = folder("code");
    append(code, "static/zeros", "x");
    free(tree.old);
    tree.old = list_tree("code", NULL);
    struct swap *swap = exchanged(&tree);
    CHECK(!is_shared("pkg/a") && !is_archive_kept());
    take_back(swap);
    CHECK_OLD(tree);
    tree_free(&tree);
}

static void a_damaged_archive_shares_nothing(void)
{
    struct tree tree = one_tree();
    struct jb_error err = {0};
    scope_fd int fd = openat(tree.category, tree.artifacts[0].path, O_WRONLY | O_CLOEXEC);
    REQUIRE(pwrite(fd, "damage", 6, (off_t)tree.artifacts[0].size / 2) == 6);
    struct swap *swap = begin(&tree, NULL);
    CHECK(run(swap, swap->ops->stage, &err) == JB_ECORRUPT);
    MUST(swap, discard);
    CHECK_OLD(tree);
    swap->ops->close(swap);
    tree_free(&tree);
}

static void attributes_of_folders_come_along(void)
{
    struct tree tree = make_tree(0);
    scope_fd int code = folder("code");
    char value[8] = "";
    if (fsetxattr(code, "user.x", "y", 1, 0) < 0) {
        printf("# no attributes here\n");
        return;
    }
    scope_fd int deep = openat(code, "pkg/deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fsetxattr(deep, "user.name", "kept", 4, 0) == 0);
    clear("category0");
    close(tree.category);
    tree.category = folder("category0");
    back_up(tree.category, tree.artifacts);
    settle(&tree, 1);
    tree.old = strdup(tree.new);
    struct swap *swap = exchanged(&tree);
    CHECK(is_shared("pkg/deep/d"));
    MUST(swap, discard);
    scope_fd int now = openat(code, "pkg/deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fgetxattr(now, "user.name", value, sizeof value) == 4 && strcmp(value, "kept") == 0);
    CHECK_NEW(tree);
    swap->ops->close(swap);
    tree_free(&tree);
}

/* ---- Before the exchange ---- */

static void what_changes_before_the_plan_is_restored(void)
{
    struct tree tree = one_tree();
    scope_fd int code = folder("code");
    struct swap *swap = begin(&tree, NULL);
    MUST(swap, stage);
    append(code, "pkg/a", ", written in place");
    put(code, "closed/in", "V1");
    REQUIRE(fchmodat(code, "pkg/c", 0644, 0) == 0);
    put(code, "pkg/other", "deep");
    REQUIRE(renameat(code, "pkg/other", code, "pkg/deep/d") == 0);
    REQUIRE(unlinkat(code, "static/e", 0) == 0);
    scope_free char *live = list_tree("code", CODEBASE_SWAP_PREFIX);
    MUST(swap, plan);
    scope_free char *after = list_tree("code", CODEBASE_SWAP_PREFIX);
    MUST(swap, swap);
    CHECK(!is_shared("pkg/a") && !is_shared("pkg/c") && is_shared("pkg/b"));
    swap = resumed(swap);
    MUST(swap, undo);
    scope_free char *back = list_tree("code", CODEBASE_SWAP_PREFIX);
    CHECK_SAME(back, after);
    CHECK(strstr(live, "written in place") != NULL && strstr(back, "written in place") != NULL);
    MUST(swap, swap);
    MUST(swap, discard);
    CHECK_NEW(tree);
    swap->ops->close(swap);
    tree_free(&tree);
}

/* ---- After it ---- */

static void what_the_application_writes_is_not_old(void)
{
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    use();
    scope_free char *used = list_tree("code", CODEBASE_SWAP_PREFIX);
    /* Whatever becomes of the backup. */
    close(tree.category);
    clear("category0");
    tree.category = folder("category0");
    MUST(swap, undo);
    scope_fd int code = folder("code");
    check_content(code, BESIDE "/tree/pkg/a", "first, written in place");
    check_content(code, BESIDE "/tree/pkg/b", "SECOND");
    check_content(code, BESIDE "/tree/static/mine", "the application's");
    check_content(code, "pkg/a", "first");
    take_back(swap);
    CHECK_OLD(tree);
    CHECK(strstr(used, "the application's") != NULL);
    tree_free(&tree);
}

static void what_runs_again_is_left_alone(void)
{
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    use();
    MUST(swap, undo);
    scope_fd int code = folder("code");
    append(code, "pkg/b", ", after the way back");
    scope_free char *used = list_tree("code", CODEBASE_SWAP_PREFIX);
    take_back(swap);
    scope_free char *left = list_tree("code", NULL);
    CHECK(strstr(left, "second, after the way back") != NULL && used != NULL);
    tree_free(&tree);
}

static void without_the_archive_nothing_is_lost(void)
{
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    struct jb_error err = {0};
    use();
    scope_free char *used = list_tree("code", BESIDE);
    int fd = kept()->folder_fd;
    REQUIRE(renameat(fd, KEPT_ARCHIVE, fd, "elsewhere") == 0);
    CHECK(run(swap, swap->ops->undo, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.text, KEPT_ARCHIVE);
    CHECK_HAS(err.text, "the new state stays");
    CHECK_HAS(err.hint, KEPT_ARCHIVE);
    scope_free char *after = list_tree("code", BESIDE);
    CHECK_SAME(after, used);
    REQUIRE(renameat(fd, "elsewhere", fd, KEPT_ARCHIVE) == 0);
    take_back(swap);
    CHECK_OLD(tree);
    tree_free(&tree);
}

static void without_a_change_no_archive_is_needed(void)
{
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    REQUIRE(unlinkat(kept()->folder_fd, KEPT_ARCHIVE, 0) == 0);
    REQUIRE(unlinkat(kept()->folder_fd, KEPT_INDEX, 0) == 0);
    take_back(swap);
    CHECK_OLD(tree);
    tree_free(&tree);
}

static void a_forged_list_is_refused(void)
{
    struct tree tree = one_tree();
    struct swap *swap = exchanged(&tree);
    struct jb_error err = {0};
    scope_fd int code = folder("code");
    scope_free char *used = list_tree("code", BESIDE);
    scope_free char *list = get(code, BESIDE "/linked");
    put(code, BESIDE "/linked", "1 1 1 1 1 1 1 1 1 ../../etc/passwd");
    CHECK(run(swap, swap->ops->undo, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "linked");
    scope_free char *after = list_tree("code", BESIDE);
    CHECK_SAME(after, used);
    REQUIRE(unlinkat(code, BESIDE "/linked", 0) == 0);
    CHECK(run(swap, swap->ops->undo, NULL) == JB_ENOTFOUND);
    MUST(swap, discard); /* the new state stands */
    CHECK_NEW(tree);
    CHECK(list != NULL);
    swap->ops->close(swap);
    tree_free(&tree);
}

static void hostile_lists_are_refused(void)
{
    static const char *const texts[] = {
        "1",
        "1 2 3 4 5 6 7 8 9 a", /* no end */
        "1 2 3 4 5 6 7 8 9 \0",
        "1 2 3 4 5 6 7 8 9 /a\0",
        "1 2 3 4 5 6 7 8 9 a/../b\0",
        "1 2 3 4 5 6 7 8 a\0",
        "-1 2 3 4 5 6 7 8 9 a\0",
        "1 2 3 4 5 6 1000000000 8 9 a\0",
        "99999999999999999999 2 3 4 5 6 7 8 9 a\0",
        "1 2 3 4 5 6 7 8 9 b\0001 2 3 4 5 6 7 8 9 a\0",
        "1 2 3 4 5 6 7 8 9 a\0001 2 3 4 5 6 7 8 9 a\0",
    };
    static const size_t lens[] = {1, 19, 19, 21, 25, 18, 21, 30, 39, 40, 40};
    scope_fd int top = folder(".");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct linked_files files = {.arena = &arena};
        scope_fd int fd = openat(top, "list", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        REQUIRE(write(fd, texts[i], lens[i]) == (ssize_t)lens[i]);
        check_note(jbi_linked_read(&files, top, "list", NULL, NULL) == JB_ECORRUPT, __FILE__,
                   __LINE__, texts[i]);
    }
    struct linked_files files = {.arena = &arena}, again = {.arena = &arena};
    struct stat st;
    char sha256[SHA256_HEX_SIZE];
    REQUIRE(fstat(top, &st) == 0);
    CHECK(jbi_linked_add(&files, "a/b", &st, NULL) == JB_OK);
    CHECK(jbi_linked_add(&files, "a\n\xff", &st, NULL) == JB_OK);
    CHECK(jbi_linked_write(&files, top, "list", sha256, NULL) == JB_OK);
    CHECK(jbi_linked_read(&again, top, "list", sha256, NULL) == JB_OK);
    CHECK(again.count == 2 && jbi_linked_is(&again.items[0], &st));
    CHECK_TEXT(again.items[1].path, "a\n\xff");
    CHECK(jbi_linked_find(&again, "a/b") == &again.items[0] && !jbi_linked_find(&again, "b"));
    sha256[0] = sha256[0] == '0' ? '1' : '0';
    CHECK(jbi_linked_read(&again, top, "list", sha256, NULL) == JB_ECORRUPT);
}

/* ---- Killed ---- */

enum way { FORTH, BACK, KEEP };
static const char *const way_names[] = {"forth", "back", "keep"};

/* In a child of this process, killed at a call: whether it was. */
static bool killed(const struct tree *tree, enum way way, long at)
{
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        calls.number = 0;
        calls.at = at;
        struct swap *swap = way == FORTH ? begin(tree, NULL) : read_journal();
        if (way == FORTH) {
            write_journal(swap);
            int code = run(swap, swap->ops->stage, NULL);
            if (code == JB_OK)
                code = run(swap, swap->ops->plan, NULL);
            if (code == JB_OK)
                write_journal(swap);
            if (code == JB_OK)
                code = run(swap, swap->ops->swap, NULL);
            _exit(code == JB_OK ? 0 : 1);
        }
        int code = way == BACK ? run(swap, swap->ops->undo, NULL) : JB_OK;
        if (code == JB_OK)
            code = run(swap, swap->ops->discard, NULL);
        _exit(code == JB_OK ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void try_kill(struct tree *tree, enum way way, long at, bool *was_killed)
{
    bool had_failed = check_state.failed;
    take_up(tree);
    if (way != FORTH) {
        struct swap *swap = exchanged(tree);
        swap->ops->close(swap);
        use();
    }
    *was_killed = killed(tree, way, at);
    struct swap *swap = read_journal();
    if (way == KEEP) {
        MUST(swap, discard);
        swap->ops->close(swap);
        CHECK(!is_archive_kept());
    } else {
        take_back(swap);
        CHECK_OLD(*tree);
    }
    if (check_state.failed && !had_failed)
        printf("# killed at call %ld, %s\n", at, way_names[way]);
}

static void any_kill_is_survived(void)
{
    enum { BATCH = 40 };
    static const int steps[] = {[FORTH] = 5, [BACK] = 5, [KEEP] = 7};
    static struct tree trees[BATCH];
    for (enum way way = FORTH; way <= KEEP; way++) {
        bool was_killed = true;
        long at = 2; /* the journal is there when anything of a restore is */
        int tried = 0;
        at += way == FORTH ? 8 : 0;
        while (was_killed) {
            for (int i = 0; i < BATCH; i++) {
                trees[i] = make_tree(i + 1);
                move_tree("code", trees[i].name);
            }
            settle(trees, BATCH);
            for (int i = 0; i < BATCH; i++) {
                if (was_killed) {
                    try_kill(&trees[i], way, at, &was_killed);
                    at += steps[way];
                    tried++;
                }
                clear(trees[i].name);
                tree_free(&trees[i]);
                trees[i].old = NULL;
            }
        }
        printf("# %s: %d kills\n", way_names[way], tried);
        CHECK(tried > 8);
    }
}

int main(void)
{
    RUN(what_is_unchanged_is_shared);
    RUN(one_folder_is_restored);
    RUN(what_has_changed_is_not_shared);
    RUN(what_is_too_young_is_not_shared);
    RUN(much_damage_is_restored_as_a_whole);
    RUN(a_damaged_archive_shares_nothing);
    RUN(attributes_of_folders_come_along);
    RUN(what_changes_before_the_plan_is_restored);
    RUN(what_the_application_writes_is_not_old);
    RUN(what_runs_again_is_left_alone);
    RUN(without_the_archive_nothing_is_lost);
    RUN(without_a_change_no_archive_is_needed);
    RUN(a_forged_list_is_refused);
    RUN(hostile_lists_are_refused);
    RUN(any_kill_is_survived);
    jbi_arena_free(&arena);
    return check_end();
}
