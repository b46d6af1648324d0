/* SPDX-License-Identifier: MIT */
/* backup_verify: its depths, samples, and what is kept of the result. */
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "edit.h"

static int verify_with(const struct jb_verify_options *options)
{
    free_report();
    return backup_verify(project, options, &report, &err);
}

static int verify_depth(int depth)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    options.depth = depth;
    return tell(verify_with(&options));
}

static bool is_clean(int code)
{
    bool ok = code == JB_OK && jb_report_finding_count(report) == 0;
    if (!ok && code == JB_OK)
        print_findings();
    return ok;
}

static int64_t figure(const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

static const char *proof_of(const char *timestamp)
{
    return textf("backups/daily/proof_%s.json", timestamp);
}

/* The field of the backup in jb_list; report is that list. */
static const char *told(const char *timestamp, const char *key)
{
    listed();
    return jb_report_text(report, row_where("timestamp", timestamp), key);
}

/* How many results are kept with the backup; report is jb_show's. */
static size_t kept(const char *timestamp)
{
    struct jb_backup_ref ref = JB_BACKUP_REF_INIT;
    ref.timestamp = timestamp;
    free_report();
    REQUIRE(tell(jb_show(project, &ref, &report, &err)) == JB_OK);
    size_t count = 0;
    for (size_t i = 0; i < jb_report_row_count(report); i++)
        count += strcmp(jb_report_text(report, i, "row"), "proof") == 0;
    return count;
}

/* Changes one byte of an artifact, or changes it back. */
static void flip(const char *timestamp, enum artifact_kind kind)
{
    size_t len;
    struct manifest manifest = manifest_of(timestamp);
    const char *path = path_of(artifact_of(&manifest, kind));
    char *bytes = read_bytes(path, &len);
    bytes[len / 2] ^= 4;
    write_bytes(path, bytes, len);
    free(bytes);
}

/* No scratch folder and no half written proof is left. */
static bool is_tidy(void)
{
    return shell(textf("cd '%s' && ! ls -A | grep -v -x -e lock -e staging",
                       in_folder("backups/.jbackup"))) &&
           entries("backups/.jbackup/staging") == 0;
}

/* ---- A sound backup ---- */

static void each_depth_passes(void)
{
    begin();
    const char *first = backup();
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)));
    int64_t stored = figure("bytes_read");
    CHECK(stored > 0 && figure("files") == 0 && figure("tables") == 0);
    CHECK(figure("backups") == 1 && figure("artifacts") == 3 && figure("bad") == 0);
    CHECK(figure("bytes_restored") == 0 && figure("sample") == 100);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "depth"), "bytes");
    CHECK_TEXT(jb_report_text(report, 0, "depth"), "bytes");
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), first);
    CHECK(jb_report_number(report, 0, "files") == 0 && jb_report_number(report, 0, "ok") == 1);

    CHECK(is_clean(verify_depth(JB_DEPTH_CONTENT)));
    int64_t files = figure("files");
    CHECK(files > 3 && figure("tables") == 2 && figure("bytes_read") == stored);
    CHECK(figure("bytes_restored") == 0);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "depth"), "content");

    CHECK(is_clean(verify_depth(JB_DEPTH_RESTORE)));
    CHECK(figure("files") == files && figure("tables") == 2);
    CHECK(figure("bytes_read") >= stored && figure("bytes_restored") > 0);
    CHECK_TEXT(jb_report_text(report, 0, "depth"), "restore");
    CHECK(jb_report_number(report, 0, "tables") == 2 && jb_report_row_count(report) == 1);
    CHECK(jb_report_text(report, 0, "restored_in") == NULL);
    CHECK(is_tidy());
    end();
}

