/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_SWAP_FIXTURE_H
#define TESTS_UNIT_SOURCE_SWAP_FIXTURE_H

#include "base/scope.h"
#include "base/text.h"
#include "fixture.h"
#include "os/tree.h"
#include "source/codebase_swap.h"

/* A backup of "code", the code as it is later, and whole trees as texts to compare. */

#define ID     "20240102_030405"
#define BESIDE CODEBASE_SWAP_PREFIX ID

struct listing {
    struct text text;
    const char *leave_out; /* entries of the root that begin so */
};

static void list_one(struct text *text, int dir_fd, const char *name, const char *path,
                     const struct stat *st)
{
    char type = S_ISDIR(st->st_mode) ? 'd' : S_ISLNK(st->st_mode) ? 'l' : 'f';
    char content[256] = "";
    jbi_text_addf(text, "%s\t%c %04o %u:%u %lld.%09ld", path, type, st->st_mode & 07777, st->st_uid,
                  st->st_gid, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    if (type == 'l') {
        REQUIRE(readlinkat(dir_fd, name, content, sizeof content - 1) > 0);
    } else if (S_ISREG(st->st_mode)) {
        scope_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, content, sizeof content - 1) < 0)
            REQUIRE(false);
        jbi_text_addf(text, " links %u", (unsigned)st->st_nlink);
    }
    jbi_text_addf(text, " %s\n", content);
}

static int list_visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct listing *listing = user;
    (void)err;
    if (listing->leave_out != NULL && jbi_starts_with(entry->path, listing->leave_out))
        return TREE_SKIP;
    list_one(&listing->text, entry->dir_fd, entry->name, entry->path, &entry->st);
    return TREE_GO_ON;
}

/* Every entry with all that is to come back; malloc'd. "" if there is no such folder. */
__attribute__((unused)) static char *list_tree(const char *name, const char *leave_out)
{
    char path[200];
    struct listing listing = {.leave_out = leave_out};
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    scope_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return strdup("");
    REQUIRE(fstat(fd, &st) == 0);
    list_one(&listing.text, fd, ".", ".", &st);
    REQUIRE(jbi_tree_walk(fd, false, list_visit, &listing, NULL) == JB_OK);
    REQUIRE(!listing.text.failed);
    return listing.text.at;
}

__attribute__((unused)) static void print_difference(const char *got, const char *want)
{
    size_t same = 0;
    for (size_t i = 0; got[i] != '\0' && got[i] == want[i]; i++)
        same = got[i] == '\n' ? i + 1 : same;
    printf("#   got:  %.*s\n#   want: %.*s\n", (int)strcspn(got + same, "\n"), got + same,
           (int)strcspn(want + same, "\n"), want + same);
}

#define CHECK_SAME(got, want)                                                                      \
    do {                                                                                           \
        bool same_ = strcmp((got), (want)) == 0;                                                   \
        check_note(same_, __FILE__, __LINE__, #got " is not as " #want);                           \
        if (!same_)                                                                                \
            print_difference((got), (want));                                                       \
    } while (0)

/* Makes the folders above it. */
__attribute__((unused)) static void write_at(int dir, const char *path, const char *content)
{
    char above[200];
    for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(above, sizeof above, "%.*s", (int)(at - path), path);
        mkdirat(dir, above, 0750);
    }
    put(dir, path, content);
}

static int time_visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    time_t *next = user;
    (void)err;
    bool is_folder = S_ISDIR(entry->st.st_mode);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = ++*next, .tv_nsec = 123456789}};
    if (is_folder == entry->is_leaving)
        REQUIRE(utimensat(entry->dir_fd, entry->name, times, AT_SYMLINK_NOFOLLOW) == 0);
    return TREE_GO_ON;
}

/* Every entry gets a time of its own, folders last. */
__attribute__((unused)) static void set_times(int dir, time_t from)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = from, .tv_nsec = 5}};
    REQUIRE(jbi_tree_walk(dir, true, time_visit, &from, NULL) == JB_OK);
    REQUIRE(futimens(dir, times) == 0);
}

/* As it is backed up. */
__attribute__((unused)) static void make_backed_up(int code)
{
    write_at(code, ".env", "secret of then");
    write_at(code, "app.py", "v1");
    write_at(code, "closed/in", "v1");
    write_at(code, "gone/deep/file", "only in the backup");
    write_at(code, "gone.txt", "only in the backup");
    write_at(code, "kind-a/file", "a folder then");
    write_at(code, "kind-b", "a file then");
    write_at(code, "pkg/mod.py", "v1");
    write_at(code, "static/cache/kept", "in the backup, excluded today");
    write_at(code, "static/cache/kept-2", "in the backup, excluded today");
    write_at(code, "static/deep/page", "v1");
    write_at(code, "static/site.css", "v1");
    write_at(code, "var/log", "v1");
    write_at(code, "var/then", "only in the backup");
    REQUIRE(linkat(code, "static/site.css", code, "linked.css", 0) == 0);
    REQUIRE(symlinkat("v1", code, "current") == 0);
    REQUIRE(fchmodat(code, "closed", 0555, 0) == 0 && fchmodat(code, "app.py", 0755, 0) == 0);
    REQUIRE(fchmod(code, 0750) == 0);
    set_times(code, 1500000000);
}

