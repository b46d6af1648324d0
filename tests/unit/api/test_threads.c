/* SPDX-License-Identifier: MIT */
/*
 * Different project handles are independent: several threads back up, list and verify at once,
 * each its own project. ThreadSanitizer watches in the build of tests/run.
 */
#include <jbackup.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "../check.h"

#define THREADS 4
#define ROUNDS  3

struct work {
    char folder[128];
    int code;
    size_t listed;
    int verdict;
    char text[1024];
};

static void write_file(const char *folder, const char *name, const char *text, int times)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    for (int i = 0; i < times; i++)
        fprintf(file, "%d %s\n", i, text);
    REQUIRE(fclose(file) == 0);
}

static void make_project(const char *folder)
{
    char path[256];
    sqlite3 *db;
    REQUIRE(mkdir(folder, 0700) == 0);
    write_file(folder, "small.txt", "a line", 1);
    write_file(folder, "large.txt", "a line of a file of several pieces", 100000);
    snprintf(path, sizeof path, "%s/app.db", folder);
    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)", NULL, NULL,
                         NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static int do_rounds(struct work *work, jb_project *project, struct jb_error *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        int code = backup_create(project, NULL, NULL, err);
        if (code < 0)
            return code;
    }
    jb_report *report = NULL;
    int code = jb_list(project, NULL, &report, err);
    work->listed = jb_report_row_count(report);
    jb_report_free(report);
    if (code < 0)
        return code;
    code = backup_verify(project, NULL, &report, err);
    if (code == JB_OK) {
        work->verdict = jb_report_verdict(report);
        jb_report_free(report);
    }
    return code;
}

static void *run(void *argument)
{
    struct work *work = argument;
    struct jb_error err = {0};
    jb_project *project = NULL;
    char json[256];
    snprintf(json, sizeof json, "{\"databases\": [\"sqlite:///app.db\"], \"jobs\": 3}");
    work->code = jb_project_parse(&project, json, work->folder, &err);
    if (work->code == JB_OK)
        work->code = do_rounds(work, project, &err);
    snprintf(work->text, sizeof work->text, "%s", err.text);
    jb_project_close(project);
    return NULL;
}

static void handles_are_independent(void)
{
    struct work works[THREADS] = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        snprintf(works[i].folder, sizeof works[i].folder, "%s/p%d", check_folder(), i);
        make_project(works[i].folder);
    }
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, run, &works[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        CHECK(works[i].code == JB_OK);
        CHECK_TEXT(works[i].text, "");
        CHECK(works[i].listed == ROUNDS);
        CHECK(works[i].verdict == JB_INFO);
    }
}

int main(void)
{
    RUN(handles_are_independent);
    return check_end();
}