static void bad_options_are_refused(void)
{
    static const struct jb_verify_options bad[] = {
        {sizeof bad[0], NULL, 7, 0, 0},
        {sizeof bad[0], NULL, -1, 0, 0},
        {sizeof bad[0], NULL, JB_DEPTH_CONTENT, 0, 101},
        {sizeof bad[0], NULL, JB_DEPTH_CONTENT, 0, -1},
        {sizeof bad[0], NULL, JB_DEPTH_RESTORE, 0, 50},
        {sizeof bad[0], NULL, JB_DEPTH_BYTES, 0, 50},
        {sizeof bad[0], "20240101_000000", JB_DEPTH_CONTENT, 1, 0},
    };
    begin();
    const char *first = backup();
    size_t before = entries("backups/daily");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(verify_with(&bad[i]) == JB_EINVAL && report == NULL);
        CHECK(err.code == JB_EINVAL && err.text[0] != '\0');
    }
    CHECK(entries("backups/daily") == before && !is_there(proof_of(first)) && is_tidy());
    struct jb_verify_options whole = JB_VERIFY_OPTIONS_INIT;
    whole.depth = JB_DEPTH_RESTORE;
    whole.sample = 100;
    CHECK(is_clean(verify_with(&whole)));
    end();
}

static void latest_is_one_of_three(void)
{
    struct jb_verify_options latest = JB_VERIFY_OPTIONS_INIT;
    latest.latest = 1;
    begin();
    CHECK(verify_with(&latest) == JB_OK && jb_report_verdict(report) == JB_ERROR);
    const char *first = backup(), *second = backup(), *third = backup();
    CHECK(is_clean(verify_with(&latest)));
    CHECK(figure("backups") == 1 && jb_report_row_count(report) == 1);
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), third);
    CHECK(is_there(proof_of(third)) && !is_there(proof_of(first)) && !is_there(proof_of(second)));
    end();
}

/* An unreadable manifest is no backup that passes, and none that can be told not to be newest. */
static void the_latest_that_is_damaged_is_no_pass(void)
{
    struct jb_verify_options latest = JB_VERIFY_OPTIONS_INIT;
    latest.latest = 1;
    begin();
    const char *first = backup();
    write_text(textf("backups/daily/manifest_%s.json", first), "{}");
    CHECK(verify_with(&latest) == JB_OK && jb_report_verdict(report) == JB_ERROR);
    CHECK(has_finding(JB_ERROR, first));
    CHECK(figure("bad") == 1 && figure("backups") == 1 && jb_report_row_count(report) == 0);

    const char *second = backup();
    CHECK(verify_with(&latest) == JB_OK && jb_report_verdict(report) == JB_WARNING);
    CHECK(figure("bad") == 0 && figure("backups") == 1);
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), second);
    const char *third = backup();
    write_text(textf("backups/daily/manifest_%s.json", third), "{}");
    CHECK(verify_with(&latest) == JB_OK && jb_report_verdict(report) == JB_ERROR);
    CHECK(has_finding(JB_ERROR, third) && !has_finding(JB_ERROR, first));
    CHECK(figure("bad") == 1 && figure("backups") == 2 && jb_report_row_count(report) == 1);
    CHECK_TEXT(told(second, "proof"), "checked");
    end();
}

static void a_sample_is_kept_as_one(void)
{
    struct jb_verify_options half = JB_VERIFY_OPTIONS_INIT;
    half.sample = 50;
    begin();
    const char *first = backup();
    CHECK(is_clean(verify_with(&half)));
    CHECK(figure("sample") == 50 && figure("tables") == 2);
    CHECK(kept(first) == 1);
    size_t row = row_where("row", "proof");
    CHECK(jb_report_number(report, row, "sample") == 50);
    CHECK_TEXT(jb_report_text(report, row, "depth"), "content");
    CHECK_TEXT(jb_report_text(report, row, "result"), "equal");
    CHECK_TEXT(told(first, "proof"), "unchecked");
    end();
}

/* ---- What is kept ---- */

