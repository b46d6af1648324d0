/* SPDX-License-Identifier: MIT */
/* Does each database answer, may a backup read it, and is there a pg_dump that can? */
#include <stdlib.h>
#include <string.h>

#include "adapter/sqlite.h"
#include "api/monitor.h"
#include "api/system_database.h"
#include "base/error.h"

/* ---- database ------------------------------------------------------------------------------- */

/* What the server says of the login's rights is told by the test of the installation. */
static int ask_postgresql(struct monitor_task *task, const struct database *database,
                          struct jb_error *err)
{
    struct system_test test = {.project = task->run->session.project,
                               .report = task->report,
                               .arena = &task->run->session.arena};
    int code = jbi_test_postgresql(&test, database, err);
    if (test.did.at != NULL)
        jbi_text_adds(&task->did, test.did.at);
    task->did.failed = task->did.failed || test.did.failed;
    jbi_text_free(&test.did);
    return code;
}

static int ask(struct monitor_task *task, const struct database *database, struct jb_error *err)
{
    struct jb_error why = {0};
    const struct hooks *hooks = &task->run->session.project->hooks;
    if (task->did.len > 0)
        jbi_text_adds(&task->did, ", ");
    int code = database->kind == DATABASE_POSTGRESQL
                   ? ask_postgresql(task, database, &why)
                   : jbi_sqlite_look(database->sqlite.path, hooks, &why);
    if (code == JB_ENOMEM || code == JB_ECANCELED) {
        *err = why;
        return code;
    }
    if (code == JB_OK) {
        if (database->kind == DATABASE_SQLITE)
            jbi_text_addf(&task->did, "opened %s", database->name);
        return JB_OK;
    }
    task->run->is_database_down = true;
    jbi_text_addf(&task->did, "%s does not answer", database->name);
    jbi_finding(task->report, JB_CRITICAL, database->name,
                "the database does not answer, so it can't be backed up: %s", why.text);
    jbi_finding_hint(task->report, "%s", why.hint);
    return JB_OK;
}

int jbi_monitor_database(struct monitor_task *task, struct jb_error *err)
{
    const jb_project *project = task->run->session.project;
    int code = JB_OK;
    if (!task->run->config.database) {
        jbi_finding(task->report, JB_INFO, "databases", "they are not asked, as configured");
        jbi_text_adds(&task->did, "not looked at, as configured");
        return JB_OK;
    }
    if (project->database_count == 0 && project->ambiguous != NULL) {
        jbi_finding(task->report, JB_ERROR, project->name, "%s", project->ambiguous);
        jbi_finding_hint(task->report, "%s",
                         project->ambiguous_hint
                             ? project->ambiguous_hint
                             : "name it in jbackup.json: {\"databases\": [\"sqlite:///path.db\"]}");
    }
    if (project->database_count == 0)
        jbi_text_adds(&task->did, "there is no database to ask");
    for (size_t i = 0; i < project->database_count && code == JB_OK; i++)
        code = ask(task, &project->databases[i], err);
    return code;
}

/* ---- versions ------------------------------------------------------------------------------- */

/* What the newest backup of it said; 0: nothing. */
static int remembered_major(const struct monitor_run *run, const struct database *database)
{
    for (size_t i = 0; i < run->session.catalog.count; i++) {
        const struct artifact *dump = jbi_manifest_artifact(&run->session.catalog.backups[i],
                                                            ARTIFACT_POSTGRESQL, database->name);
        if (dump != NULL && dump->server_version != NULL)
            return (int)strtol(dump->server_version, NULL, 10);
    }
    return 0;
}

/* A server that is down was told of by the check of the databases. */
static int server_major(const struct monitor_run *run, const struct database *database, int *major,
                        struct jb_error *err)
{
    struct postgres *postgres;
    struct postgres_target target = database->postgresql.target;
    struct jb_error why = {0};
    target.hooks = &run->session.project->hooks;
    *major = 0;
    if (!run->is_database_down && run->config.database) {
        int code = jbi_postgres_open(&postgres, &target, &why);
        if (code == JB_OK) {
            *major = jbi_postgres_server_major(postgres);
            jbi_postgres_close(postgres);
            return JB_OK;
        }
        if (code == JB_ENOMEM || code == JB_ECANCELED) {
            *err = why;
            return code;
        }
    }
    *major = remembered_major(run, database);
    return JB_OK;
}

static int check_tools(struct monitor_task *task, const struct database *database,
                       struct jb_error *err)
{
    struct postgres_tools tools;
    struct jb_error why = {0};
    int major;
    int code = server_major(task->run, database, &major, err);
    if (code < 0)
        return code;
    code = jbi_postgres_tools(major, &task->run->session.arena, &tools, &why);
    if (code == JB_ENOMEM || code == JB_ECANCELED) {
        *err = why;
        return code;
    }
    if (task->did.len > 0)
        jbi_text_adds(&task->did, ", ");
    if (code == JB_OK) {
        jbi_text_addf(&task->did, "pg_dump %s fits %s (PostgreSQL %d)", tools.version,
                      database->name, major);
        return JB_OK;
    }
    jbi_text_addf(&task->did, "no pg_dump fits %s", database->name);
    jbi_finding(task->report, JB_ERROR, database->name, "the next backup of it will fail: %s",
                why.text);
    jbi_finding_hint(task->report, "%s", why.hint);
    return JB_OK;
}

int jbi_monitor_versions(struct monitor_task *task, struct jb_error *err)
{
    const jb_project *project = task->run->session.project;
    int code = JB_OK;
    for (size_t i = 0; i < project->database_count && code == JB_OK; i++) {
        if (project->databases[i].kind == DATABASE_POSTGRESQL)
            code = check_tools(task, &project->databases[i], err);
    }
    if (task->did.len == 0)
        jbi_text_adds(&task->did, "no database needs a program of its own");
    return code;
}
