/* SPDX-License-Identifier: MIT */
/* Hostile archives: whatever they hold, nothing is written beside the folder given. */
#include "source/place.h"

#include <sys/wait.h>

#include "adapter/digest.h"
#include "archive/index.h"
#include "archive/members.h"
#include "base/scope.h"
#include "fixture.h"
#include "os/file.h"

static const char content[] = "hostile";

static void pack(int category, const char *name, const struct text *from)
{
    struct members_options options = {.jobs = 1, .hooks = &no_hooks, .step = "t", .name = name};
    struct members_totals totals;
    put(category, "raw", "");
    int in = openat(category, "raw", O_RDWR | O_TRUNC | O_CLOEXEC);
    int out = openat(category, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(in >= 0 && out >= 0 && jbi_write_full(in, from->at, from->len) == 0);
    REQUIRE(lseek(in, 0, SEEK_SET) == 0);
    REQUIRE(jbi_members_pack(in, out, &options, &totals, NULL) == JB_OK);
    close(in);
    close(out);
}

/* Archive and index agree on these entries; files hold content. Then it is laid out. */
static int lay_out(const struct tar_entry *entries, size_t count, const char *path,
                   struct jb_error *err)
{
    static const char zeros[2 * TAR_BLOCK];
    struct artifact artifacts[2] = {{.path = "a.tar.gz"}, {.path = "a.index"}};
    scope_text stream = {0}, lines = {0};
    scope_digest *digest = jbi_digest_new();
    struct tar *tar = jbi_tar_new();
    int category = folder("category"), out = folder("out");
    for (size_t i = 0; i < count; i++) {
        struct tar_entry entry = entries[i];
        bool is_file = entry.type == TAR_FILE;
        artifacts[0].files += is_file;
        artifacts[0].file_bytes += is_file ? sizeof content - 1 : 0;
        struct index_entry line = {.type = entry.type,
                                   .path = entry.path,
                                   .link = entry.link,
                                   .mode = entry.mode,
                                   .uid = entry.uid,
                                   .gid = entry.gid,
                                   .offset = stream.len,
                                   .member_skip = stream.len};
        if (is_file && entry.size == 0)
            entry.size = sizeof content - 1;
        line.size = entry.size;
        if (is_file) {
            jbi_digest_begin(digest);
            jbi_digest_add(digest, content, sizeof content - 1);
            jbi_digest_end(digest, line.sha256);
        }
        jbi_tar_encode(tar, &entry, &stream);
        if (is_file) {
            jbi_text_add(&stream, content, sizeof content - 1);
            jbi_text_add(&stream, zeros, jbi_tar_padding(sizeof content - 1));
        }
        jbi_index_line(&lines, &line);
    }
    jbi_text_add(&stream, zeros, sizeof zeros);
    pack(category, "a.tar.gz", &stream);
    pack(category, "a.index", &lines);
    scope_free char *index = NULL;
    size_t index_len;
    REQUIRE(jbi_file_read(category, "a.index", 1 << 20, &index, &index_len, NULL) == JB_OK);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, index, index_len);
    jbi_digest_end(digest, artifacts[1].sha256);
    int code = stage(artifacts, path, category, out, err);
    jbi_tar_free(tar);
    close(category);
    close(out);
    return code;
}

static void check_refused(const struct tar_entry *entries, size_t count)
{
    struct jb_error err = {0};
    int beside = folder(".");
    put(beside, "victim", "untouched");
    CHECK(lay_out(entries, count, NULL, &err) < 0 && err.code < 0 && err.text[0] != '\0');
    check_content(beside, "victim", "untouched");
    CHECK(!exists(beside, "x") && !exists(beside, "out/../y"));
    close(beside);
    int out = folder("out");
    close(out);
    out = folder(".");
    CHECK(jbi_remove_tree(out, "out", NULL) == JB_OK);
    close(out);
    jbi_arena_free(&arena);
}

#define REFUSED(...)                                                                               \
    check_refused((const struct tar_entry[]){__VA_ARGS__},                                         \
                  sizeof((const struct tar_entry[]){__VA_ARGS__}) / sizeof(struct tar_entry))
#define FILE_AT(at)                                                                                \
    {                                                                                              \
        .type = TAR_FILE, .path = (at), .mode = 0644                                               \
    }
#define LINK(at, to)                                                                               \
    {                                                                                              \
        .type = TAR_SYMLINK, .path = (at), .link = (to), .mode = 0777                              \
    }
#define HARD(at, to)                                                                               \
    {                                                                                              \
        .type = TAR_HARDLINK, .path = (at), .link = (to), .mode = 0644                             \
    }