static void the_list_tells_what_was_found(void)
{
    struct stat st;
    begin();
    const char *first = backup();
    CHECK_TEXT(told(first, "proof"), "unchecked");
    CHECK(told(first, "proof_at") == NULL);
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)));
    REQUIRE(stat(in_folder(proof_of(first)), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK_TEXT(told(first, "proof"), "checked");
    CHECK_TEXT(told(first, "proof_depth"), "bytes");
    CHECK(is_clean(verify_depth(JB_DEPTH_RESTORE)));
    REQUIRE(stat(in_folder(proof_of(first)), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK_TEXT(told(first, "proof"), "proved");
    CHECK(told(first, "proof_at") != NULL);
    CHECK(kept(first) == 2);
    CHECK_TEXT(jb_report_text(report, row_where("row", "proof"), "depth"), "restore");
    CHECK(is_tidy());
    end();
}

static void broken_until_as_deep_a_look(void)
{
    begin();
    const char *first = backup();
    CHECK(is_clean(verify_depth(JB_DEPTH_RESTORE)));
    flip(first, ARTIFACT_SQLITE);
    CHECK(verify_depth(JB_DEPTH_RESTORE) == JB_OK && has_finding(JB_ERROR, "sqlite_journal"));
    CHECK(figure("bad") == 1 && jb_report_number(report, 0, "ok") == 0);
    CHECK_TEXT(told(first, "proof"), "broken");
    CHECK_TEXT(told(first, "proof_depth"), "restore");
    flip(first, ARTIFACT_SQLITE);
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)));
    CHECK_TEXT(told(first, "proof"), "broken");
    CHECK(is_clean(verify_depth(JB_DEPTH_CONTENT)));
    CHECK_TEXT(told(first, "proof"), "broken");
    CHECK(is_clean(verify_depth(JB_DEPTH_RESTORE)));
    CHECK_TEXT(told(first, "proof"), "proved");
    end();
}

/* Files of the scratch place may not grow: the code can't be restored. */
static void what_could_not_be_restored_is_incomplete(void)
{
    struct rlimit before, small;
    begin();
    REQUIRE(shell(textf("head -c 3500000 /dev/urandom > %s", in_folder("app/photo"))));
    const char *first = backup();
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(verify_depth(JB_DEPTH_RESTORE) == JB_OK && has_finding(JB_ERROR, "codebase_"));
    CHECK(jb_report_finding_count(report) == 1 && figure("bad") == 1);
    CHECK_HAS(jb_report_finding(report, 0)->message, "not restored to be compared");
    CHECK(is_tidy());
    CHECK_TEXT(told(first, "proof"), "unchecked");
    CHECK(kept(first) == 1);
    CHECK_TEXT(jb_report_text(report, row_where("row", "proof"), "result"), "incomplete");

    flip(first, ARTIFACT_SQLITE); /* a difference is one, whatever else could not be compared */
    CHECK(verify_depth(JB_DEPTH_RESTORE) == JB_OK && has_finding(JB_ERROR, "sqlite_journal"));
    CHECK(has_finding(JB_ERROR, "codebase_"));
    CHECK_TEXT(told(first, "proof"), "broken");
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, SIG_DFL);
    end();
}

static void a_repository_that_is_not_written_is_verified(void)
{
    begin();
    const char *first = backup();
    REQUIRE(shell(textf("rm -r '%s'", in_folder("backups/.jbackup"))));
    for (int depth = JB_DEPTH_CONTENT; depth <= JB_DEPTH_RESTORE; depth++) {
        CHECK(verify_depth(depth) == JB_OK && jb_report_verdict(report) == JB_INFO);
        CHECK(jb_report_finding_count(report) == 1 && has_finding(JB_INFO, first));
        CHECK_HAS(jb_report_finding(report, 0)->message, "not kept");
        CHECK(jb_report_number(report, 0, "ok") == 1 && figure("bad") == 0);
    }
    CHECK(!is_there("backups/.jbackup") && !is_there(proof_of(first)));
    end();
}

