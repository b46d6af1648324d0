/* SPDX-License-Identifier: MIT */
#include "source/codebase_prove.h"

#include <grp.h>
#include <sys/wait.h>

#include "forgery.h"
#include "source/codebase_compare.h"

static int prove_with(const struct hooks *hooks, int category, const struct artifact *artifacts,
                      jb_report *report, struct source_checked *checked, uint64_t *bytes)
{
    struct jb_error err = {0};
    int scratch = folder("scratch");
    struct source_job job = job_of(report);
    job.scratch_fd = scratch;
    job.hooks = hooks;
    int code =
        jbi_codebase_prove(&job, category, &artifacts[0], &artifacts[1], checked, bytes, &err);
    CHECK((code < 0) == (err.code != 0));
    if (code < 0 && code != JB_ECANCELED)
        printf("# %s\n", err.text);
    CHECK(is_empty(scratch));
    close(scratch);
    return code;
}

static int prove(int category, const struct artifact *artifacts, jb_report *report)
{
    struct source_checked checked;
    uint64_t bytes;
    return prove_with(&no_hooks, category, artifacts, report, &checked, &bytes);
}

static void set_time(int code, const char *path, time_t s)
{
    const struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s, .tv_nsec = 123456789}};
    REQUIRE(utimensat(code, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

/* The times stand still, so that of two trees only that differs which is meant to. */
static void set_times(int code)
{
    static const char *const all[] = {"a/empty",  "a/first", "a/link", "a/pipe",
                                      "a/secret", "a.txt",   "b-hard", "closed/in",
                                      "closed",   "large",   "a",      "."};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        set_time(code, all[i], 1700000000 + (time_t)i);
}

/* Nobody but root could back up what nobody may read. */
static mode_t secret_mode(void)
{
    return geteuid() == 0 ? 0 : 0400;
}

static void make_tree(int code)
{
    REQUIRE(mkdirat(code, "a", 0750) == 0 && mkdirat(code, "a/empty", 0700) == 0);
    put(code, "a/first", "first");
    put(code, "a/secret", "secret");
    put(code, "a.txt", "text");
    REQUIRE(mkdirat(code, "closed", 0700) == 0);
    put(code, "closed/in", "in");
    REQUIRE(linkat(code, "a/first", code, "b-hard", 0) == 0);
    REQUIRE(symlinkat("../nowhere", code, "a/link") == 0 && mkfifoat(code, "a/pipe", 0640) == 0);
    int fd = openat(code, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (unsigned i = 0; i < 300000; i++)
        REQUIRE(write(fd, &i, sizeof i) == sizeof i);
    REQUIRE(close(fd) == 0 && fchmodat(code, "a/secret", secret_mode(), 0) == 0);
    set_times(code);
}

static void remove_all(void)
{
    int beside = folder(".");
    static const char *const all[] = {"code", "category", "second", "out"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        CHECK(jbi_remove_tree(beside, all[i], NULL) == JB_OK);
    close(beside);
}

struct steps {
    uint64_t restored, compared, restore_total, compare_total;
    bool went_back, is_other;
};

static int note_step(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct steps *steps = user;
    bool is_restore = strcmp(step, "restore code to compare") == 0;
    uint64_t *last = is_restore ? &steps->restored : &steps->compared;
    steps->is_other |= !is_restore && strcmp(step, "compare restored code") != 0;
    steps->went_back |= done < *last || strcmp(unit, "bytes") != 0;
    *last = done;
    *(is_restore ? &steps->restore_total : &steps->compare_total) = total;
    return 0;
}

static void a_healthy_archive_is_proved(void)
{
    struct artifact artifacts[2];
    struct source_checked checked;
    struct steps steps = {0};
    struct hooks hooks = {.progress = note_step, .user = &steps};
    uint64_t bytes = 0;
    int code = folder("code"), category = folder("category");
    jb_report *report = jbi_report_new();
    make_tree(code);
    capture_into(category, artifacts);
    CHECK(prove_with(&hooks, category, artifacts, report, &checked, &bytes) == JB_OK);
    CHECK(report->finding_count == 0);
    print_findings(report);
    CHECK(checked.files == 5 && bytes == 1200000 + 17 && checked.bytes_read == artifacts[0].size);
    CHECK(bytes == artifacts[0].file_bytes && !checked.sha256_known);
    CHECK(!steps.went_back && !steps.is_other && steps.compared == bytes);
    CHECK(steps.restored > 0 && steps.restored <= steps.restore_total);
    CHECK(steps.restore_total == artifacts[0].raw_size && steps.compare_total == bytes);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* What is done to the tree; the time of the folder is set back after it. */
static void edit_content(int code)
{
    put(code, "a.txt", "tixt");
}
static void edit_large(int code)
{
    int fd = openat(code, "large", O_WRONLY | O_CLOEXEC);
    REQUIRE(pwrite(fd, "?", 1, 1100000) == 1);
    close(fd);
}
static void edit_mode(int code)
{
    REQUIRE(fchmodat(code, "a.txt", 0644, 0) == 0);
}
static void edit_folder_mode(int code)
{
    REQUIRE(fchmodat(code, "a/empty", 0755, 0) == 0);
}
static void edit_target(int code)
{
    REQUIRE(unlinkat(code, "a/link", 0) == 0 && symlinkat("../nowhera", code, "a/link") == 0);
}
static void edit_added(int code)
{
    put(code, "b-added", "");
}
static void edit_removed(int code)
{
    REQUIRE(unlinkat(code, "closed/in", 0) == 0);
}
static void edit_link_broken(int code)
{
    REQUIRE(unlinkat(code, "b-hard", 0) == 0);
    put(code, "b-hard", "first");
}
static void edit_nothing(int code)
{
    (void)code;
}
static void edit_type(int code)
{
    REQUIRE(unlinkat(code, "a/pipe", 0) == 0 && mkdirat(code, "a/pipe", 0640) == 0);
}
static void edit_linked(int code)
{
    REQUIRE(unlinkat(code, "closed/in", 0) == 0 &&
            linkat(code, "large", code, "closed/in", 0) == 0);
}
static void edit_short(int code)
{
    put(code, "a/first", "firs");
}
static void edit_secret(int code)
{
    REQUIRE(fchmodat(code, "a/secret", 0600, 0) == 0);
    put(code, "a/secret", "sekret");
    REQUIRE(fchmodat(code, "a/secret", secret_mode(), 0) == 0);
}

static const struct edit {
    void (*edit)(int code);
    const char *timed; /* gets another time */
    const char *named; /* in the finding */
    const char *says;  /* when only what was restored is other than recorded */
} edits[] = {
    {edit_content, NULL, "a.txt", "does not have the digest"},
    {edit_large, NULL, "large", "does not have the digest"},
    {edit_secret, NULL, "a/secret", "does not have the digest"},
    {edit_mode, NULL, "a.txt", "mode 0644 instead of 0600"},
    {edit_folder_mode, NULL, "a/empty", "mode 0755 instead of 0700"},
    {edit_target, NULL, "a/link", "link to \"../nowhera\" instead of \"../nowhere\""},
    {edit_added, NULL, "b-added", "not in the index"},
    {edit_removed, NULL, "closed/in", "was not restored"},
    {edit_link_broken, NULL, "b-hard", "a file of its own instead of one with \"a/first\""},
    {edit_type, NULL, "a/pipe", "a folder instead of a FIFO"},
    {edit_short, NULL, "a/first", "size 4 instead of 5"},
    {edit_linked, NULL, "large", "one file with \"closed/in\" instead of its own"},
    {edit_nothing, "a.txt", "a.txt", "time 5 s 123456789 ns instead of 1700000005 s 123456789 ns"},
    {edit_nothing, "a/link", "a/link", "time"},
    {edit_nothing, "a/empty", "a/empty", "time"},
    {edit_nothing, "a/pipe", "a/pipe", "time"},
    {edit_nothing, ".", ".", "time"},
};
#define EDITS (sizeof edits / sizeof *edits)

static void edit_tree(int code, const struct edit *edit)
{
    edit->edit(code);
    if (edit->edit == edit_removed)
        put(code, "closed/in", ""); /* its time is set, too */
    set_times(code);
    if (edit->edit == edit_removed)
        REQUIRE(unlinkat(code, "closed/in", 0) == 0);
    set_time(code, "closed", 1700000008);
    set_time(code, ".", 1700000011);
    if (edit->timed != NULL)
        set_time(code, edit->timed, 5);
}

/* Some finding of level ERROR names the path, and tells so. */
static bool names(const jb_report *report, const char *path, const char *says)
{
    scope_text subject = {0};
    jbi_text_addf(&subject, "%s: %s", ARCHIVE, path);
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct jb_finding *at = &report->findings[i];
        if (at->level == JB_ERROR && strcmp(at->subject, subject.at) == 0 &&
            strstr(at->message, says) != NULL)
            return true;
    }
    printf("# nothing says \"%s\" of %s\n", says, path);
    print_findings(report);
    return false;
}

/* One of the two artifacts is of the edited tree, with all checksums right. */
static void forged_parts_are_named(void)
{
    for (size_t i = 0; i < 2 * EDITS; i++) {
        const struct edit *edit = &edits[i / 2];
        struct artifact artifacts[2], forged[2];
        int code = folder("code"), category = folder("category"), second = folder("second");
        jb_report *report = jbi_report_new();
        make_tree(code);
        capture_into(category, artifacts);
        edit_tree(code, edit);
        capture_into(second, forged);
        forge(second, &forged[i % 2], category, &artifacts[i % 2]);
        CHECK(prove(category, artifacts, report) == JB_OK);
        /* Hard links: the archive has the content at the first name. */
        CHECK(names(report, edit->edit == edit_linked ? "closed/in" : edit->named, ""));
        jbi_report_hand_over(report, NULL, NULL);
        close(code);
        close(category);
        close(second);
        remove_all();
    }
}

/* The archive and the index agree, but what came to the disk is something else. */
static void other_trees_are_told(void)
{
    for (size_t i = 0; i <= EDITS; i++) {
        struct artifact artifacts[2];
        struct codebase_compared compared;
        struct jb_error err = {0};
        int code = folder("code"), category = folder("category"), index_fd;
        jb_report *report = jbi_report_new();
        struct source_job job = job_of(report);
        make_tree(code);
        capture_into(category, artifacts);
        if (i < EDITS)
            edit_tree(code, &edits[i]);
        REQUIRE(jbi_open_regular(category, artifacts[1].path, &index_fd, NULL) == JB_OK);
        CHECK(jbi_codebase_compare(&job, code, index_fd, &artifacts[0], &artifacts[1], true,
                                   &compared, &err) == JB_OK);
        CHECK_TEXT(err.text, "");
        CHECK(compared.differences == report->finding_count);
        if (i < EDITS)
            CHECK(names(report, edits[i].named, edits[i].says));
        CHECK(i == EDITS ? compared.differences == 0 : compared.differences < 4);
        jbi_report_hand_over(report, NULL, NULL);
        close(index_fd);
        close(code);
        close(category);
        remove_all();
    }
}

static void many_differences_are_counted(void)
{
    struct artifact artifacts[2];
    struct codebase_compared compared;
    int code = folder("code"), category = folder("category"), out = folder("out"), index_fd;
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put(code, name, "x");
    }
    capture_into(category, artifacts);
    REQUIRE(jbi_open_regular(category, artifacts[1].path, &index_fd, NULL) == JB_OK);
    put(out, "f", "x");
    CHECK(jbi_codebase_compare(&job, out, index_fd, &artifacts[0], &artifacts[1], true, &compared,
                               NULL) == JB_OK);
    CHECK(compared.differences >= 501 && compared.files == 0);
    CHECK(report->finding_count == 101);
    CHECK_HAS(report->findings[100].message, "more of its entries differ");
    jbi_report_hand_over(report, NULL, NULL);
    close(index_fd);
    close(code);
    close(category);
    close(out);
}

/* Changes the scratch copy at the beginning of the comparison, or stops the proof. */
struct meddling {
    int scratch, calls, cancel_at;
    bool is_done;
};

static int meddle(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct meddling *meddling = user;
    (void)done, (void)total, (void)unit;
    if (meddling->cancel_at >= 0)
        return meddling->calls++ == meddling->cancel_at;
    if (meddling->is_done || strcmp(step, "compare restored code") != 0)
        return 0;
    DIR *dir = fdopendir(openat(meddling->scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *entry;
    char path[300];
    while ((entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "%s/a.txt", entry->d_name);
        if (entry->d_name[0] != '.')
            meddling->is_done = unlinkat(meddling->scratch, path, 0) == 0;
    }
    closedir(dir);
    return 0;
}

static void what_is_not_restored_is_named(void)
{
    struct artifact artifacts[2];
    struct source_checked checked;
    uint64_t bytes;
    int code = folder("code"), category = folder("category");
    struct meddling meddling = {.scratch = folder("scratch"), .cancel_at = -1};
    struct hooks hooks = {.progress = meddle, .user = &meddling};
    jb_report *report = jbi_report_new();
    make_tree(code);
    capture_into(category, artifacts);
    /* The list of the folder was not yet read when the first progress came: of the root. */
    CHECK(prove_with(&hooks, category, artifacts, report, &checked, &bytes) == JB_OK);
    CHECK(meddling.is_done && names(report, "a.txt", "it is in the index, but was not restored"));
    jbi_report_hand_over(report, NULL, NULL);
    close(meddling.scratch);
    close(code);
    close(category);
}

static void a_canceled_proof_leaves_nothing(void)
{
    struct artifact artifacts[2];
    struct source_checked checked;
    uint64_t bytes;
    int code = folder("code"), category = folder("category"), outcome = JB_ECANCELED;
    make_tree(code);
    capture_into(category, artifacts);
    int calls = 0;
    for (; outcome == JB_ECANCELED && calls < 1000; calls++) {
        struct meddling meddling = {.scratch = -1, .cancel_at = calls};
        struct hooks hooks = {.progress = meddle, .user = &meddling};
        jb_report *report = jbi_report_new();
        outcome = prove_with(&hooks, category, artifacts, report, &checked, &bytes);
        CHECK(report->finding_count == 0);
        jbi_report_hand_over(report, NULL, NULL);
    }
    CHECK(outcome == JB_OK && calls > 20);
    close(code);
    close(category);
}

static void damage_is_a_finding(void)
{
    for (int i = 0; i < 4; i++) {
        struct artifact artifacts[2];
        int code = folder("code"), category = folder("category");
        jb_report *report = jbi_report_new();
        make_tree(code);
        capture_into(category, artifacts);
        if (i == 0)
            artifacts[1].sha256[0] ^= 1;
        if (i == 1)
            artifacts[0].files++;
        if (i == 2)
            REQUIRE(unlinkat(category, artifacts[0].path, 0) == 0);
        if (i == 3) {
            int fd = openat(category, artifacts[0].path, O_RDWR | O_CLOEXEC);
            REQUIRE(pwrite(fd, "????", 4, 40) == 4);
            close(fd);
        }
        static const char *const says[] = {"does not have the checksum in the manifest",
                                           "5 files were restored, but the manifest says 6",
                                           "cannot open", "damaged"};
        CHECK(prove(category, artifacts, report) == JB_OK);
        CHECK_HAS(finding(report, ARCHIVE), says[i]);
        CHECK(i != 3 || names(report, "a/first", "damaged part"));
        jbi_report_hand_over(report, NULL, NULL);
        close(code);
        close(category);
        remove_all();
    }
}

static void a_place_that_refuses_is_an_error(void)
{
    struct artifact artifacts[2];
    struct source_checked checked;
    uint64_t bytes = 1;
    struct jb_error err = {0};
    int code = folder("code"), category = folder("category");
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report); /* without a scratch folder */
    make_tree(code);
    capture_into(category, artifacts);
    CHECK(jbi_codebase_prove(&job, category, &artifacts[0], &artifacts[1], &checked, &bytes,
                             &err) == JB_EIO);
    CHECK_HAS(err.text, "temporary folder");
    CHECK(report->finding_count == 0 && bytes == 0 && checked.files == 0);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* The child's checks count as one. */
static void as_nobody(int (*run)(int category, const struct artifact *artifacts), int category,
                      const struct artifact *artifacts)
{
    REQUIRE(chmod(check_folder(), 0777) == 0);
    int scratch = folder("scratch");
    REQUIRE(geteuid() != 0 || fchown(scratch, 65534, 65534) == 0);
    close(scratch);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                               setresuid(65534, 65534, 65534) < 0))
            _exit(9);
        check_state.failed = false;
        int wrong = run(category, artifacts) || check_state.failed;
        fflush(stdout);
        jbi_arena_free(&arena);
        _exit(wrong);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int prove_foreign(int category, const struct artifact *artifacts)
{
    jb_report *report = jbi_report_new();
    int code = prove(category, artifacts, report);
    bool is_right = code == JB_OK && count_level(report, JB_ERROR) == 1 &&
                    report->finding_count == 1 && finding(report, ARCHIVE ": owners") != NULL &&
                    strstr(finding(report, ARCHIVE ": owners"), "not compared") != NULL;
    if (!is_right)
        print_findings(report);
    jbi_report_hand_over(report, NULL, NULL);
    return !is_right;
}

/* Backed up by root, verified by another: owners are not compared, all else is. */
static void without_rights_owners_are_not_compared(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    make_tree(code);
    if (geteuid() != 0) {
        printf("# skipped: only root can back up another's files\n");
        close(code);
        close(category);
        return;
    }
    REQUIRE(fchownat(code, "a.txt", 12, 13, 0) == 0 && fchmodat(code, "a.txt", 06755, 0) == 0);
    REQUIRE(fchmodat(code, "a", 03711, 0) == 0 && fchmodat(code, "closed", 0, 0) == 0);
    REQUIRE(fchmodat(code, ".", 0, 0) == 0);
    set_times(code);
    capture_into(category, artifacts);
    REQUIRE(fchmod(category, 0755) == 0);
    REQUIRE(fchmodat(category, artifacts[0].path, 0644, 0) == 0);
    REQUIRE(fchmodat(category, artifacts[1].path, 0644, 0) == 0);
    jb_report *report = jbi_report_new();
    CHECK(prove(category, artifacts, report) == JB_OK && report->finding_count == 0);
    print_findings(report);
    jbi_report_hand_over(report, NULL, NULL);
    as_nobody(prove_foreign, category, artifacts);
    close(code);
    close(category);
}

static int prove_own(int category, const struct artifact *unused)
{
    struct artifact artifacts[2];
    (void)category, (void)unused;
    char root[200];
    snprintf(root, sizeof root, "%s/mine", check_folder());
    if (mkdir(root, 0700) < 0)
        return 1;
    strcpy(check_state.folder, root);
    int code = folder("code"), own = folder("category");
    jb_report *report = jbi_report_new();
    make_tree(code);
    REQUIRE(fchmodat(code, "a", 0500, 0) == 0);
    capture_into(own, artifacts);
    CHECK(prove(own, artifacts, report) == JB_OK && report->finding_count == 0);
    print_findings(report);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(own);
    return 0;
}

static void a_user_proves_his_own(void)
{
    as_nobody(prove_own, -1, NULL);
}

int main(void)
{
    RUN(a_healthy_archive_is_proved);
    RUN(forged_parts_are_named);
    RUN(other_trees_are_told);
    RUN(many_differences_are_counted);
    RUN(what_is_not_restored_is_named);
    RUN(a_canceled_proof_leaves_nothing);
    RUN(damage_is_a_finding);
    RUN(a_place_that_refuses_is_an_error);
    RUN(without_rights_owners_are_not_compared);
    RUN(a_user_proves_his_own);
    jbi_arena_free(&arena);
    return check_end();
}
