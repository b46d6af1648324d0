/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_PROVE_FIXTURE_H
#define TESTS_UNIT_SOURCE_PROVE_FIXTURE_H

/* Backups of a real server's databases, proofs of them, and what is left of that. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "adapter/postgres_fixture.h"
#include "base/report.h"
#include "source/postgresql_prove.h"
#include "source/postgresql_scratch.h"

#define JOURNAL                                                                                    \
    "CREATE TABLE entry (id serial PRIMARY KEY, title varchar(40) NOT NULL DEFAULT 'none',"        \
    " body text, state varchar(10) CHECK (state IN ('new', 'done')));"                             \
    "INSERT INTO entry (title, body, state) SELECT 'title ' || n, repeat(md5(n::text), 20), 'new'" \
    " FROM generate_series(1, 3000) n;"                                                            \
    "CREATE INDEX entry_title ON entry (title); CREATE TABLE note (id int, at timestamptz);"       \
    "INSERT INTO note SELECT n, now() FROM generate_series(1, 500) n;"                             \
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"         \
    "CREATE TRIGGER touched BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION touch();"         \
    "CREATE VIEW titles AS SELECT title FROM entry WHERE state IN ('new', 'done');"                \
    "SELECT lo_from_bytea(4711, 'a large object');\n"

static char clusters[64]; /* TMPDIR */
static char category[64];
static int category_fd = -1;
static int cancel_after = -1; /* calls of the progress hook; -1: never */

MAYBE int progress(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)step, (void)done, (void)total, (void)unit;
    return cancel_after >= 0 && cancel_after-- == 0;
}

static const struct hooks hooks = {.progress = progress};
static struct source_job job = {
    .hooks = &hooks, .arena = &arena, .jobs = 2, .timestamp = "20260101_000000", .scratch_fd = -1};

/* As the administrator, in that database. */
MAYBE void sql_in(const char *database, const char *statements)
{
    FILE *psql = popen(textf("PGPASSFILE=%s/pgpass psql -qXv ON_ERROR_STOP=1 'host=%s/run port=%s "
                             "user=admin dbname=%s' -f - >/dev/null",
                             server, server, port, database),
                       "w");
    REQUIRE(psql != NULL && fputs(statements, psql) >= 0 && pclose(psql) == 0);
}

MAYBE void fixture_make(void)
{
    server_make();
    strcpy(clusters, "/tmp/jbackup-test-clusters-XXXXXX");
    strcpy(category, "/tmp/jbackup-test-category-XXXXXX");
    REQUIRE(mkdtemp(clusters) != NULL && chmod(clusters, 0711) == 0 && mkdtemp(category) != NULL);
    REQUIRE(shell(textf("mkdir %s/db_20260101_000000", category)));
    category_fd = open(category, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    setenv("TMPDIR", clusters, 1);
}

MAYBE void fixture_remove(void)
{
    jbi_arena_free(&arena);
    server_remove();
    shell(textf("rm -rf %s %s", clusters, category));
}

/* A source of the server; name is also that of the files. */
MAYBE struct postgresql_source source_of(const char *user, const char *database, const char *name)
{
    return (struct postgresql_source){
        .target = {.url = jbi_arena_text(&arena, url(user, database))},
        .name = name,
    };
}

/* Backs it up. */
MAYBE struct artifact backup_of(const struct postgresql_source *source)
{
    struct artifact artifacts[SOURCE_ARTIFACTS_MAX];
    size_t count = 0;
    jb_report *report = jbi_report_new();
    job.report = report;
    err = (struct jb_error){0};
    int code = jbi_postgresql_source.capture(source, &job, category_fd, artifacts, &count, &err);
    if (code != JB_OK)
        printf("# %s\n", err.text);
    REQUIRE(code == JB_OK);
    jb_report_free(report);
    return artifacts[0];
}

/* One proof; its findings are in job.report until the next one. */
static struct source_checked checked;
static uint64_t restored_bytes;
static const char *where;

MAYBE int prove_with(const struct postgresql_source *source, const struct artifact *dump,
                     const struct artifact *globals)
{
    static jb_report *report;
    const struct postgresql_proof what = {source, category_fd, dump, globals};
    jb_report_free(report);
    job.report = report = jbi_report_new();
    checked = (struct source_checked){0};
    err = (struct jb_error){0};
    int code = jbi_postgresql_prove(&job, &what, &checked, &restored_bytes, &where, &err);
    CHECK(code == err.code);
    return code;
}

MAYBE int prove(const struct postgresql_source *source, const struct artifact *dump)
{
    return prove_with(source, dump, NULL);
}

/* The findings of a level, or worse, as lines. */
MAYBE const char *findings(int level)
{
    static char all[8192];
    size_t len = 0;
    all[0] = '\0';
    for (size_t i = 0; i < job.report->finding_count && len < sizeof all; i++) {
        const struct jb_finding *f = &job.report->findings[i];
        if (f->level >= level)
            len +=
                (size_t)snprintf(all + len, sizeof all - len, "%s: %s\n", f->subject, f->message);
    }
    return all;
}

/* ---- What is left ---- */

MAYBE const char *scratch_databases(void)
{
    static char kept[512];
    FILE *psql =
        popen(textf("PGPASSFILE=%s/pgpass psql -qXAt 'host=%s/run port=%s user=admin "
                    "dbname=postgres' -c \"SELECT datname FROM pg_database WHERE datname LIKE "
                    "'jbackup%%' ORDER BY 1\"",
                    server, server, port),
              "r");
    REQUIRE(psql != NULL);
    size_t len = fread(kept, 1, sizeof kept - 1, psql);
    kept[len] = '\0';
    REQUIRE(pclose(psql) == 0);
    return kept;
}

/* In the folder for clusters, and programs that know of it. */
MAYBE int cluster_leavings(void)
{
    const char *name = strrchr(clusters, '/') + 1;
    FILE *count = popen(textf("{ ls -A \"$TMPDIR\"; grep -la '%.*s[%c]' /proc/[0-9]*/cmdline"
                              " 2>/dev/null; } | wc -l",
                              (int)strlen(name) - 1, name, name[strlen(name) - 1]),
                        "r");
    int left = -1;
    REQUIRE(count != NULL && fscanf(count, "%d", &left) == 1 && pclose(count) == 0);
    return left;
}

#define CHECK_NOTHING_LEFT()                                                                       \
    do {                                                                                           \
        CHECK_TEXT(scratch_databases(), "");                                                       \
        CHECK(cluster_leavings() == 0);                                                            \
    } while (0)

#endif
