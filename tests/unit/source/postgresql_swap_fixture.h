/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_POSTGRESQL_SWAP_FIXTURE_H
#define TESTS_UNIT_SOURCE_POSTGRESQL_SWAP_FIXTURE_H

/* A server with a database "journal", backups of it, and swaps in one line. */
#include "adapter/json.h"
#include "prove_fixture.h"
#include "source/postgresql_swap.h"

#define ID     "20260101_000000"
#define BESIDE "_jbackup_" ID

static struct postgresql_source admin, maker;
static struct artifact dump, makers_dump;
static char backed_up[4096]; /* what pg_dump says of "journal" as it was backed up */

/* ---- What a database is ---- */

MAYBE const char *output_of(const char *command)
{
    static char kept[4][4096];
    static unsigned next;
    char *to = kept[next++ % 4];
    FILE *pipe = popen(command, "r");
    REQUIRE(pipe != NULL);
    size_t len = fread(to, 1, sizeof kept[0] - 1, pipe);
    to[len] = '\0';
    REQUIRE(pclose(pipe) == 0);
    return to;
}

MAYBE const char *ask(const char *query)
{
    return output_of(textf("PGPASSFILE=%s/pgpass psql -qXAt 'host=%s/run port=%s user=admin "
                           "dbname=postgres' -c \"%s\"",
                           server, server, port, query));
}

/* Its row, its settings, and all that pg_dump says of it. */
MAYBE const char *content(const char *database)
{
    return output_of(textf(
        "PGPASSFILE=%s/pgpass pg_dump -C 'host=%s/run port=%s user=admin dbname=%s' | grep -v "
        "restrict | sha256sum",
        server, server, port, database));
}

MAYBE const char *row(const char *database)
{
    return ask(textf("SELECT d.oid, datname, rolname, encoding, datcollate, datallowconn, "
                     "datconnlimit, datacl, shobj_description(d.oid, 'pg_database'), (SELECT "
                     "string_agg(setrole || array_to_string(setconfig, '|'), ' ' ORDER BY setrole) "
                     "FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d JOIN "
                     "pg_roles r ON r.oid = datdba WHERE datname = '%s'",
                     database));
}

MAYBE const char *databases(void)
{
    return ask("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname "
               "NOT LIKE 'template_' AND datname <> 'postgres'");
}

/* From a dump, for a server words some definitions in another way when it has read them once. */
MAYBE void make_journal(const char *role, const char *password)
{
    sql_in("postgres", textf("SET client_min_messages = error; DROP DATABASE IF EXISTS journal; "
                             "CREATE DATABASE journal OWNER %s",
                             role));
    REQUIRE(shell(textf("PGPASSFILE=%s/pgpass pg_dump -O 'host=%s/run port=%s user=admin "
                        "dbname=seed' | PGPASSWORD=%s psql -qXv ON_ERROR_STOP=1 'host=%s/run "
                        "port=%s user=%s dbname=journal' >/dev/null",
                        server, server, port, password, server, port, role)));
    snprintf(backed_up, sizeof backed_up, "%s", content("journal"));
}

/* ---- Swaps ---- */

MAYBE struct swap *begun(const struct postgresql_source *live, const struct artifact *artifact)
{
    static jb_report *report;
    struct swap *swap = NULL;
    const struct postgresql_swap_what what = {live, category_fd, artifact, ID};
    jb_report_free(report);
    job.report = report = jbi_report_new();
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_swap_begin(&swap, &what, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(swap != NULL);
    return swap;
}

MAYBE const char *journal_of(const struct swap *swap)
{
    struct json *json = swap->ops->print(swap);
    char *text = jbi_json_print(json, 0);
    const char *kept = jbi_arena_text(&arena, text);
    free(text);
    jbi_json_free(json);
    return kept;
}

MAYBE struct swap *resumed(const struct postgresql_source *live, const char *text)
{
    struct swap *swap = NULL;
    struct json *json = NULL;
    err = (struct jb_error){0};
    REQUIRE(jbi_json_parse(&json, text, strlen(text), "journal", &err) == JB_OK);
    CHECK(jbi_postgresql_swap_resume(&swap, json, live, &err) == err.code);
    jbi_json_free(json);
    return swap;
}

MAYBE bool works(int code, const char *what, int line)
{
    if (code != JB_OK)
        printf("# line %d, %s: %s (%s)\n", line, what, err.text, err.hint);
    CHECK(code == err.code);
    return code == JB_OK;
}
#define DO(swap, op)                                                                               \
    works((err = (struct jb_error){0}, (swap)->ops->op(swap, &job, &err)), #op, __LINE__)
#define CHECK_IS(swap, is_new)                                                                     \
    CHECK(works((err = (struct jb_error){0}, (swap)->ops->check(swap, &job, is_new, &err)),        \
                "check", __LINE__))

MAYBE struct swap *planned(const struct postgresql_source *live, const struct artifact *artifact)
{
    struct swap *swap = begun(live, artifact);
    REQUIRE(DO(swap, stage));
    REQUIRE(DO(swap, plan));
    return swap;
}

MAYBE void end(struct swap *swap)
{
    CHECK(DO(swap, undo));
    CHECK(DO(swap, discard));
    CHECK_TEXT(swap->ops->kept(swap), "");
    swap->ops->close(swap);
}

/* ---- The server ---- */

/* The database is admin's, and backed up as such. */
MAYBE void swap_fixture_make(void)
{
    fixture_make();
    forget();
    REQUIRE(shell(textf("printf 'max_prepared_transactions = 4\\nwal_level = logical\\n' "
                        ">>%s/data/postgresql.conf",
                        server)) &&
            control("pg_stop") && control("pg_start"));
    sql_in("postgres", "CREATE ROLE plain LOGIN PASSWORD 'p'; CREATE DATABASE seed;"
                       "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'm'");
    sql_in("seed", JOURNAL);
    make_journal("admin", ADMIN_PASSWORD);
    admin = source_of("admin:" ADMIN_PASSWORD, "journal", "journal");
    maker = source_of("maker:m", "journal", "makers");
    maker.name = "journal";
    dump = backup_of(&admin);
    REQUIRE(shell(textf("mv %s/%s %s/admins.dump", category, dump.path, category)));
    dump.path = "admins.dump";
}

/* It becomes maker's, who may create databases and nothing else. */
MAYBE void give_to_maker(void)
{
    make_journal("maker", "m");
    makers_dump = backup_of(&maker);
}

#endif
