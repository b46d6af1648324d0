/* SPDX-License-Identifier: MIT */
#include "repository/proof.h"

#include "base/report.h"
#include "fixture.h"
#include "os/file.h"
#include "repository/catalog.h"
#include "repository/pending.h"

#define TS    "20240708_143022"
#define LATER "20240709_143022"
#define PROOF "proof_" TS ".json"
#define DAY   INT64_C(86400000000)

static struct repository repository;
static int daily;
static struct manifest backup; /* as it was loaded */
static struct jb_error err;

static void load_backup(void)
{
    REQUIRE(jbi_manifest_load(&backup, daily, CATEGORY_DAILY, TS, &fixture_arena, NULL) == JB_OK);
}

static void begin(void)
{
    err = (struct jb_error){0};
    open_repository(&repository);
    daily = repository.category_fd[CATEGORY_DAILY];
    publish(&repository, TS, CATEGORY_DAILY, "content");
    load_backup();
}

static void end(void)
{
    jbi_repository_close(&repository);
}

static struct proof make_proof(enum proof_depth depth, enum proof_result result, int64_t at_us)
{
    static const struct proof_finding findings[] = {{JB_ERROR, "db_" TS, "\"entry\" has 3 rows"},
                                                    {JB_WARNING, "", "odd \xc3\xa4"}};
    return (struct proof){.at_us = at_us,
                          .depth = depth,
                          .result = result,
                          .sample = 100,
                          .host = "host1",
                          .tool = "jbackup 0.1.0",
                          .duration_ms = 1234,
                          .files = 10,
                          .tables = 3,
                          .bytes_read = 123,
                          .bytes_restored = 456,
                          .findings = findings,
                          .finding_count = result == PROOF_DIFFERENT ? 2 : 0};
}

static void add(enum proof_depth depth, enum proof_result result, int64_t at_us)
{
    struct proof proof = make_proof(depth, result, at_us);
    if (jbi_proof_add(&repository, &backup, &proof, &fixture_arena, &err) != JB_OK)
        check_note(false, __FILE__, __LINE__, err.text);
}

static struct proofs loaded(void)
{
    struct proofs proofs;
    jb_report *report = jbi_report_new();
    REQUIRE(jbi_proofs_load(&repository, &backup, &fixture_arena, report, &proofs, &err) == JB_OK);
    if (jb_report_finding_count(report) > 0)
        check_note(false, __FILE__, __LINE__, jb_report_finding(report, 0)->message);
    jb_report_free(report);
    return proofs;
}

static char *read_proof(void)
{
    char *text = NULL;
    size_t len = 0;
    REQUIRE(jbi_file_read(daily, PROOF, PROOF_SIZE_MAX, &text, &len, &err) == JB_OK);
    return text;
}

