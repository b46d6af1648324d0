/* SPDX-License-Identifier: MIT */
#include "source/codebase_swap.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "swap_fixture.h"

static struct swap *begin(int category, const struct artifact *artifacts, const char *path)
{
    struct jb_error err = {0};
    struct swap *swap = NULL;
    struct codebase_swap_what what = {.live = live_rules(code_root()),
                                      .category_fd = category,
                                      .archive = &artifacts[0],
                                      .index = &artifacts[1],
                                      .path = path,
                                      .id = ID};
    CHECK(jbi_codebase_swap_begin(&swap, &what, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(swap != NULL);
    return swap;
}

typedef int (*operation)(struct swap *swap, const struct source_job *job, struct jb_error *err);

static int run(struct swap *swap, operation what, jb_report *report, struct jb_error *err)
{
    struct source_job job = job_of(report);
    return what(swap, &job, err);
}

static void must(struct swap *swap, operation what, int line)
{
    struct jb_error err = {0};
    jb_report *report = jbi_report_new();
    check_note(run(swap, what, report, &err) == JB_OK, __FILE__, line, "an operation fails");
    if (err.code != 0)
        printf("#   %s\n", err.text);
    jbi_report_hand_over(report, NULL, NULL);
}
#define MUST(swap, operation) must(swap, (swap)->ops->operation, __LINE__)

static bool is_right(struct swap *swap, bool is_new)
{
    struct source_job job = job_of(NULL);
    return swap->ops->check(swap, &job, is_new, NULL) == JB_OK;
}

/* As another process would have it. */
static struct swap *from_journal(struct swap *swap)
{
    struct jb_error err = {0};
    scope_json *printed = swap->ops->print(swap), *state = NULL;
    scope_free char *text = jbi_json_print(printed, 0);
    REQUIRE(text != NULL);
    REQUIRE(jbi_json_parse(&state, text, strlen(text), "journal", NULL) == JB_OK);
    swap->ops->close(swap);
    CHECK(jbi_codebase_swap_resume(&swap, state, live_rules(code_root()), NULL, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    return swap;
}

/* The code as it is backed up and as it is now; the two listings, malloc'd. */
struct trees {
    struct artifact artifacts[2];
    int category;
    char *old, *new;
};

static struct trees make_trees(void)
{
    struct trees trees;
    int code = folder("code"), out = folder("out");
    trees.category = folder("category");
    make_backed_up(code);
    back_up(trees.category, trees.artifacts);
    CHECK(stage(trees.artifacts, NULL, trees.category, out, NULL) == JB_OK);
    close(code);
    clear("code");
    code = folder("code");
    make_live(code);
    close(code);
    trees.old = list_tree("code", NULL);
    scope_free char *backup = list_tree("out", NULL);
    trees.new = merge(backup, trees.old);
    close(out);
    return trees;
}

static void remake_live(void)
{
    clear("code");
    int code = folder("code");
    make_live(code);
    close(code);
}

static void trees_free(struct trees *trees)
{
    close(trees->category);
    free(trees->old);
    free(trees->new);
}

static void check_listing(const char *want, bool is_sorted, const char *leave_out, int line)
{
    scope_free char *plain = list_tree("code", leave_out);
    scope_free char *got = is_sorted ? merge(plain, plain) : strdup(plain);
    check_note(strcmp(got, want) == 0, __FILE__, line, "the tree is another");
    if (strcmp(got, want) != 0)
        print_difference(got, want);
}
#define CHECK_OLD(trees)       check_listing((trees).old, false, NULL, __LINE__)
#define CHECK_OLD_STILL(trees) check_listing((trees).old, false, CODEBASE_SWAP_PREFIX, __LINE__)
#define CHECK_NEW(trees)       check_listing((trees).new, true, NULL, __LINE__)
#define CHECK_NEW_STILL(trees) check_listing((trees).new, true, CODEBASE_SWAP_PREFIX, __LINE__)

/* As if the power had failed before the first renames were on the disk. */
static void lose_carrying(void)
{
    int code = folder("code");
    static const char *const aside = BESIDE "/tree/static/cache";
    REQUIRE(renameat(code, "static/uploads", code, BESIDE "/tree/static/uploads") == 0);
    REQUIRE(renameat2(code, "static/cache", code, aside, RENAME_EXCHANGE) == 0);
    close(code);
}

static void it_is_exchanged_and_taken_back(void)
{
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    CHECK_OLD(trees);
    CHECK_TEXT(swap->ops->kept(swap), "");
    MUST(swap, stage);
    CHECK_OLD_STILL(trees);
    CHECK_HAS(swap->ops->kept(swap), BESIDE);
    MUST(swap, plan);
    CHECK_OLD_STILL(trees);
    CHECK(!is_right(swap, true) && is_right(swap, false));
    for (int twice = 0; twice < 2; twice++) {
        MUST(swap, swap);
        CHECK_NEW_STILL(trees);
        CHECK(is_right(swap, true) && !is_right(swap, false));
    }
    swap = from_journal(swap);
    CHECK(is_right(swap, true) && !is_right(swap, false));
    lose_carrying();
    MUST(swap, swap);
    CHECK_NEW_STILL(trees);
    for (int twice = 0; twice < 2; twice++) {
        MUST(swap, undo);
        CHECK_OLD_STILL(trees);
        CHECK(!is_right(swap, true) && is_right(swap, false));
    }
    for (int twice = 0; twice < 2; twice++) {
        MUST(swap, discard);
        CHECK_OLD(trees);
        CHECK_TEXT(swap->ops->kept(swap), "");
        MUST(swap, undo);
        CHECK_OLD(trees);
    }
    swap->ops->close(swap);
    trees_free(&trees);
}

static void it_is_exchanged_and_kept(void)
{
    struct jb_error err = {0};
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    swap = from_journal(swap);
    for (int twice = 0; twice < 2; twice++) {
        MUST(swap, discard);
        CHECK_NEW(trees);
        CHECK(is_right(swap, true) && !is_right(swap, false));
    }
    CHECK(run(swap, swap->ops->undo, NULL, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "not kept any more");
    CHECK_NEW(trees);
    swap->ops->close(swap);
    trees_free(&trees);
}

/* The journal, and what else a process needs to go on, lie in the test's folder. */
static void write_journal(struct swap *swap)
{
    int top = folder(".");
    scope_json *printed = swap->ops->print(swap);
    scope_free char *text = jbi_json_print(printed, 0);
    REQUIRE(text != NULL);
    REQUIRE(jbi_file_write_atomic(top, "journal", text, strlen(text), 0600, NULL) == JB_OK);
    close(top);
}

static struct swap *read_journal(void)
{
    int top = folder(".");
    scope_json *state = NULL;
    scope_free char *text = get(top, "journal");
    struct swap *swap = NULL;
    close(top);
    if (text == NULL)
        return NULL;
    REQUIRE(jbi_json_parse(&state, text, strlen(text), "journal", NULL) == JB_OK);
    REQUIRE(jbi_codebase_swap_resume(&swap, state, live_rules(code_root()), NULL, NULL) == JB_OK);
    return swap;
}

static void remember(const struct trees *trees)
{
    int top = folder(".");
    int fd = openat(top, "artifacts", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(write(fd, trees->artifacts, sizeof trees->artifacts) > 0);
    close(fd);
    close(top);
}

/* "forth": up to the swap, of all, of "forth-path" or into "forth-nothing"; "back": undo and
 * discard, "keep": discard. Returns an exit status. */
static int go(const char *way)
{
    jb_report *report = jbi_report_new();
    struct jb_error err = {0};
    struct swap *swap = NULL;
    int code = JB_OK, category = folder("category"), top = folder(".");
    if (jbi_starts_with(way, "forth")) {
        struct artifact artifacts[2];
        int fd = openat(top, "artifacts", O_RDONLY | O_CLOEXEC);
        REQUIRE(read(fd, artifacts, sizeof artifacts) == sizeof artifacts);
        close(fd);
        artifacts[0].path = "codebase_" ID ".tar.gz";
        artifacts[1].path = "codebase_" ID ".index.jsonl.gz";
        swap = begin(category, artifacts, strcmp(way, "forth-path") ? NULL : "pkg/mod.py");
        write_journal(swap);
        code = run(swap, swap->ops->stage, report, &err);
        if (code == JB_OK)
            code = run(swap, swap->ops->plan, report, &err);
        if (code == JB_OK)
            write_journal(swap);
        if (code == JB_OK)
            code = run(swap, swap->ops->swap, report, &err);
    } else {
        swap = read_journal();
        if (swap != NULL && strcmp(way, "back") == 0)
            code = run(swap, swap->ops->undo, report, &err);
        if (swap != NULL && code == JB_OK)
            code = run(swap, swap->ops->discard, report, &err);
    }
    if (swap != NULL)
        swap->ops->close(swap);
    jbi_report_hand_over(report, NULL, NULL);
    close(category);
    close(top);
    if (code < 0 && getenv("JB_SHOW") != NULL)
        printf("# %s: %s\n", way, err.text);
    return code < 0 ? 3 : 0;
}

/* The calls that change something, and those that open. */
static const char *const calls[] = {"renameat2", "renameat", "mkdirat",   "unlinkat", "fsync",
                                    "syncfs",    "fchmod",   "chmod",     "fchown",   "utimensat",
                                    "linkat",    "mkdir",    "symlinkat", "write",    "openat"};
enum { CALLS = sizeof calls / sizeof *calls };

static int traced(const char *way, const char *options)
{
    char command[900];
    snprintf(command, sizeof command,
             "ASAN_OPTIONS=detect_leaks=0 strace -f -qq %s /proc/%d/exe go %s %s "
             ">'%s/shown' 2>&1",
             options, getpid(), check_folder(), way, check_folder());
    return system(command);
}

static void count_calls(const char *way, const char *also, int *counts)
{
    char options[700], line[4096];
    int len = snprintf(options, sizeof options, "-o '%s/trace' %s -e trace=", check_folder(), also);
    for (int i = 0; i < CALLS; i++)
        len +=
            snprintf(options + len, sizeof options - (size_t)len, "%s%s", i ? "," : "", calls[i]);
    CHECK(traced(way, options) == 0);
    snprintf(line, sizeof line, "%s/trace", check_folder());
    FILE *file = fopen(line, "re");
    REQUIRE(file != NULL);
    memset(counts, 0, CALLS * sizeof *counts);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *name = strchr(line, ' ');
        for (int i = 0; name != NULL && i < CALLS; i++) {
            size_t length = strlen(calls[i]);
            name += strspn(name, " ");
            counts[i] += strncmp(name, calls[i], length) == 0 && name[length] == '(';
        }
    }
    fclose(file);
}

/* The state before a way is gone: the old one, or the new one with the old one aside. */
static void prepare(const char *way)
{
    int top = folder(".");
    remake_live();
    unlinkat(top, "journal", 0);
    close(top);
    if (strcmp(way, "forth-nothing") == 0)
        clear("code");
    CHECK(jbi_starts_with(way, "forth") || go("forth") == 0);
}

static bool has_carried_only(void)
{
    int code = open(code_root(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (code < 0)
        return false;
    bool is = exists(code, BESIDE "/tree/static/uploads/two") && !exists(code, "gone.txt");
    close(code);
    return is;
}

/* The journal lies in it. */
static bool has_repository(void)
{
    int code = folder("code");
    bool has = exists(code, "var/lib/backups/daily");
    close(code);
    return has;
}

struct trials {
    const char *way, *also, *inject; /* options of strace; what happens at the call */
    const char *only;                /* this call; NULL: all */
    int most;                        /* of each call */
    int tried, failed, carried;
};

/* Each of the calls in turn goes wrong; another process must be able to finish. */
static void try_all(struct trials *trials, const struct trees *trees)
{
    bool is_kept_new = strcmp(trials->way, "keep") == 0;
    const char *wanted = getenv("JB_KILLS");
    int counts[CALLS], most = wanted ? atoi(wanted) : trials->most;
    prepare(trials->way);
    count_calls(trials->way, trials->also, counts);
    for (int i = 0; i < CALLS; i++) {
        if (trials->only != NULL && strcmp(calls[i], trials->only) != 0)
            continue;
        int step = counts[i] > most ? (counts[i] + most - 1) / most : 1;
        for (int k = 1; k <= counts[i]; k += step) {
            char options[300];
            prepare(trials->way);
            snprintf(options, sizeof options,
                     "-o /dev/null -e trace=%s,renameat2 %s -e inject=%s:%s:when=%d", calls[i],
                     trials->also, calls[i], trials->inject, k);
            trials->failed += traced(trials->way, options) != 0;
            trials->tried++;
            trials->carried += has_carried_only();
            CHECK(strcmp(trials->way, "forth-nothing") == 0 || has_repository());
            bool had_failed = check_state.failed;
            CHECK(go(is_kept_new ? "keep" : "back") == 0);
            if (strcmp(trials->way, "forth-nothing") == 0)
                CHECK(access(code_root(), F_OK) < 0);
            else if (is_kept_new)
                CHECK_NEW(*trees);
            else
                CHECK_OLD(*trees);
            if (check_state.failed && !had_failed)
                printf("# %s: %s %d\n", trials->inject, calls[i], k);
        }
    }
    printf("# %s, %s: %d calls, %d runs failed\n", trials->way, trials->inject, trials->tried,
           trials->failed);
}

static bool can_trace(void)
{
    if (system("strace -qq -f -o /dev/null true 2>/dev/null") == 0)
        return true;
    printf("# tracing is not allowed here\n");
    return false;
}

static void any_kill_is_survived(void)
{
    static struct trials all[] = {{"forth", "", "signal=KILL", NULL, 5, 0, 0, 0},
                                  {"back", "", "signal=KILL", NULL, 5, 0, 0, 0},
                                  {"keep", "", "signal=KILL", NULL, 5, 0, 0, 0},
                                  {"forth-path", "", "signal=KILL", NULL, 2, 0, 0, 0},
                                  {"forth-nothing", "", "signal=KILL", NULL, 2, 0, 0, 0}};
    struct trees trees = make_trees();
    remember(&trees);
    for (size_t i = 0; can_trace() && i < sizeof all / sizeof *all; i++) {
        try_all(&all[i], &trees);
        CHECK(all[i].tried >= 14 && all[i].failed == all[i].tried);
    }
    CHECK(!can_trace() || all[0].carried > 0);
    trees_free(&trees);
}

static void any_failing_call_is_survived(void)
{
    static struct trials all[] = {{"forth", "", "error=EIO", NULL, 2, 0, 0, 0},
                                  {"forth", "", "error=ENOSPC", "mkdirat", 8, 0, 0, 0},
                                  {"forth", "", "error=EACCES", "renameat2", 8, 0, 0, 0},
                                  {"back", "", "error=EIO", NULL, 2, 0, 0, 0},
                                  {"back", "", "error=EIO", "openat", 12, 0, 0, 0},
                                  {"back", "", "error=EACCES", "renameat2", 8, 0, 0, 0},
                                  {"keep", "", "error=EIO", NULL, 2, 0, 0, 0}};
    struct trees trees = make_trees();
    remember(&trees);
    for (size_t i = 0; can_trace() && i < sizeof all / sizeof *all; i++) {
        try_all(&all[i], &trees);
        CHECK(all[i].tried > 4 && all[i].failed > 4);
    }
    trees_free(&trees);
}

/* Where names can't be exchanged at once, three renames do it, and are told apart after a crash. */
static void without_exchange_it_goes_through_between(void)
{
    static const char none[] = "-e inject=renameat2:error=EINVAL";
    static struct trials all[] = {{"forth", none, "signal=KILL", "renameat", 16, 0, 0, 0},
                                  {"back", none, "signal=KILL", "renameat", 16, 0, 0, 0},
                                  {"forth", none, "error=EIO", "renameat", 8, 0, 0, 0}};
    struct trees trees = make_trees();
    remember(&trees);
    for (size_t i = 0; can_trace() && i < sizeof all / sizeof *all; i++) {
        try_all(&all[i], &trees);
        CHECK(all[i].tried > 6 && all[i].failed == all[i].tried);
    }
    trees_free(&trees);
}

static int get_error(struct swap *swap, operation what, struct jb_error *err)
{
    *err = (struct jb_error){0};
    jb_report *report = jbi_report_new();
    int code = run(swap, what, report, err);
    jbi_report_hand_over(report, NULL, NULL);
    return code;
}

/* A live tree that changes between plan and swap: nothing is exchanged, nor anything outside. */
static void what_changed_after_the_plan_is_not_exchanged(void)
{
    static const char *const changed[] = {"static", "app.py", "kind-b"};
    struct jb_error err;
    struct trees trees = make_trees();
    for (size_t i = 0; i < 3; i++) {
        remake_live();
        int code = folder("code"), away = folder("away");
        struct swap *swap = begin(trees.category, trees.artifacts, NULL);
        MUST(swap, stage);
        MUST(swap, plan);
        REQUIRE(renameat(code, changed[i], away, changed[i]) == 0);
        REQUIRE(mkdirat(away, "uploads", 0700) == 0 && symlinkat("../away", code, changed[i]) == 0);
        set_times(away, 1);
        scope_free char *before = list_tree("code", NULL), *beyond = list_tree("away", NULL);
        CHECK(get_error(swap, swap->ops->swap, &err) == JB_EIO);
        CHECK_HAS(err.text, changed[i]);
        scope_free char *after = list_tree("code", NULL), *beyond_after = list_tree("away", NULL);
        CHECK_SAME(after, before);
        CHECK_SAME(beyond_after, beyond);
        MUST(swap, undo);
        REQUIRE(unlinkat(code, changed[i], 0) == 0);
        REQUIRE(renameat(away, changed[i], code, changed[i]) == 0);
        set_times(code, 1600000000);
        MUST(swap, undo);
        MUST(swap, discard);
        swap->ops->close(swap);
        close(code);
        close(away);
        clear("away");
    }
    trees_free(&trees);
}

/* The application replaced files after the swap: they go aside, and are not removed with the rest.
 */
static void strangers_are_kept(void)
{
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    int code = folder("code");
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    put(code, ".app.py", "a stranger");
    REQUIRE(renameat(code, ".app.py", code, "app.py") == 0);
    put(code, ".gone.txt", "a stranger");
    REQUIRE(renameat(code, ".gone.txt", code, "gone.txt") == 0);
    put(code, "new.txt", "a stranger");
    REQUIRE(unlinkat(code, "linked.css", 0) == 0);
    CHECK(is_right(swap, false) == false);
    swap = from_journal(swap);
    MUST(swap, undo);
    CHECK_OLD_STILL(trees);
    for (int twice = 0; twice < 2; twice++) {
        jb_report *report = jbi_report_new();
        CHECK(run(swap, swap->ops->discard, report, NULL) == JB_OK);
        CHECK(report->finding_count == 1 && report->findings[0].level == JB_WARNING);
        CHECK_HAS(report->findings[0].message, "kept");
        jbi_report_hand_over(report, NULL, NULL);
        CHECK_OLD_STILL(trees);
        CHECK(!exists(code, BESIDE "/tree"));
        check_content(code, BESIDE "/changed/app.py", "a stranger");
        check_content(code, BESIDE "/changed/gone.txt", "a stranger");
        check_content(code, BESIDE "/changed/new.txt", "a stranger");
    }
    swap->ops->close(swap);
    close(code);
    trees_free(&trees);
}

static void what_is_lost_is_named(void)
{
    struct jb_error err;
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    int code = folder("code");
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    REQUIRE(unlinkat(code, BESIDE "/tree/app.py", 0) == 0);
    CHECK(get_error(swap, swap->ops->undo, &err) == JB_EROLLBACK);
    CHECK_HAS(err.text, "app.py");
    CHECK_HAS(err.hint, BESIDE);
    check_content(code, "kind-a", "a file now");
    check_content(code, "app.py", "v1");
    swap->ops->close(swap);
    close(code);
    trees_free(&trees);
}

/* The service runs on the old code again before the process that undid the swap has said so. */
static void an_old_one_that_was_replaced_since_stays(void)
{
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    int code = folder("code");
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    MUST(swap, undo);
    put(code, ".app.py", "v3");
    REQUIRE(renameat(code, ".app.py", code, "app.py") == 0);
    REQUIRE(unlinkat(code, "new.txt", 0) == 0);
    MUST(swap, undo);
    CHECK(is_right(swap, false) && !is_right(swap, true));
    MUST(swap, discard);
    check_content(code, "app.py", "v3");
    CHECK(!exists(code, BESIDE));
    swap->ops->close(swap);
    close(code);
    trees_free(&trees);
}

static void what_is_exchanged_in_part_is_not_discarded(void)
{
    struct jb_error err;
    struct trees trees = make_trees();
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    int code = folder("code");
    MUST(swap, stage);
    MUST(swap, plan);
    REQUIRE(renameat(code, "static/uploads", code, BESIDE "/tree/static/uploads") == 0);
    CHECK(get_error(swap, swap->ops->discard, &err) == JB_EIO);
    CHECK_HAS(err.text, "in part");
    REQUIRE(renameat2(code, "app.py", code, BESIDE "/tree/app.py", RENAME_EXCHANGE) == 0);
    CHECK(get_error(swap, swap->ops->discard, &err) == JB_EIO);
    MUST(swap, undo);
    CHECK_OLD_STILL(trees);
    MUST(swap, discard);
    CHECK_OLD(trees);
    swap->ops->close(swap);
    close(code);
    trees_free(&trees);
}

/* One path: what it is now, what comes, and an entry that must be as before. */
static const struct one_path {
    const char *path, *file, *content, *kept;
} one_paths[] = {
    {"app.py", "app.py", "v1", "closed/in"},
    {"static", "static/deep/page", "v1", "static/uploads/two"},
    {"static/deep", "static/deep/page", "v1", "static/deep/uploads/one"},
    {"pkg/mod.py", "pkg/mod.py", "v1", "pkg/same.py"},
    {"gone/deep/file", "gone/deep/file", "only in the backup", "app.py"},
    {"var/log", "var/log", "v1", "var/lib/backups/daily"},
    {"gone.txt", "gone.txt", "only in the backup", "app.py"},
    {"static/cache/kept-2", "static/cache/kept-2", "in the backup, excluded today",
     "static/cache/kept"},
    {".env", ".env", "secret of then", "app.py"},
    {"kind-b", "kind-b", "a file then", "new.txt"},
    {"kind-a", "kind-a/file", "a folder then", "new.txt"},
};

static void one_path_is_exchanged(void)
{
    struct trees trees = make_trees();
    for (size_t i = 0; i < sizeof one_paths / sizeof *one_paths; i++) {
        const struct one_path *one = &one_paths[i];
        remake_live();
        int code = folder("code");
        struct stat before, after, root;
        scope_free char *kept = get(code, one->kept);
        REQUIRE(kept != NULL && fstatat(code, one->kept, &before, 0) == 0);
        struct swap *swap = begin(trees.category, trees.artifacts, one->path);
        MUST(swap, stage);
        MUST(swap, plan);
        CHECK_OLD_STILL(trees);
        MUST(swap, swap);
        check_content(code, one->file, one->content);
        check_content(code, one->kept, kept);
        CHECK(fstatat(code, one->kept, &after, 0) == 0 && before.st_ino == after.st_ino);
        CHECK(fstat(code, &root) == 0 && root.st_mtim.tv_sec == 1600000000);
        CHECK((root.st_mode & 07777) == 0755);
        swap = from_journal(swap);
        CHECK(is_right(swap, true) && !is_right(swap, false));
        if (i % 2 == 0) {
            MUST(swap, undo);
            MUST(swap, discard);
            CHECK_OLD(trees);
        } else {
            MUST(swap, discard);
            check_content(code, one->file, one->content);
            check_content(code, one->kept, kept);
            CHECK(!exists(code, BESIDE));
        }
        swap->ops->close(swap);
        close(code);
    }
    trees_free(&trees);
}

static void a_root_that_is_absent_is_made(void)
{
    struct jb_error err;
    struct trees trees = make_trees();
    scope_free char *backup = list_tree("out", NULL);
    for (int keeps = 0; keeps < 2; keeps++) {
        clear("code");
        struct swap *swap = begin(trees.category, trees.artifacts, NULL);
        CHECK(access(code_root(), F_OK) < 0);
        MUST(swap, stage);
        MUST(swap, plan);
        MUST(swap, swap);
        scope_free char *now = list_tree("code", CODEBASE_SWAP_PREFIX);
        CHECK_SAME(now, backup);
        swap = from_journal(swap);
        if (keeps == 0)
            MUST(swap, undo);
        MUST(swap, discard);
        scope_free char *last = list_tree("code", NULL);
        CHECK_SAME(last, keeps ? backup : "");
        CHECK((access(code_root(), F_OK) == 0) == (keeps == 1));
        swap->ops->close(swap);
    }
    clear("code");
    struct codebase_swap_what what = {.live = live_rules("/nowhere/code"),
                                      .category_fd = trees.category,
                                      .archive = &trees.artifacts[0],
                                      .index = &trees.artifacts[1],
                                      .id = ID};
    struct swap *swap = NULL;
    REQUIRE(jbi_codebase_swap_begin(&swap, &what, NULL) == JB_OK);
    CHECK(get_error(swap, swap->ops->stage, &err) == JB_ENOTFOUND);
    swap->ops->close(swap);
    trees_free(&trees);
}

/* What stays must have a place; where it has none, nothing is done. */
static void what_has_no_place_is_refused(void)
{
    struct jb_error err;
    struct trees trees = make_trees();
    int code = folder("code");
    write_at(code, "kind-b/uploads/three", "kept");
    struct swap *swap = begin(trees.category, trees.artifacts, NULL);
    MUST(swap, stage);
    CHECK(get_error(swap, swap->ops->plan, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "kind-b");
    CHECK(get_error(swap, swap->ops->swap, &err) == JB_EINVAL);
    MUST(swap, undo);
    MUST(swap, discard);
    swap->ops->close(swap);
    swap = begin(trees.category, trees.artifacts, "kind-a/file");
    MUST(swap, stage);
    CHECK(get_error(swap, swap->ops->plan, &err) == JB_EUNSUPPORTED);
    MUST(swap, discard);
    swap->ops->close(swap);
    swap = begin(trees.category, trees.artifacts, "var");
    MUST(swap, stage);
    CHECK(get_error(swap, swap->ops->plan, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "repository");
    MUST(swap, discard);
    swap->ops->close(swap);
    swap = begin(trees.category, trees.artifacts, "not/there");
    CHECK(get_error(swap, swap->ops->stage, &err) == JB_ENOTFOUND);
    CHECK(!exists(code, BESIDE));
    swap->ops->close(swap);
    close(code);
    trees_free(&trees);
}

static void try_mounts(struct trees *trees)
{
    struct jb_error err;
    char deep[200], top[200], single[200];
    int code = folder("code");
    REQUIRE(mkdirat(code, "mounted", 0700) == 0 && mkdirat(code, "bound", 0700) == 0);
    snprintf(deep, sizeof deep, "%s/static/uploads", code_root());
    snprintf(top, sizeof top, "%s/mounted", code_root());
    snprintf(single, sizeof single, "%s/static/site.css", code_root());
    REQUIRE(mount("none", top, "tmpfs", 0, NULL) == 0);
    put(code, "mounted/file", "elsewhere");
    struct swap *swap = begin(trees->category, trees->artifacts, NULL);
    MUST(swap, stage);
    const char *const within[] = {deep, single};
    for (int i = 0; i < 2; i++) {
        REQUIRE(mount(within[i], within[i], NULL, MS_BIND, NULL) == 0);
        CHECK(get_error(swap, swap->ops->plan, &err) == JB_EUNSUPPORTED);
        CHECK_HAS(err.text, within[i]);
        struct swap *another = begin(trees->category, trees->artifacts, NULL);
        CHECK(get_error(another, another->ops->stage, &err) == JB_EUNSUPPORTED);
        another->ops->close(another);
        REQUIRE(umount(within[i]) == 0);
    }
    jb_report *report = jbi_report_new();
    CHECK(run(swap, swap->ops->plan, report, NULL) == JB_OK);
    CHECK_HAS(finding(report, "mounted"), "another file system");
    jbi_report_hand_over(report, NULL, NULL);
    MUST(swap, swap);
    check_content(code, "mounted/file", "elsewhere");
    MUST(swap, undo);
    MUST(swap, discard);
    check_content(code, "mounted/file", "elsewhere");
    swap->ops->close(swap);
    REQUIRE(umount(top) == 0);
    close(code);
}

/* In a child: true if it ran. */
static bool in_child(void (*test)(struct trees *trees), struct trees *trees, bool is_nobody)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        bool is_ready = is_nobody
                            ? setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0
                            : unshare(CLONE_NEWNS) == 0 &&
                                  mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        if (!is_ready)
            _exit(77);
        check_state.failed = false;
        test(trees);
        fflush(stdout);
        _exit(check_state.failed);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    bool has_run = !WIFEXITED(status) || WEXITSTATUS(status) != 77;
    CHECK(!has_run || status == 0);
    return has_run;
}

static void mounts_are_left_alone_or_refused(void)
{
    struct trees trees = make_trees();
    if (!in_child(try_mounts, &trees, false))
        printf("# mounting is not allowed here\n");
    trees_free(&trees);
}

/* Folders whose owner may not write to them, the root among them. */
static void try_closed(struct trees *trees)
{
    int code = folder("code");
    REQUIRE(fchmodat(code, "static", 0555, 0) == 0 && fchmodat(code, "kind-b", 0500, 0) == 0);
    REQUIRE(fchmod(code, 0555) == 0);
    scope_free char *before = list_tree("code", NULL);
    struct swap *swap = begin(trees->category, trees->artifacts, NULL);
    MUST(swap, stage);
    scope_free char *staged = list_tree("code", CODEBASE_SWAP_PREFIX);
    CHECK_SAME(staged, before);
    MUST(swap, plan);
    MUST(swap, swap);
    check_content(code, "static/site.css", "v1");
    check_content(code, "static/uploads/two", "kept");
    struct stat st;
    CHECK(fstatat(code, "closed", &st, 0) == 0 && (st.st_mode & 07777) == 0555);
    CHECK(st.st_mtim.tv_sec == 1500000005 && fstatat(code, "static", &st, 0) == 0);
    CHECK((st.st_mode & 07777) == 0750 && st.st_mtim.tv_sec == 1500000030);
    MUST(swap, undo);
    scope_free char *undone = list_tree("code", CODEBASE_SWAP_PREFIX);
    CHECK_SAME(undone, before);
    MUST(swap, swap);
    MUST(swap, undo);
    MUST(swap, discard);
    scope_free char *last = list_tree("code", NULL);
    CHECK_SAME(last, before);
    swap->ops->close(swap);
    swap = begin(trees->category, trees->artifacts, NULL);
    MUST(swap, stage);
    MUST(swap, plan);
    MUST(swap, swap);
    MUST(swap, discard);
    CHECK(!exists(code, BESIDE));
    swap->ops->close(swap);
    close(code);
}

static void closed_folders_are_exchanged(void)
{
    struct trees trees = make_trees();
    char command[300];
    snprintf(command, sizeof command, "chown -R -h 65534:65534 '%s'", check_folder());
    if (geteuid() != 0)
        try_closed(&trees);
    else if (system(command) == 0)
        CHECK(in_child(try_closed, &trees, true));
    trees_free(&trees);
}

static const char *const hostile[] = {
    "{}",
    "[]",
    "{\"root\": 5, \"id\": \"" ID "\"}",
    "{\"root\": \"@\", \"id\": \"../../../../../../x\", \"root_made\": false, \"first\": #}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": false}",
    "{\"root\": \"/etc\", \"id\": \"" ID "\", \"root_made\": false, \"first\": #}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": 1, \"first\": #}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"path\": \"../x\", \"root_made\": true, \"first\": #}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"path_hex\": \"2e2\", \"root_made\": true, "
    "\"first\": #}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": true, \"first\": {\"inode\": 1}}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": true, \"first\": #, \"exchange\": {}}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": true, \"first\": #, \"old\": #, "
    "\"new\": #, \"exchange\": {\"items\": [], \"folders\": {}}}",
    "{\"root\": \"@\", \"id\": \"" ID "\", \"root_made\": true, \"first\": #, \"old\": #, "
    "\"new\": #, \"exchange\": {\"items\": [{\"path\": \"a/../..\", \"old\": 1, \"new\": 2, "
    "\"born_s\": 0, \"born_ns\": 0, \"carried\": false}], \"folders\": []}}",
};

static void a_hostile_journal_is_refused(void)
{
    static const char root[] = "{\"inode\": 7, \"mode\": 493, \"uid\": 0, \"gid\": 0, "
                               "\"mtime_s\": 1, \"mtime_ns\": 2}";
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct jb_error err = {0};
        struct swap *swap = NULL;
        scope_text text = {0};
        scope_json *state = NULL;
        for (const char *at = hostile[i]; *at != '\0'; at++) {
            if (*at == '@')
                jbi_text_adds(&text, code_root());
            else if (*at == '#')
                jbi_text_adds(&text, root);
            else
                jbi_text_add(&text, at, 1);
        }
        REQUIRE(jbi_json_parse(&state, text.at, text.len, "journal", NULL) == JB_OK);
        CHECK(jbi_codebase_swap_resume(&swap, state, live_rules(code_root()), NULL, &err) ==
              JB_ECORRUPT);
        CHECK(swap == NULL && err.text[0] != '\0');
    }
}

static void names_that_cannot_be_are_refused(void)
{
    static const char *const ids[] = {"", "..", "2024", "20240102-030405", "20240102_03040/"};
    struct artifact artifacts[2] = {0};
    struct swap *swap = NULL;
    struct codebase_swap_what what = {
        .live = live_rules(code_root()), .archive = &artifacts[0], .index = &artifacts[1]};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        what.id = ids[i];
        CHECK(jbi_codebase_swap_begin(&swap, &what, NULL) == JB_EINVAL);
    }
    what.id = ID;
    static const char *const paths[] = {"", ".", "..", "/etc", "a//b", "a/../b", "a/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        what.path = paths[i];
        CHECK(jbi_codebase_swap_begin(&swap, &what, NULL) == JB_EINVAL);
    }
    CHECK(swap == NULL);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "go") == 0) {
        snprintf(check_state.folder, sizeof check_state.folder, "%s", argv[2]);
        int status = go(argv[3]);
        jbi_arena_free(&arena);
        return status;
    }
    RUN(it_is_exchanged_and_taken_back);
    RUN(it_is_exchanged_and_kept);
    RUN(what_changed_after_the_plan_is_not_exchanged);
    RUN(strangers_are_kept);
    RUN(what_is_lost_is_named);
    RUN(an_old_one_that_was_replaced_since_stays);
    RUN(what_is_exchanged_in_part_is_not_discarded);
    RUN(one_path_is_exchanged);
    RUN(a_root_that_is_absent_is_made);
    RUN(what_has_no_place_is_refused);
    RUN(mounts_are_left_alone_or_refused);
    RUN(closed_folders_are_exchanged);
    RUN(a_hostile_journal_is_refused);
    RUN(names_that_cannot_be_are_refused);
    RUN(any_kill_is_survived);
    RUN(any_failing_call_is_survived);
    RUN(without_exchange_it_goes_through_between);
    jbi_arena_free(&arena);
    return check_end();
}
