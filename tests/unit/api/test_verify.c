/* SPDX-License-Identifier: MIT */
/* backup_verify: whatever is wrong with a backup is an ERROR finding that names the artifact. */
#include "archive/index.h"
#include "edit.h"

static int verify_one(const char *timestamp)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    options.timestamp = timestamp;
    free_report();
    return backup_verify(project, &options, &report, &err);
}

/* Verifies and expects an ERROR on the artifact. */
static bool is_found(const char *subject)
{
    int code = verify();
    bool ok = code == JB_OK && has_finding(JB_ERROR, subject) &&
              jb_exit_status(code, report) == 1 && jb_report_number(report, JB_FIGURES, "bad") == 1;
    if (!ok && code == JB_OK)
        print_findings();
    return ok;
}

static void nothing_is_never_a_pass(void)
{
    begin();
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_ERROR);
    CHECK(jb_exit_status(JB_OK, report) == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 0);
    CHECK_HAS(jb_report_finding(report, 0)->message, "no backup");
    CHECK(!is_there("backups"));
    CHECK(verify_one("20240101_000000") == JB_ENOTFOUND);
    CHECK(verify_one("yesterday") == JB_EINVAL);
    end();
}

static void a_sound_backup_passes(void)
{
    begin();
    char first[32], second[32];
    strcpy(first, backup_of(JB_TYPE_FULL, "daily", NULL));
    strcpy(second, backup_of(JB_TYPE_DATABASE, "monthly", NULL));
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    CHECK(jb_report_finding_count(report) == 0);
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 2);
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts") == 4);
    CHECK(jb_report_number(report, JB_FIGURES, "tables") == 4);
    CHECK(jb_report_number(report, JB_FIGURES, "bytes_read") > 0);
    CHECK(jb_report_number(report, row_where("timestamp", first), "ok") == 1);
    CHECK(jb_report_number(report, row_where("timestamp", first), "files") > 0);
    CHECK(jb_report_number(report, row_where("timestamp", second), "tables") == 2);
    CHECK(entries("backups/.jbackup") == 2 || !is_there("backups/.jbackup/staging"));
    end();
}

/* The files of the one backup below backups/daily. */
static size_t backup_files(const char *timestamp, const char *names[5])
{
    struct manifest manifest = manifest_of(timestamp);
    size_t count = 0;
    for (; count < manifest.artifact_count; count++)
        names[count] = manifest.artifacts[count].path;
    names[count++] = jbi_arena_printf(&edit_arena, "checksums_%s.sha256", timestamp);
    names[count++] = jbi_arena_printf(&edit_arena, "manifest_%s.json", timestamp);
    return count;
}

/* A database of one page, so that each of its bytes can be tried. */
static const char *begin_small(void)
{
    make_folder("app");
    write_text("app/a.txt", "a\n");
    sql("app/a.db", "PRAGMA page_size=512; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    open_with("{\"backup_dir\": \"../backups\", \"exclude\": [\"jbackup.json\"], \"jobs\": 1,"
              "\"databases\": [\"sqlite:///a.db\"]}");
    return backup();
}

static void a_flipped_byte_is_found_at_every_offset(void)
{
    const char *names[5];
    size_t count = backup_files(begin_small(), names), missed = 0, tried = 0;
    CHECK(count == 5);
    for (size_t i = 0; i < count; i++) {
        size_t len;
        char path[512];
        snprintf(path, sizeof path, "%s/backups/daily/%s", check_folder(), names[i]);
        char *bytes = read_bytes(path, &len);
        for (size_t at = 0; at < len; at++, tried++) {
            char kept = bytes[at];
            bytes[at] = (char)(kept ^ 1 << at % 8);
            write_bytes(path, bytes, len);
            bool ok = is_found(names[i]);
            if (!ok && missed++ < 10)
                printf("# missed: %s, byte %zu\n", names[i], at);
            bytes[at] = kept;
        }
        write_bytes(path, bytes, len);
        free(bytes);
    }
    printf("# %zu bytes\n", tried);
    CHECK(missed == 0);
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    end();
}

static void a_cut_or_longer_file_is_found_at_every_length(void)
{
    const char *names[5];
    size_t count = backup_files(begin_small(), names), missed = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len;
        char path[512];
        snprintf(path, sizeof path, "%s/backups/daily/%s", check_folder(), names[i]);
        char *bytes = read_bytes(path, &len);
        for (size_t at = 0; at < len; at += at + 9 < len ? 1 + at % 5 : 1) {
            write_bytes(path, bytes, at);
            bool ok = is_found(names[i]);
            if (!ok && missed++ < 10)
                printf("# missed: %s, cut at %zu\n", names[i], at);
        }
        write_bytes(path, bytes, len + 1); /* the NUL behind */
        CHECK(is_found(names[i]));
        write_bytes(path, bytes, len);
        free(bytes);
    }
    CHECK(missed == 0);
    end();
}