#define FOLDER_AT(at)                                                                              \
    {                                                                                              \
        .type = TAR_FOLDER, .path = (at), .mode = 0755                                             \
    }

static void paths_that_lead_out(void)
{
    REFUSED(FILE_AT("../x"));
    REFUSED(FILE_AT("a/../../x"));
    REFUSED(FILE_AT("/tmp/jbackup-hostile"));
    REFUSED(FOLDER_AT("../x"));
    REFUSED(LINK("../x", "a"));
    CHECK(access("/tmp/jbackup-hostile", F_OK) < 0);
}

static void writing_through_links(void)
{
    REFUSED(LINK("a", ".."), FILE_AT("a/x"));
    REFUSED(LINK("a", "../victim"), FILE_AT("a"));
    REFUSED(LINK("a", ".."), FOLDER_AT("a"), FILE_AT("a/x"));
    REFUSED(LINK("a", "."), LINK("b", "a/.."), FILE_AT("b/x"));
    REFUSED(FOLDER_AT("d"), LINK("d/a", "../.."), FILE_AT("d/a/x"));
    REFUSED(LINK("a", ".."), HARD("b", "a/victim"));
    REFUSED(LINK("a", ".."), HARD("a/x", "a"));
    REFUSED(LINK("a", ".."), {.type = TAR_FIFO, .path = "a/x"});
    REFUSED(LINK("a", ".."), LINK("a/x", "y"));
}