/* As it is when it is to be restored: by what rules see live_rules. */
__attribute__((unused)) static void make_live(int code)
{
    write_at(code, ".env", "secret of today");
    write_at(code, ".git/HEAD", "kept");
    write_at(code, "app.py", "v2");
    write_at(code, "closed/in", "v2");
    write_at(code, "closed/a.pyc", "kept");
    write_at(code, "data/app.db", "database");
    write_at(code, "data/app.db-wal", "its log");
    write_at(code, "data/note", "v2");
    write_at(code, "kind-a", "a file now");
    write_at(code, "kind-b/file", "a folder now");
    write_at(code, "new.txt", "only now");
    write_at(code, "new/er/__pycache__/x", "kept");
    write_at(code, "new/er/file", "only now");
    write_at(code, "pkg/__pycache__/mod", "kept");
    write_at(code, "pkg/mod.py", "v2");
    write_at(code, "static/cache/kept", "newer");
    write_at(code, "static/deep/uploads/one", "kept");
    write_at(code, "static/site.css", "v2");
    write_at(code, "static/uploads/two", "kept");
    write_at(code, "var/lib/backups/daily", "kept, and never moved");
    write_at(code, "var/lib/now", "only now");
    write_at(code, "var/log", "v2");
    write_at(code, "var.txt", "only now");
    REQUIRE(fchmodat(code, "static/uploads", 0555, 0) == 0);
    REQUIRE(linkat(code, "pkg/mod.py", code, "pkg/same.py", 0) == 0);
    REQUIRE(symlinkat("v2", code, "current") == 0);
    REQUIRE(fchmodat(code, "closed", 0500, 0) == 0 && fchmod(code, 0755) == 0);
    set_times(code, 1600000000);
}

__attribute__((unused)) static const struct codebase_source *live_rules(const char *root)
{
    static const char *const patterns[] = {".env",  ".git",        "uploads",
                                           "cache", "__pycache__", "*.pyc"};
    static char database[220];
    static char repository[220];
    static const char *databases[1], *repositories[1];
    static struct codebase_source source;
    struct exclude *exclude;
    REQUIRE(jbi_exclude_new(&exclude, patterns, 6, false, &arena, NULL) == JB_OK);
    snprintf(database, sizeof database, "%s/data/app.db", root);
    snprintf(repository, sizeof repository, "%s/var/lib/backups", root);
    databases[0] = database;
    repositories[0] = repository;
    source = (struct codebase_source){.root = root,
                                      .exclude = exclude,
                                      .one_file_system = true,
                                      .repositories = repositories,
                                      .repository_count = 1,
                                      .database_files = databases,
                                      .database_count = 1};
    return &source;
}

__attribute__((unused)) static const char *code_root(void)
{
    static char root[100];
    snprintf(root, sizeof root, "%s/code", check_folder());
    return root;
}

/* Backs "code" up into "category". */
__attribute__((unused)) static void back_up(int category, struct artifact *artifacts)
{
    struct exclude *exclude;
    size_t count = 0;
    struct jb_error err = {0};
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, false, &arena, NULL) == JB_OK);
    struct codebase_source source = {.root = code_root(), .exclude = exclude};
    CHECK(jbi_codebase_source.capture(&source, &job, category, artifacts, &count, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    jbi_report_hand_over(report, NULL, NULL);
}

__attribute__((unused)) static void clear(const char *name)
{
    scope_fd int top = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jbi_remove_tree(top, name, NULL) == JB_OK);
}

/* What the rules leave out of a backup, in make_live, with what is in it; and the folders that must
 * stay for it: the backup lacks them, or a repository lies there. */
static bool is_kept(const char *line)
{
    static const char *const kept[] = {".env",
                                       ".git",
                                       "closed/a.pyc",
                                       "data/app.db",
                                       "data/app.db-wal",
                                       "new/er/__pycache__",
                                       "pkg/__pycache__",
                                       "static/cache",
                                       "static/deep/uploads",
                                       "static/uploads",
                                       "var/lib/backups"};
    static const char *const folders[] = {"data\t", "new\t", "new/er\t", "var\t", "var/lib\t"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        size_t len = strlen(kept[i]);
        if (strncmp(line, kept[i], len) == 0 && (line[len] == '\t' || line[len] == '/'))
            return true;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (jbi_starts_with(line, folders[i]))
            return true;
    }
    return false;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of backup without what is kept, with what is kept of live; sorted. malloc'd. */
__attribute__((unused)) static char *merge(const char *backup, const char *live)
{
    char *lines[400], *copies[2] = {strdup(backup), strdup(live)};
    struct text out = {0};
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        for (char *line = strtok(copies[i], "\n"); line != NULL; line = strtok(NULL, "\n")) {
            REQUIRE(count < 400);
            if (is_kept(line) == (i == 1))
                lines[count++] = line;
        }
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++)
        jbi_text_addf(&out, "%s\n", lines[i]);
    free(copies[0]);
    free(copies[1]);
    return out.at;
}

#endif
