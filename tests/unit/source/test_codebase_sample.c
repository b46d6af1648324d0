/* SPDX-License-Identifier: MIT */
#include "forgery.h"

static struct source_checked sampled(int category, const struct artifact *artifacts, int percent,
                                     uint32_t seed, jb_report *report)
{
    struct source_checked checked;
    struct jb_error err = {0};
    struct source_job job = job_of(report);
    CHECK(jbi_codebase_sample(&job, category, &artifacts[0], &artifacts[1], percent, seed, &checked,
                              &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    return checked;
}

static void put_noise(int dir, const char *name, size_t size, uint32_t seed)
{
    uint32_t *words = malloc(size + 4);
    REQUIRE(words != NULL);
    for (size_t i = 0; i <= size / 4; i++)
        words[i] = seed = seed * 1664525u + 1013904223u;
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && jbi_write_full(fd, words, size) == 0);
    const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
    REQUIRE(futimens(fd, times) == 0 && close(fd) == 0);
    free(words);
}

#define SMALL_FILES 900
#define FILES       (SMALL_FILES + 3)
#define MIB         (1u << 20)

static void make_tree(int code)
{
    char name[32];
    for (uint32_t i = 0; i < SMALL_FILES; i++) {
        snprintf(name, sizeof name, "f%04u", i);
        put_noise(code, name, 20000, i);
    }
    put_noise(code, "l1", MIB, 1);
    put_noise(code, "l2", MIB + 1, 2);
    put_noise(code, "l3", 5 * MIB, 3);
}

static void a_share_is_read(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    jb_report *report = jbi_report_new();
    make_tree(code);
    capture_into(category, artifacts);
    struct source_checked checked = sampled(category, artifacts, 100, 1, report);
    CHECK(checked.files == FILES && !checked.sha256_known);
    CHECK(checked.bytes_read <= artifacts[0].size &&
          checked.bytes_read + 100 >= artifacts[0].size); /* but for the end mark, if alone */
    uint64_t read = 0, files = 0;
    for (uint32_t seed = 0; seed < 20; seed++) {
        checked = sampled(category, artifacts, 50, seed, report);
        CHECK(checked.files > 0 && checked.files < FILES);
        read += checked.bytes_read;
        files += checked.files;
        struct source_checked again = sampled(category, artifacts, 50, seed, report);
        CHECK(again.files == checked.files && again.bytes_read == checked.bytes_read);
    }
    CHECK(read > artifacts[0].size * 8 && read < artifacts[0].size * 12);
    CHECK(files > FILES * 8 && files < FILES * 12);
    read = 0;
    for (uint32_t seed = 0; seed < 20; seed++) {
        checked = sampled(category, artifacts, 1, seed, report);
        CHECK(checked.files > 0); /* never nothing */
        read += checked.bytes_read;
    }
    CHECK(read < artifacts[0].size * 20 * 4 / 100);
    checked = sampled(category, artifacts, 0, 3, report);
    CHECK(checked.files > 0 && checked.files < FILES / 10);
    CHECK(report->finding_count == 0);
    print_findings(report);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* A very large file is drawn member by member. */
static void a_very_large_file_in_part(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    put_noise(code, "huge", 100 * MIB, 9);
    capture_into(category, artifacts);
    for (int percent = 10; percent <= 100; percent += 45) {
        jb_report *report = jbi_report_new();
        struct source_checked checked = sampled(category, artifacts, percent, 7, report);
        uint64_t share = checked.bytes_read * 100 / artifacts[0].size;
        CHECK(share + 15 > (uint64_t)percent && share < (uint64_t)percent + 15);
        CHECK(checked.files == (percent == 100) && report->finding_count == (percent != 100));
        CHECK(count_level(report, JB_WARNING) == 0);
        jbi_report_hand_over(report, NULL, NULL);
    }
    jb_report *report = jbi_report_new();
    struct source_checked checked = sampled(category, artifacts, 0, 7, report);
    CHECK(checked.bytes_read > MIB / 2 && checked.bytes_read < 3 * MIB); /* never nothing */
    CHECK(report->finding_count == 1 && count_level(report, JB_WARNING) == 0);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* How many of some seeds find it. */
static int finders(int category, const struct artifact *artifacts, int percent, const char *path,
                   const char *says, uint32_t seeds)
{
    int found = 0;
    char subject[80];
    snprintf(subject, sizeof subject, ARCHIVE ": %s", path);
    for (uint32_t seed = 0; seed < seeds; seed++) {
        jb_report *report = jbi_report_new();
        sampled(category, artifacts, percent, seed, report);
        const char *message = finding(report, subject);
        CHECK(message == NULL || strstr(message, says) != NULL);
        if (message != NULL && strstr(message, says) == NULL)
            print_findings(report);
        found += message != NULL;
        jbi_report_hand_over(report, NULL, NULL);
    }
    return found;
}

static void check_shares(int category, const struct artifact *artifacts, const char *path,
                         const char *says)
{
    int half = finders(category, artifacts, 50, path, says, 20);
    CHECK(finders(category, artifacts, 100, path, says, 2) == 2);
    CHECK(half > 3 && half < 17);
    CHECK(finders(category, artifacts, 1, path, says, 20) < 5);
}

/* One file of the archive has another byte than when the index was made. */
static void forged_content_is_found(void)
{
    static const char *const edited[] = {"f0300", "l3"};
    struct artifact artifacts[2], forged[2];
    int code = folder("code"), category = folder("category"), second = folder("second");
    make_tree(code);
    for (size_t i = 0; i < 2; i++) {
        size_t size = i == 0 ? 20000 : 5 * MIB;
        uint32_t seed = i == 0 ? 300 : 3;
        capture_into(category, artifacts);
        put_noise(code, edited[i], size, seed + 7777);
        capture_into(second, forged);
        forge(second, &forged[0], category, &artifacts[0]);
        check_shares(category, artifacts, edited[i], "digest");
        put_noise(code, edited[i], size, seed);
        CHECK(unlinkat(second, forged[1].path, 0) == 0);
        for (int a = 0; a < 2; a++)
            CHECK(unlinkat(category, artifacts[a].path, 0) == 0);
    }
    close(code);
    close(category);
    close(second);
}

static void entries_that_differ_are_found(void)
{
    struct artifact artifacts[2], forged[2];
    int code = folder("code"), category = folder("category"), second = folder("second");
    make_tree(code);
    capture_into(category, artifacts);
    REQUIRE(fchmodat(code, "f0300", 0644, 0) == 0);
    capture_into(second, forged);
    forge(second, &forged[0], category, &artifacts[0]);
    check_shares(category, artifacts, "f0300", "differ: mode");
    close(code);
    close(category);
    close(second);
}

/* The archive lacks a file that the index has, and the other way round: at its place it is found,
 * behind it nothing is where the index says. */
static void missing_and_added_entries_are_found(void)
{
    for (int a = 0; a < 2; a++) {
        struct artifact artifacts[2], forged[2];
        int code = folder("code"), category = folder("category"), second = folder("second");
        jb_report *report = jbi_report_new();
        make_tree(code);
        capture_into(category, artifacts);
        REQUIRE(unlinkat(code, "f0300", 0) == 0);
        capture_into(second, forged);
        forge(second, &forged[a], category, &artifacts[a]);
        sampled(category, artifacts, 100, 1, report);
        CHECK(count_level(report, JB_ERROR) > 0);
        jbi_report_hand_over(report, NULL, NULL);
        close(code);
        close(category);
        close(second);
        check_remove_folder();
    }
}

static void damaged_bytes_are_found(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    char byte;
    make_tree(code);
    capture_into(category, artifacts);
    int fd = openat(category, artifacts[0].path, O_RDWR | O_CLOEXEC);
    for (uint64_t at = 30; at < artifacts[0].size; at += artifacts[0].size / 9) {
        jb_report *report = jbi_report_new();
        REQUIRE(pread(fd, &byte, 1, (off_t)at) == 1);
        byte = (char)~byte;
        REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1);
        sampled(category, artifacts, 100, 1, report);
        CHECK(count_level(report, JB_ERROR) >= 2); /* the place, and the files in it */
        byte = (char)~byte;
        REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1);
        jbi_report_hand_over(report, NULL, NULL);
    }
    jb_report *report = jbi_report_new();
    artifacts[1].sha256[3] ^= 1;
    sampled(category, artifacts, 100, 1, report);
    CHECK_HAS(finding(report, ARCHIVE), "does not have the checksum");
    jbi_report_hand_over(report, NULL, NULL);
    close(fd);
    close(code);
    close(category);
}

static int cancel(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)unit;
    CHECK_TEXT(step, "verify sample of code");
    return done > total / 2;
}

static void it_can_be_canceled(void)
{
    struct artifact artifacts[2];
    struct source_checked checked;
    struct jb_error err = {0};
    struct hooks hooks = {.progress = cancel};
    int code = folder("code"), category = folder("category");
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    job.hooks = &hooks;
    make_tree(code);
    capture_into(category, artifacts);
    CHECK(jbi_codebase_sample(&job, category, &artifacts[0], &artifacts[1], 90, 1, &checked,
                              &err) == JB_ECANCELED);
    CHECK(report->finding_count == 0);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

int main(void)
{
    RUN(a_share_is_read);
    RUN(a_very_large_file_in_part);
    RUN(forged_content_is_found);
    RUN(entries_that_differ_are_found);
    RUN(missing_and_added_entries_are_found);
    RUN(damaged_bytes_are_found);
    RUN(it_can_be_canceled);
    jbi_arena_free(&arena);
    return check_end();
}