static void what_is_added_is_loaded(void)
{
    begin();
    struct stat st;
    CHECK(loaded().count == 0);
    add(PROOF_BYTES, PROOF_EQUAL, DAY + 1);
    add(PROOF_RESTORE, PROOF_DIFFERENT, 2 * DAY + 654321);
    struct proofs proofs = loaded();
    REQUIRE(proofs.count == 2);
    const struct proof *proof = &proofs.list[0];
    CHECK(proof->at_us == 2 * DAY + 654321 && proofs.list[1].at_us == DAY + 1);
    CHECK(proof->depth == PROOF_RESTORE && proof->result == PROOF_DIFFERENT);
    CHECK(proof->sample == 100 && proof->duration_ms == 1234);
    CHECK(proof->files == 10 && proof->tables == 3);
    CHECK(proof->bytes_read == 123 && proof->bytes_restored == 456);
    CHECK_TEXT(proof->host, "host1");
    CHECK_TEXT(proof->tool, "jbackup 0.1.0");
    REQUIRE(proof->finding_count == 2 && proofs.list[1].finding_count == 0);
    CHECK(proof->findings[0].level == JB_ERROR && proof->findings[1].level == JB_WARNING);
    CHECK_TEXT(proof->findings[0].subject, "db_" TS);
    CHECK_TEXT(proof->findings[0].message, "\"entry\" has 3 rows");
    CHECK_TEXT(proof->findings[1].message, "odd \xc3\xa4");
    CHECK(fstatat(daily, PROOF, &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(!is_there(repository.state_fd, STATE_PROOF));
    end();
}

/* What no file should hold, and what is too much for one. */
static void odd_and_large_proofs_stay_readable(void)
{
    begin();
    static char text[3 * PROOF_TEXT_SIZE];
    struct proof_finding findings[3 * PROOF_FINDINGS_KEPT];
    struct proof proof = make_proof(PROOF_CONTENT, PROOF_DIFFERENT, DAY);
    memset(text, '"', sizeof text - 1);
    for (size_t i = 0; i < 3 * PROOF_FINDINGS_KEPT; i++)
        findings[i] = (struct proof_finding){i == 59   ? JB_CRITICAL
                                             : i == 58 ? JB_ERROR
                                                       : JB_INFO,
                                             text, i == 58 ? "bad \n\xff" : text};
    proof.findings = findings;
    proof.finding_count = 3 * PROOF_FINDINGS_KEPT;
    proof.host = "\xff\n";
    proof.files = UINT64_MAX;
    CHECK(jbi_proof_add(&repository, &backup, &proof, &fixture_arena, &err) == JB_OK);
    struct proofs proofs = loaded();
    REQUIRE(proofs.count == 1);
    REQUIRE(proofs.list[0].finding_count == PROOF_FINDINGS_KEPT);
    CHECK(proofs.list[0].findings[0].level == JB_CRITICAL);
    CHECK_TEXT(proofs.list[0].findings[1].message, "bad \\x0a\\xff");
    CHECK(proofs.list[0].findings[2].level == JB_INFO);
    CHECK(strlen(proofs.list[0].findings[2].message) == PROOF_TEXT_SIZE - 1);
    CHECK_TEXT(proofs.list[0].host, "\\xff\\x0a");
    CHECK(proofs.list[0].files == (uint64_t)MANIFEST_NUMBER_MAX);
    struct proof list[PROOFS_KEPT]; /* the largest file that there can be */
    for (size_t i = 0; i < PROOFS_KEPT; i++)
        list[i] = proofs.list[0];
    proofs.list = list;
    proofs.count = PROOFS_KEPT;
    char *largest = jbi_proofs_print(&proofs);
    CHECK(largest != NULL && strlen(largest) <= PROOF_SIZE_MAX);
    free(largest);
    end();
}

/* The state after proofs, written newest first: a letter for the depth (b, c, r), one for the
 * result
 * (=, !, ?), or "s" for a sample; since is the place of the one that decides, or -1. */
static void expect_state(const char *letters, enum proof_state want, int decides)
{
    struct proof list[16];
    struct proofs proofs = {.list = list};
    int64_t since = -1;
    for (; *letters != '\0'; letters += 2) {
        enum proof_depth depth = letters[0] == 'b'   ? PROOF_BYTES
                                 : letters[0] == 'c' ? PROOF_CONTENT
                                                     : PROOF_RESTORE;
        enum proof_result result = letters[1] == '!' || letters[1] == 'S' ? PROOF_DIFFERENT
                                   : letters[1] == '?'                    ? PROOF_INCOMPLETE
                                                                          : PROOF_EQUAL;
        list[proofs.count] = make_proof(depth, result, 100 - (int64_t)proofs.count);
        if (letters[1] == 's' || letters[1] == 'S')
            list[proofs.count].sample = 10;
        proofs.count++;
    }
    enum proof_state got = jbi_proofs_state(&proofs, &since);
    if (got != want)
        printf("# got %s, want %s\n", jbi_proof_state_name(got), jbi_proof_state_name(want));
    CHECK(got == want && since == (decides < 0 ? 0 : 100 - decides));
    CHECK(jbi_proofs_deciding(&proofs) == (decides < 0 ? NULL : &list[decides]));
}

static void each_state(void)
{
    expect_state("", PROOF_STATE_UNCHECKED, -1);
    expect_state("b?rs", PROOF_STATE_UNCHECKED, -1);
    expect_state("b=", PROOF_STATE_CHECKED, 0);
    expect_state("c=b=", PROOF_STATE_CHECKED, 0);
    expect_state("csc?b=", PROOF_STATE_CHECKED, 2);
    expect_state("r=", PROOF_STATE_PROVED, 0);
    expect_state("b=c=r=r=", PROOF_STATE_PROVED, 2);
    expect_state("r?rsr=", PROOF_STATE_PROVED, 2);
    expect_state("b!r=", PROOF_STATE_BROKEN, 0);
    expect_state("cSr=", PROOF_STATE_BROKEN, 0);
    expect_state("r=b!", PROOF_STATE_PROVED, 0);
    expect_state("c=c!r=", PROOF_STATE_PROVED, 2);
    expect_state("c=b!", PROOF_STATE_CHECKED, 0);
    expect_state("b=c!", PROOF_STATE_BROKEN, 1); /* equal bytes say nothing of the content */
    expect_state("b=c=r!", PROOF_STATE_BROKEN, 2);
    expect_state("rsr?r!", PROOF_STATE_BROKEN, 2);
    expect_state("b!b=r!", PROOF_STATE_BROKEN, 0);
    CHECK_TEXT(jbi_proof_state_name(PROOF_STATE_UNCHECKED), "unchecked");
    CHECK_TEXT(jbi_proof_state_name(PROOF_STATE_BROKEN), "broken");
    enum proof_depth depth = PROOF_BYTES;
    CHECK(jbi_proof_depth_parse("restore", &depth) && depth == PROOF_RESTORE);
    CHECK(!jbi_proof_depth_parse("Restore", &depth) && depth == PROOF_RESTORE);
    CHECK_TEXT(jbi_proof_depth_name(PROOF_CONTENT), "content");
    CHECK_TEXT(jbi_proof_result_name(PROOF_INCOMPLETE), "incomplete");
}

static bool has_proof_at(const struct proofs *proofs, int64_t at_us)
{
    for (size_t i = 0; i < proofs->count; i++)
        if (proofs->list[i].at_us == at_us)
            return true;
    return false;
}

/* However many come after them, the proofs that decide are kept, and the state is the same. */
static void what_decides_is_kept(void)
{
    begin();
    int64_t since = 0;
    add(PROOF_RESTORE, PROOF_EQUAL, 1);
    add(PROOF_RESTORE, PROOF_EQUAL, 2);
    add(PROOF_CONTENT, PROOF_DIFFERENT, 3);
    add(PROOF_CONTENT, PROOF_EQUAL, 4);
    add(PROOF_RESTORE, PROOF_INCOMPLETE, 5);
    add(PROOF_CONTENT, PROOF_INCOMPLETE, 6);
    for (int i = 0; i < PROOFS_KEPT + 10; i++)
        add(PROOF_BYTES, PROOF_EQUAL, 100 + i);
    struct proofs proofs = loaded();
    CHECK(proofs.count == PROOFS_KEPT);
    CHECK(proofs.list[0].at_us == 100 + PROOFS_KEPT + 9);
    CHECK(!has_proof_at(&proofs, 1) && !has_proof_at(&proofs, 100));
    for (int64_t at = 2; at <= 6; at++)
        CHECK(has_proof_at(&proofs, at));
    CHECK(jbi_proofs_state(&proofs, &since) == PROOF_STATE_PROVED && since == 2);
    add(PROOF_RESTORE, PROOF_DIFFERENT, 7);
    for (int i = 0; i < PROOFS_KEPT + 10; i++)
        add(i % 2 ? PROOF_BYTES : PROOF_CONTENT, PROOF_EQUAL, 1); /* the clock went back */
    proofs = loaded();
    CHECK(proofs.count == PROOFS_KEPT && proofs.list[0].at_us == 1);
    CHECK(jbi_proofs_state(&proofs, &since) == PROOF_STATE_BROKEN && since == 7);
    end();
}

static void set_pinned(bool pinned)
{
    struct manifest changed = backup;
    changed.pinned = pinned;
    REQUIRE(jbi_manifest_rewrite(&repository, &changed, &err) == JB_OK);
    load_backup();
    REQUIRE(backup.pinned == pinned);
}

static void set_time_zone(const char *name)
{
    REQUIRE((name ? setenv("TZ", name, 1) : unsetenv("TZ")) == 0);
    tzset();
}

static void pins_and_time_zones_leave_proofs_alone(void)
{
    begin();
    char before[SHA256_HEX_SIZE], digest[SHA256_HEX_SIZE];
    set_time_zone("Europe/Berlin");
    memcpy(before, backup.self_sha256, sizeof before);
    add(PROOF_RESTORE, PROOF_EQUAL, DAY);
    set_pinned(true);
    CHECK(strcmp(before, backup.self_sha256) != 0);
    CHECK(loaded().count == 1);
    set_time_zone("Asia/Tokyo");
    CHECK(loaded().count == 1);
    set_pinned(false);
    CHECK(strcmp(before, backup.self_sha256) != 0);
    CHECK(loaded().count == 1);
    add(PROOF_BYTES, PROOF_EQUAL, 2 * DAY);
    CHECK(loaded().count == 2);
    set_pinned(true);
    set_time_zone(NULL);
    CHECK(loaded().count == 2);
    backup.artifacts[0].schema_sha256[0] ^= 1; /* another backup */
    backup.self_sha256[0] ^= 1;
    CHECK(loaded().count == 0);
    add(PROOF_BYTES, PROOF_EQUAL, 3 * DAY);
    CHECK(loaded().count == 1);
    struct manifest made = make_manifest(TS, CATEGORY_DAILY, "content");
    CHECK(made.self_sha256[0] == '\0' && jbi_manifest_digest(&made, digest));
    end();
}

/* Writes a file in the place of the proofs and expects a WARNING, no proof, and that the next proof
 * replaces it. */
static void expect_damaged(const char *text, const char *want)
{
    struct proofs proofs;
    jb_report *report = jbi_report_new();
    write_file(daily, PROOF, text);
    CHECK(jbi_proofs_load(&repository, &backup, &fixture_arena, report, &proofs, &err) == JB_OK);
    CHECK(proofs.count == 0 && jb_report_finding_count(report) == 1);
    CHECK(jb_report_verdict(report) == JB_WARNING);
    const struct jb_finding *finding = jb_report_finding(report, 0);
    REQUIRE(finding != NULL);
    CHECK_TEXT(finding->subject, "daily/" PROOF);
    CHECK_HAS(finding->message, want);
    jb_report_free(report);
    CHECK(jbi_proofs_load(&repository, &backup, &fixture_arena, NULL, &proofs, NULL) == JB_OK);
    add(PROOF_BYTES, PROOF_EQUAL, DAY);
    CHECK(loaded().count == 1);
}

/* The printed proofs with the first occurrence of a text replaced. */
static void expect_refused(const char *good, const char *from, const char *to, const char *want)
{
    const char *at = strstr(good, from);
    REQUIRE(at != NULL);
    char *text =
        jbi_arena_printf(&fixture_arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    expect_damaged(text, want);
}

static void hostile_files_are_refused(void)
{
    begin();
    add(PROOF_RESTORE, PROOF_DIFFERENT, DAY);
    char *good = read_proof();
    expect_damaged("", PROOF);
    expect_damaged("[]", "is missing");
    expect_damaged("{\"timestamp\": \"" TS "\"", PROOF);
    expect_refused(good, TS, LATER, "of another backup");
    expect_refused(good, "\"manifest_sha256\": \"", "\"manifest_sha256\": \"x", "no SHA-256");
    expect_refused(good, "\"manifest_digest\"", "\"x\"", "manifest_digest is missing");
    expect_refused(good, "\"proofs\"", "\"x\"", "proofs is");
    expect_refused(good, "\"restore\"", "\"deep\"", "depth is not known");
    expect_refused(good, "\"different\"", "7", "result is");
    expect_refused(good, "\"at\": \"1970", "\"at\": \"1969", "at is no time");
    expect_refused(good, "\"sample\": 100", "\"sample\": 0", "sample is not");
    expect_refused(good, "\"sample\": 100", "\"sample\": 101", "sample is not");
    expect_refused(good, "\"files\": 10", "\"files\": -10", "files is negative");
    expect_refused(good, "\"tables\": 3", "\"tables\": 3.5", "tables is");
    expect_refused(good, "1.234", "-1.234", "duration_s is");
    expect_refused(good, "\"ERROR\"", "\"error\"", "level is not known");
    expect_refused(good, "\"subject\"", "\"x\"", "subject is missing");
    char *zeros = jbi_arena_printf(&fixture_arena, "%01100d", 0);
    expect_refused(good, "host1", zeros, "host is absurdly long");
    free(good);
    expect_damaged(jbi_arena_printf(&fixture_arena,
                                    "{\"timestamp\": \"" TS "\", \"manifest_sha256\": null, "
                                    "\"manifest_digest\": \"%064d\", \"proofs\": [%050d",
                                    0, 0),
                   PROOF);
    end();
}

static void lists_that_are_too_long_are_refused(void)
{
    begin();
    struct text text = {0};
    jbi_text_addf(&text,
                  "{\"timestamp\": \"" TS "\", \"manifest_sha256\": null, "
                  "\"manifest_digest\": \"%064d\", \"proofs\": [0",
                  0);
    for (int i = 0; i < PROOFS_KEPT; i++)
        jbi_text_adds(&text, ",0");
    jbi_text_adds(&text, "]}");
    expect_damaged(text.at, "proofs is absurdly long");
    jbi_text_free(&text);
    end();
}

static void what_is_no_file_is_neither_read_nor_replaced(void)
{
    begin();
    struct proofs proofs;
    struct proof proof = make_proof(PROOF_BYTES, PROOF_EQUAL, DAY);
    for (int i = 0; i < 3; i++) {
        jb_report *report = jbi_report_new();
        err = (struct jb_error){0};
        REQUIRE((i == 0   ? symlinkat("manifest_" TS ".json", daily, PROOF)
                 : i == 1 ? mkdirat(daily, PROOF, 0700)
                          : mkfifoat(daily, PROOF, 0600)) == 0);
        CHECK(jbi_proofs_load(&repository, &backup, &fixture_arena, report, &proofs, &err) ==
              JB_OK);
        CHECK(proofs.count == 0 && jb_report_verdict(report) == JB_WARNING);
        CHECK(jbi_proof_add(&repository, &backup, &proof, &fixture_arena, &err) == JB_EIO);
        CHECK(is_there(daily, PROOF));
        REQUIRE(unlinkat(daily, PROOF, i == 1 ? AT_REMOVEDIR : 0) == 0);
        jb_report_free(report);
    }
    REQUIRE(ftruncate(openat(daily, PROOF, O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
                      PROOF_SIZE_MAX + 1) == 0);
    CHECK(jbi_proofs_load(&repository, &backup, &fixture_arena, NULL, &proofs, &err) == JB_OK);
    CHECK(proofs.count == 0);
    end();
}

static void a_proof_goes_with_its_backup(void)
{
    begin();
    struct stat st;
    uint64_t freed = 0, without = 0, with = 0;
    CHECK(jbi_freed_by(&repository, &backup, &without, NULL) == JB_OK);
    add(PROOF_RESTORE, PROOF_EQUAL, DAY);
    REQUIRE(fstatat(daily, PROOF, &st, 0) == 0);
    CHECK(jbi_freed_by(&repository, &backup, &with, NULL) == JB_OK);
    CHECK(with == without + (uint64_t)st.st_size);
    CHECK(jbi_backup_is_whole(&repository, &backup));
    publish(&repository, LATER, CATEGORY_DAILY, "content");
    write_file(daily, "proof_" LATER ".json", "another's");
    jb_report *report = jbi_report_new();
    CHECK(jbi_repository_remove(&repository, &backup, &freed, report, &err) == JB_OK);
    CHECK(freed >= without + (uint64_t)st.st_size);
    CHECK(jb_report_finding_count(report) == 0);
    CHECK(!is_there(daily, PROOF) && is_there(daily, "proof_" LATER ".json"));
    CHECK(jbi_timestamp_is_taken(&repository, TS) == 0);
    struct proof proof = make_proof(PROOF_BYTES, PROOF_EQUAL, DAY);
    CHECK(jbi_proof_add(&repository, &backup, &proof, &fixture_arena, &err) == JB_ENOTFOUND);
    CHECK(!is_there(daily, PROOF));
    write_file(daily, PROOF, "left by someone");
    CHECK(jbi_timestamp_is_taken(&repository, TS) == 1);
    jb_report_free(report);
    end();
}

static void a_proof_goes_with_a_damaged_backup(void)
{
    begin();
    uint64_t freed = 0;
    add(PROOF_RESTORE, PROOF_DIFFERENT, DAY);
    write_file(daily, "manifest_" TS ".json", "{}");
    CHECK(jbi_repository_remove_damaged(&repository, CATEGORY_DAILY, TS, &freed, NULL, &err) ==
          JB_OK);
    CHECK(!is_there(daily, PROOF) && jbi_timestamp_is_taken(&repository, TS) == 0);
    end();
}

/* The manifest has gone, and the machine died; the note may be of a time when there was no proof.
 */
static void an_interrupted_removal_takes_the_proof(void)
{
    for (int with_name = 0; with_name <= 1; with_name++) {
        begin();
        struct pending pending;
        add(PROOF_RESTORE, PROOF_EQUAL, DAY);
        REQUIRE(jbi_pending_of(&pending, PENDING_REMOVE, &backup, &fixture_arena, &err) == JB_OK);
        CHECK_TEXT(pending.files[pending.count - 1], PROOF);
        pending.count -= with_name ? 0 : 1;
        REQUIRE(jbi_pending_save(&repository, &pending, &err) == JB_OK);
        REQUIRE(jbi_repository_recover(&repository, NULL, &err) == JB_OK);
        CHECK(is_there(daily, PROOF) && loaded().count == 1); /* the removal had not begun */
        REQUIRE(jbi_pending_save(&repository, &pending, &err) == JB_OK);
        REQUIRE(unlinkat(daily, "manifest_" TS ".json", 0) == 0);
        jb_report *report = jbi_report_new();
        REQUIRE(jbi_repository_recover(&repository, report, &err) == JB_OK);
        CHECK(jb_report_verdict(report) == JB_INFO);
        CHECK(!is_there(daily, PROOF) && jbi_timestamp_is_taken(&repository, TS) == 0);
        CHECK(!is_there(repository.state_fd, "pending"));
        jb_report_free(report);
        end();
        check_remove_folder();
    }
}

static void a_new_backup_takes_over_no_proof(void)
{
    begin();
    write_file(daily, "proof_" LATER ".json", "left by someone");
    struct manifest m = make_manifest(LATER, CATEGORY_DAILY, "content");
    int staging = stage(&repository, &m, "content");
    CHECK(jbi_repository_publish(&repository, staging, &m, &err) == JB_EIO);
    CHECK_HAS(err.text, "proof_" LATER ".json");
    CHECK(is_there(daily, "proof_" LATER ".json") && !is_there(daily, "db_" LATER));
    close(staging);
    end();
}

static void a_read_only_repository_is_an_error(void)
{
    begin();
    struct proof proof = make_proof(PROOF_BYTES, PROOF_EQUAL, DAY);
    int state = repository.state_fd;
    add(PROOF_RESTORE, PROOF_EQUAL, DAY);
    repository.state_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jbi_proof_add(&repository, &backup, &proof, &fixture_arena, &err) == JB_EIO);
    close(repository.state_fd);
    repository.state_fd = state;
    CHECK(loaded().count == 1);
    end();
}

int main(void)
{
    RUN(what_is_added_is_loaded);
    RUN(odd_and_large_proofs_stay_readable);
    RUN(each_state);
    RUN(what_decides_is_kept);
    RUN(pins_and_time_zones_leave_proofs_alone);
    RUN(hostile_files_are_refused);
    RUN(lists_that_are_too_long_are_refused);
    RUN(what_is_no_file_is_neither_read_nor_replaced);
    RUN(a_proof_goes_with_its_backup);
    RUN(a_proof_goes_with_a_damaged_backup);
    RUN(an_interrupted_removal_takes_the_proof);
    RUN(a_new_backup_takes_over_no_proof);
    RUN(a_read_only_repository_is_an_error);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