static void a_held_lock_keeps_no_proof(void)
{
    begin();
    const char *first = backup();
    int fd = open(in_folder("backups/.jbackup/lock"), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    REQUIRE(fcntl(fd, F_OFD_SETLK, &whole) == 0);
    CHECK(verify_depth(JB_DEPTH_BYTES) == JB_OK && jb_report_verdict(report) == JB_INFO);
    CHECK(jb_report_finding_count(report) == 1 && has_finding(JB_INFO, first));
    CHECK_HAS(jb_report_finding(report, 0)->message, "locked");
    CHECK(figure("bad") == 0 && !is_there(proof_of(first)));
    close(fd);
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)) && is_there(proof_of(first)));
    end();
}

/* ---- Forgeries: all checksums are right ---- */

static void a_forged_row_is_found_where_it_is(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *copy = artifact_of(&manifest, ARTIFACT_SQLITE);
    artifact_unpack(copy);
    sql("plain", "UPDATE entry SET text = 'forged' WHERE id = 2");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)));
    CHECK_TEXT(told(first, "proof"), "checked");
    CHECK(verify_depth(JB_DEPTH_RESTORE) == JB_OK);
    CHECK(has_finding(JB_ERROR, textf("%s: table \"entry\"", copy->path)));
    CHECK(!has_finding(JB_ERROR, "user") && figure("bad") == 1);
    CHECK_TEXT(told(first, "proof"), "broken");
    end();
}

static void forged_code_is_found_where_it_is(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *archive = artifact_of(&manifest, ARTIFACT_CODEBASE);
    artifact_unpack(archive);
    plain_replace("<svg/>", "<gvs/>");
    artifact_pack(archive);
    manifest_put(&manifest);
    CHECK(is_clean(verify_depth(JB_DEPTH_BYTES)));
    CHECK(verify_depth(JB_DEPTH_RESTORE) == JB_OK);
    CHECK(has_finding(JB_ERROR, "static/logo.svg") && figure("bad") == 1);
    CHECK_TEXT(told(first, "proof"), "broken");
    end();
}

/* ---- Canceling ---- */

struct countdown {
    int left;
    bool is_over;
};

static int cancel_at(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct countdown *countdown = user;
    CHECK(step != NULL && unit != NULL && *step != '\0' && (total == 0 || done <= total));
    CHECK(!countdown->is_over);
    countdown->is_over = --countdown->left <= 0;
    return countdown->is_over;
}

static void canceled_at_every_call(void)
{
    begin();
    REQUIRE(shell(textf("head -c 3500000 /dev/urandom > %s", in_folder("app/photo"))));
    const char *first = backup();
    int calls = 0;
    for (int n = 1; n <= 200; n++) {
        struct countdown countdown = {n, false};
        jb_project_set_hooks(project, NULL, cancel_at, &countdown);
        struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
        options.depth = JB_DEPTH_RESTORE;
        int code = verify_with(&options);
        jb_project_set_hooks(project, NULL, NULL, NULL);
        CHECK(is_tidy());
        if (!countdown.is_over) {
            CHECK(is_clean(code) && is_there(proof_of(first)));
            break;
        }
        calls = n;
        CHECK(code == JB_ECANCELED && report == NULL && err.code == JB_ECANCELED);
        CHECK(!is_there(proof_of(first)));
    }
    printf("# canceled at %d calls\n", calls);
    CHECK(calls > 5);
    CHECK(is_clean(verify_depth(JB_DEPTH_RESTORE)));
    CHECK_TEXT(told(first, "proof"), "proved");
    end();
}

int main(void)
{
    RUN(each_depth_passes);
    RUN(bad_options_are_refused);
    RUN(latest_is_one_of_three);
    RUN(the_latest_that_is_damaged_is_no_pass);
    RUN(a_sample_is_kept_as_one);
    RUN(the_list_tells_what_was_found);
    RUN(broken_until_as_deep_a_look);
    RUN(what_could_not_be_restored_is_incomplete);
    RUN(a_repository_that_is_not_written_is_verified);
    RUN(a_held_lock_keeps_no_proof);
    RUN(a_forged_row_is_found_where_it_is);
    RUN(forged_code_is_found_where_it_is);
    RUN(canceled_at_every_call);
    jbi_arena_free(&edit_arena);
    return check_end();
}
