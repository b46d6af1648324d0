/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ADAPTER_POSTGRES_FIXTURE_H
#define TESTS_UNIT_ADAPTER_POSTGRES_FIXTURE_H

/* A PostgreSQL server of the test's own (tests/postgres.sh), and connections to it in one line. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "adapter/postgres.h"
#include "adapter/postgres_connection.h"
#include "check.h"

#define MAYBE __attribute__((unused)) static

#define ADMIN_PASSWORD "s3cret-pg"

static char server[64]; /* the folder */
static char port[8];
static struct jb_error err;
static struct arena arena;

/* Another text, good for the next eight calls. */
__attribute__((format(printf, 1, 2))) MAYBE const char *textf(const char *format, ...)
{
    static char texts[8][4096];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof texts[0], format, args);
    va_end(args);
    return text;
}

MAYBE bool shell(const char *command)
{
    int status = system(command);
    if (status != 0)
        printf("# status %d: %s\n", status, command);
    return status == 0;
}

/* Calls a function of tests/postgres.sh for the server. */
MAYBE bool control(const char *function)
{
    return shell(textf("PG_OWNER=%d bash -c '. %s/postgres.sh; %s %s' >&2", (int)getpid(),
                       TESTS_FOLDER, function, server));
}

MAYBE void server_remove(void)
{
    control("pg_crash");
    shell(textf("rm -rf $(dirname %s)", server));
}

MAYBE void server_make(void)
{
    strcpy(server, "/tmp/jbackup-test-pg-XXXXXX");
    REQUIRE(mkdtemp(server) != NULL);
    strcat(server, "/pg");
    bool is_up = control("pg_start");
    FILE *file = is_up ? fopen(textf("%s/port", server), "r") : NULL;
    bool is_known = file != NULL && fscanf(file, "%7s", port) == 1;
    if (file != NULL)
        fclose(file);
    REQUIRE(is_known);
}

/* As the administrator. */
MAYBE void sql(const char *statements)
{
    FILE *psql = popen(textf("PGPASSFILE=%s/pgpass psql -qXv ON_ERROR_STOP=1 'host=%s/run port=%s "
                             "user=admin dbname=postgres' -f - >/dev/null",
                             server, server, port),
                       "w");
    REQUIRE(psql != NULL && fputs(statements, psql) >= 0 && pclose(psql) == 0);
}

/* A URL of the server; the part behind the database may have a "?". */
MAYBE const char *url(const char *user, const char *rest)
{
    return textf("postgresql://%s@localhost:%s/%s", user, port, rest);
}

MAYBE void forget(void)
{
    static const char *const names[] = {
        "PGPASSFILE",   "PGPASSWORD",    "PGHOST",           "PGPORT",           "PGUSER",
        "PGDATABASE",   "PGSSLMODE",     "PGOPTIONS",        "PGAPPNAME",        "PGSERVICE",
        "PGSYSCONFDIR", "PGSERVICEFILE", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    err = (struct jb_error){0};
}

/* Connects; NULL if that failed, with err telling why. */
MAYBE struct postgres *opened_with(const char *text, const char *password)
{
    struct postgres_url parsed;
    struct postgres *postgres = NULL;
    err = (struct jb_error){0};
    if (jbi_postgres_url(text, "test", &arena, &parsed, &err) != JB_OK)
        return NULL;
    struct postgres_target target = {parsed.url, password};
    CHECK(jbi_postgres_open(&postgres, &target, &err) == err.code);
    CHECK((postgres == NULL) == (err.code != 0));
    return postgres;
}

MAYBE struct postgres *opened(const char *text)
{
    return opened_with(text, NULL);
}

/* The first value of a query's answer, good until the next call; "(null)" for NULL, and "" after a
 * failure. */
MAYBE const char *value(struct postgres *postgres, const char *query)
{
    static char kept[512];
    struct postgres_rows *rows = NULL;
    err = (struct jb_error){0};
    kept[0] = '\0';
    if (jbi_postgres_query(postgres, "cannot ask", query, NULL, 0, &rows, &err) == JB_OK) {
        const char *text = jbi_postgres_value(rows, 0, 0);
        snprintf(kept, sizeof kept, "%s", text ? text : "(null)");
    }
    jbi_postgres_rows_free(rows);
    return kept;
}

/* Connects and leaves; the code. */
MAYBE int try_with(const char *text, const char *password)
{
    struct postgres *postgres = opened_with(text, password);
    int code = postgres != NULL ? JB_OK : err.code;
    if (postgres != NULL)
        CHECK_TEXT(value(postgres, "SELECT 1"), "1");
    jbi_postgres_close(postgres);
    return code;
}

MAYBE int try(const char *text)
{
    return try_with(text, NULL);
}

/* Tries until the answer is as wanted: what the server was told takes a while to be heeded. */
MAYBE bool comes_to(int want, const char *text)
{
    for (int i = 0; i < 100; i++) {
        if (try(text) == want)
            return true;
        usleep(100000);
    }
    return false;
}

#endif
