/* SPDX-License-Identifier: MIT */
#include "repository/catalog.h"

#include "base/report.h"
#include "fixture.h"

static struct repository repository;

static void publish_as(const char *timestamp, enum category category, int64_t sequence,
                       int64_t created_s)
{
    struct manifest m = publish(&repository, timestamp, category, "content");
    m.sequence = sequence;
    m.created_us = created_s * 1000000;
    REQUIRE(jbi_manifest_rewrite(&repository, &m, NULL) == JB_OK);
}

static void an_empty_repository_has_an_empty_catalog(void)
{
    struct catalog catalog;
    const struct manifest *found;
    struct jb_error err = {0};
    open_repository(&repository);
    CHECK(jbi_catalog_load(&catalog, &repository, JB_ERROR, NULL, NULL) == JB_OK &&
          catalog.count == 0);
    CHECK(jbi_catalog_find(&catalog, "20240708_143022", &found, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "no backup yet");
    jbi_catalog_free(&catalog);
    jbi_repository_close(&repository);
}

/* The clock may go backwards: the sequence tells the order, then the instant, then the name. */
static void the_newest_comes_first(void)
{
    struct catalog catalog;
    open_repository(&repository);
    publish_as("20240710_020000", CATEGORY_DAILY, 5, 5000);
    publish_as("20240709_020000", CATEGORY_WEEKLY, 6, 1000);
    publish_as("20240711_020000", CATEGORY_MONTHLY, 4, 9000);
    publish_as("20240712_020000", CATEGORY_MONTHLY, 4, 8000);
    publish_as("20240713_020000", CATEGORY_DAILY, 4, 8000);
    CHECK(jbi_catalog_load(&catalog, &repository, JB_ERROR, NULL, NULL) == JB_OK);
    REQUIRE(catalog.count == 5);
    CHECK_TEXT(catalog.backups[0].timestamp, "20240709_020000");
    CHECK_TEXT(catalog.backups[1].timestamp, "20240710_020000");
    CHECK_TEXT(catalog.backups[2].timestamp, "20240711_020000");
    CHECK_TEXT(catalog.backups[3].timestamp, "20240713_020000");
    CHECK_TEXT(catalog.backups[4].timestamp, "20240712_020000");
    jbi_catalog_free(&catalog);
    jbi_repository_close(&repository);
}

static void only_whole_manifests_in_their_place_are_listed(void)
{
    struct catalog catalog;
    const struct manifest *found;
    struct jb_error err = {0};
    open_repository(&repository);
    int daily = repository.category_fd[CATEGORY_DAILY];
    publish(&repository, "20240708_020000", CATEGORY_DAILY, "content");
    publish(&repository, "20240709_020000", CATEGORY_DAILY, "content");
    write_file(daily, "manifest_20240709_020000.json", "{}");
    write_file(daily, ".manifest_20240708_020000.json.tmp", "{}");
    write_file(daily, "manifest_20240799_020000.json", "{}");
    write_file(daily, "notes.txt", "mine");
    REQUIRE(mkfifoat(daily, "manifest_20240710_020000.json", 0600) == 0);
    REQUIRE(symlinkat("manifest_20240708_020000.json", daily, "manifest_20240711_020000.json") ==
            0);
    jb_report *report = jbi_report_new();
    CHECK(jbi_catalog_load(&catalog, &repository, JB_ERROR, report, NULL) == JB_OK);
    CHECK(catalog.count == 1 && catalog.damaged == 3);
    CHECK(jb_report_finding_count(report) == 3 && jb_report_verdict(report) == JB_ERROR);
    CHECK_HAS(jb_report_finding(report, 0)->subject, "daily/manifest_202407");
    CHECK(jbi_catalog_find(&catalog, "20240708_020000", &found, &err) == JB_OK);
    CHECK(found == &catalog.backups[0]);
    CHECK(jbi_catalog_find(&catalog, "20240709_020000", &found, &err) == JB_ECORRUPT);
    jb_report_free(report);
    jbi_catalog_free(&catalog);
    jbi_repository_close(&repository);
}

static void a_mistyped_timestamp_is_helped(void)
{
    struct catalog catalog;
    const struct manifest *found;
    struct jb_error err = {0};
    open_repository(&repository);
    publish(&repository, "20240708_020000", CATEGORY_DAILY, "content");
    publish(&repository, "20240710_020000", CATEGORY_DAILY, "content");
    CHECK(jbi_catalog_load(&catalog, &repository, JB_ERROR, NULL, NULL) == JB_OK);
    CHECK(jbi_catalog_find(&catalog, "20240709_020000", &found, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "20240708_020000 and 20240710_020000");
    err = (struct jb_error){0};
    CHECK(jbi_catalog_find(&catalog, "20250101_000000", &found, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "backup is 20240710_020000");
    err = (struct jb_error){0};
    CHECK(jbi_catalog_find(&catalog, "yesterday", &found, &err) == JB_EINVAL);
    CHECK_HAS(err.hint, "20240708_143022");
    jbi_catalog_free(&catalog);
    jbi_repository_close(&repository);
}

static void whole_means_every_file_with_its_size(void)
{
    open_repository(&repository);
    struct manifest m = publish(&repository, "20240708_020000", CATEGORY_DAILY, "content");
    int daily = repository.category_fd[CATEGORY_DAILY];
    CHECK(jbi_backup_is_whole(&repository, &m));
    write_file(daily, m.artifacts[0].path, "conten");
    CHECK(!jbi_backup_is_whole(&repository, &m));
    unlinkat(daily, m.artifacts[0].path, 0);
    REQUIRE(mkdirat(daily, m.artifacts[0].path, 0700) == 0);
    CHECK(!jbi_backup_is_whole(&repository, &m));
    jbi_repository_close(&repository);
}

int main(void)
{
    RUN(an_empty_repository_has_an_empty_catalog);
    RUN(the_newest_comes_first);
    RUN(only_whole_manifests_in_their_place_are_listed);
    RUN(a_mistyped_timestamp_is_helped);
    RUN(whole_means_every_file_with_its_size);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