static void a_missing_artifact_is_found(void)
{
    const char *names[5];
    size_t count = backup_files(begin_small(), names);
    for (size_t i = 0; i + 1 < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/backups/daily/%s", check_folder(), names[i]);
        REQUIRE(rename(path, in_folder("aside")) == 0);
        CHECK(is_found(names[i]));
        REQUIRE(mkdir(path, 0700) == 0);
        CHECK(is_found(names[i]));
        REQUIRE(rmdir(path) == 0 && symlink(in_folder("aside"), path) == 0);
        CHECK(is_found(names[i]));
        REQUIRE(unlink(path) == 0 && mkfifo(path, 0600) == 0);
        CHECK(is_found(names[i]));
        REQUIRE(unlink(path) == 0 && rename(in_folder("aside"), path) == 0);
    }
    end();
}

static void a_damaged_manifest_is_a_finding_of_its_timestamp(void)
{
    char first[32], second[32];
    strcpy(first, begin_small());
    strcpy(second, backup());
    write_text(textf("backups/daily/manifest_%s.json", first), "{}");
    CHECK(verify_one(first) == JB_OK);
    CHECK(has_finding(JB_ERROR, first));
    CHECK(jb_report_number(report, JB_FIGURES, "bad") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 1);
    CHECK(verify_one(second) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "bad") == 0);
    CHECK(jb_report_number(report, 0, "ok") == 1);
    end();
}

/* ---- Forgeries: all checksums are right ---- */

static void an_added_row_is_found(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *copy = artifact_of(&manifest, ARTIFACT_SQLITE);
    artifact_unpack(copy);
    sql("plain", "INSERT INTO entry(text) VALUES('forged')");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_found(textf("%s: table \"entry\"", copy->path)));
    end();
}

static void a_changed_row_and_schema_are_found(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *copy = artifact_of(&manifest, ARTIFACT_SQLITE);
    artifact_unpack(copy);
    sql("plain", "UPDATE user SET name = 'bob'; CREATE TABLE more(a); CREATE INDEX i ON more(a)");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_found("table \"user\""));
    CHECK(has_finding(JB_ERROR, "table \"more\""));
    artifact_unpack(copy);
    sql("plain", "DROP TABLE more; DROP TABLE user");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_found("table \"user\""));
    write_text("plain", "not a database");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_found(copy->path));
    write_text("plain", "");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(is_found(copy->path));
    end();
}

static void another_digest_in_the_index_is_found(void)
{
    char hex[SHA256_HEX_SIZE], forged[SHA256_HEX_SIZE];
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *index = artifact_of(&manifest, ARTIFACT_INDEX);
    sha256_of("<svg/>\n", 7, hex);
    sha256_of("<gvs/>\n", 7, forged);
    artifact_unpack(index);
    plain_replace(hex, forged);
    artifact_pack(index);
    manifest_put(&manifest);
    CHECK(is_found("static/logo.svg"));
    end();
}

static void other_content_in_the_archive_is_found(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *archive = artifact_of(&manifest, ARTIFACT_CODEBASE);
    artifact_unpack(archive);
    plain_replace("<svg/>", "<gvs/>");
    artifact_pack(archive);
    manifest_put(&manifest);
    CHECK(is_found("static/logo.svg"));
    end();
}

static void claims_of_the_manifest_are_compared(void)
{
    begin();
    char first[32];
    strcpy(first, backup());
    struct manifest manifest = manifest_of(first);
    artifact_of(&manifest, ARTIFACT_CODEBASE)->files++;
    manifest_put(&manifest);
    CHECK(is_found("codebase_"));
    manifest = manifest_of(first);
    artifact_of(&manifest, ARTIFACT_CODEBASE)->files--;
    artifact_of(&manifest, ARTIFACT_SQLITE)->table_count--;
    manifest_put(&manifest);
    CHECK(is_found("sqlite_journal.db.gz"));
    manifest = manifest_of(first);
    artifact_of(&manifest, ARTIFACT_SQLITE)->size++;
    manifest_put(&manifest);
    CHECK(is_found("sqlite_journal.db.gz"));
    end();
}

static void the_manifest_with_nothing_in_it(void)
{
    begin();
    char first[32];
    strcpy(first, backup());
    struct manifest manifest = manifest_of(first);
    manifest.artifact_count = 0;
    manifest_put(&manifest);
    CHECK(verify() == JB_OK && jb_report_verdict(report) >= JB_ERROR);
    CHECK(jb_report_number(report, JB_FIGURES, "bad") == 1);
    end();
}

int main(void)
{
    RUN(nothing_is_never_a_pass);
    RUN(a_sound_backup_passes);
    RUN(a_flipped_byte_is_found_at_every_offset);
    RUN(a_cut_or_longer_file_is_found_at_every_length);
    RUN(a_missing_artifact_is_found);
    RUN(a_damaged_manifest_is_a_finding_of_its_timestamp);
    RUN(an_added_row_is_found);
    RUN(a_changed_row_and_schema_are_found);
    RUN(another_digest_in_the_index_is_found);
    RUN(other_content_in_the_archive_is_found);
    RUN(claims_of_the_manifest_are_compared);
    RUN(the_manifest_with_nothing_in_it);
    jbi_arena_free(&edit_arena);
    return check_end();
}