static void hard_links_that_lead_out(void)
{
    REFUSED(HARD("a", "../victim"));
    REFUSED(HARD("a", "/etc/passwd"));
    REFUSED(HARD("a", "absent"));
    REFUSED(HARD("a", "a"));
    REFUSED(FOLDER_AT("d"), HARD("a", "d"));
    /* A link to a symbolic link is one to itself, never to what it names. */
    const struct tar_entry links[] = {LINK("a", "../victim"), HARD("b", "a")};
    CHECK(lay_out(links, 2, NULL, NULL) == JB_OK);
    struct stat st;
    int out = folder("out");
    CHECK(fstatat(out, "b", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    close(out);
}

static void names_that_collide(void)
{
    REFUSED(FILE_AT("a"), FILE_AT("a"));
    REFUSED(FILE_AT("a"), FOLDER_AT("a"));
    REFUSED(FILE_AT("a"), FILE_AT("a/b"));
    REFUSED(FOLDER_AT("a"), FILE_AT("a"));
    REFUSED(FOLDER_AT("a"), LINK("a", "b"));
    REFUSED(LINK("a", "x"), LINK("a", "y"));
    REFUSED(FOLDER_AT("a"), FOLDER_AT("a"));
    REFUSED(FOLDER_AT("."), FOLDER_AT("."));
}

static void what_no_walk_could_meet(void)
{
    REFUSED(FILE_AT("b"), FILE_AT("a"));
    REFUSED(FILE_AT("a/b"));
    REFUSED(FOLDER_AT("a"), FILE_AT("b"), FILE_AT("a/c"));
    REFUSED(FOLDER_AT("a"), FILE_AT("a/b/c"));
    const struct tar_entry good[] = {FOLDER_AT("."),   FOLDER_AT("a"), FOLDER_AT("a/b"),
                                     FILE_AT("a/b/c"), FILE_AT("a/d"), FILE_AT("a.e")};
    CHECK(lay_out(good, sizeof good / sizeof *good, NULL, NULL) == JB_OK);
}

/* A file system that takes two names for one gives the second folder the first one's number. */
static void folders_that_are_one_here(void)
{
    const struct tar_entry one = FOLDER_AT("a"), same = FOLDER_AT("a");
    struct jb_error err = {0};
    struct place *place;
    int fd, out = folder("out");
    REQUIRE(mkdirat(out, "b", 0700) == 0 && jbi_place_new(&place, out, NULL) == JB_OK);
    const struct tar_entry made = FOLDER_AT("b");
    CHECK(jbi_place_entry(place, &one, &fd, NULL) == JB_OK);
    CHECK(jbi_place_entry(place, &made, &fd, NULL) == JB_OK); /* there before, but not of ours */
    CHECK(jbi_place_entry(place, &same, &fd, &err) == JB_EUNSUPPORTED);
    jbi_place_free(place);
    close(out);
}

static void absurd_sizes_and_depths(void)
{
    REFUSED({.type = TAR_FILE, .path = "a", .size = INT64_MAX});
    REFUSED({.type = TAR_FILE, .path = "a", .size = 1ull << 40}, FILE_AT("b"));
    char *deep = malloc(200002), name[300];
    REQUIRE(deep != NULL);
    for (int i = 0; i < 100000; i++)
        memcpy(deep + 2 * i, "a/", 2);
    strcpy(deep + 200000, "a");
    int beside = folder(".");
    struct jb_error err = {0};
    const struct tar_entry far = FILE_AT(deep);
    int code = lay_out(&far, 1, NULL, &err);
    CHECK(code == JB_OK || err.code == code);
    CHECK(jbi_remove_tree(beside, "out", NULL) == JB_OK);
    close(beside);
    free(deep);
    memset(name, 'n', 256);
    name[256] = '\0';
    REFUSED(FILE_AT(name));
    memcpy(name + 255, "n/x", 4);
    REFUSED(FILE_AT(name));
}

static void odd_names_and_modes_are_kept(void)
{
    const struct tar_entry entries[] = {
        FOLDER_AT("."),
        FILE_AT("\x1b[2J\n"),
        {.type = TAR_FOLDER, .path = "closed", .mode = 0},
        FILE_AT("closed/file"),
        {.type = TAR_FIFO, .path = "fifo", .mode = 0640},
        {.type = TAR_FILE, .path = "none", .mode = 0},
        FILE_AT("\xff"),
    };
    struct jb_error err = {0};
    struct stat st;
    CHECK(lay_out(entries, sizeof entries / sizeof *entries, NULL, &err) == JB_OK);
    int out = folder("out");
    CHECK(exists(out, "\x1b[2J\n") && exists(out, "\xff"));
    CHECK(fstatat(out, "closed", &st, 0) == 0 && (st.st_mode & 07777) == 0 && st.st_mtime == 0);
    CHECK(fstatat(out, "none", &st, 0) == 0 && (st.st_mode & 07777) == 0);
    CHECK(fstatat(out, "fifo", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
    close(out);
}

/* Without root's rights the owner can't be set; then nobody's program must not run as us. */
static void setuid_goes_with_its_owner_only(void)
{
    const struct tar_entry entries[] = {
        {.type = TAR_FILE, .path = "mine", .mode = 06755, .uid = 65534, .gid = 65534},
        {.type = TAR_FILE, .path = "roots", .mode = 06755},
    };
    REQUIRE(chmod(check_folder(), 0777) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534)))
            _exit(9);
        _exit(lay_out(entries, 2, NULL, NULL) == JB_OK ? 0 : 1);
    }
    int status = -1;
    struct stat st;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int out = folder("out");
    CHECK(fstatat(out, "roots", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    if (geteuid() == 0)
        CHECK(fstatat(out, "mine", &st, 0) == 0 && (st.st_mode & 07777) == 06755);
    close(out);
    jbi_arena_free(&arena);
}

/* 4294967296 must not become 0, and 4294967295 not "leave it". */
static void owners_that_no_system_has(void)
{
    const struct tar_entry entries[] = {
        {.type = TAR_FILE, .path = "a", .mode = 04755, .uid = 1ull << 32, .gid = 1ull << 32},
        {.type = TAR_FILE, .path = "b", .mode = 04755, .uid = UINT32_MAX, .gid = UINT32_MAX},
    };
    struct stat st;
    CHECK(lay_out(entries, 2, NULL, NULL) == JB_OK);
    int out = folder("out");
    CHECK(fstatat(out, "a", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    CHECK(fstatat(out, "b", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    close(out);
    jbi_arena_free(&arena);
}

static void a_chain_of_links_outside_the_path(void)
{
    const struct tar_entry chain[] = {FILE_AT("a"), HARD("b", "a"), FOLDER_AT("d"),
                                      HARD("d/c", "b")};
    const struct tar_entry to_folder[] = {FOLDER_AT("a"), FILE_AT("a/x"), FOLDER_AT("d"),
                                          HARD("d/c", "a")};
    struct jb_error err = {0};
    CHECK(lay_out(chain, 4, "d", &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "hard link");
    int beside = folder(".");
    CHECK(jbi_remove_tree(beside, "out", NULL) == JB_OK);
    close(beside);
    CHECK(lay_out(to_folder, 4, "d", NULL) == JB_ECORRUPT);
    jbi_arena_free(&arena);
}

int main(void)
{
    RUN(paths_that_lead_out);
    RUN(writing_through_links);
    RUN(hard_links_that_lead_out);
    RUN(names_that_collide);
    RUN(what_no_walk_could_meet);
    RUN(folders_that_are_one_here);
    RUN(absurd_sizes_and_depths);
    RUN(odd_names_and_modes_are_kept);
    RUN(setuid_goes_with_its_owner_only);
    RUN(owners_that_no_system_has);
    RUN(a_chain_of_links_outside_the_path);
    jbi_arena_free(&arena);
    return check_end();
}
