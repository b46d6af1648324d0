/* SPDX-License-Identifier: MIT */
/* What URLs say, which are refused, and what is made of a server's or a program's words. */
#include "adapter/postgres.h"
#include "check.h"

static struct jb_error err;
static struct arena arena;

static int read_url(const char *text, struct postgres_url *out)
{
    memset(out, 0, sizeof *out);
    err = (struct jb_error){0};
    int code = jbi_postgres_url(text, "jbackup.json, line 3", &arena, out, &err);
    CHECK(code == err.code);
    return code;
}

static bool is_same(const char *got, const char *want)
{
    if (want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0)
        return true;
    printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)", want ? want : "(null)");
    return false;
}

static const struct {
    const char *text, *url, *name, *user, *password, *host, *port, *database, *service;
} good[] = {
    {"postgresql://ann:s3cret@db:5433/journal?sslmode=require",
     "postgresql://ann:s3cret@db:5433/journal?sslmode=require", "journal", "ann", "s3cret", "db",
     "5433", "journal"},
    {"postgres://db/journal", "postgresql://db/journal", "journal", NULL, NULL, "db", NULL,
     "journal"},
    {"postgresql+psycopg2://ann@db/journal", "postgresql://ann@db/journal", "journal", "ann", NULL,
     "db", NULL, "journal"},
    {"postgresql+asyncpg://ann:@db/journal", "postgresql://ann:@db/journal", "journal", "ann", NULL,
     "db", NULL, "journal"},
    {"postgresql://", "postgresql://", "postgresql"},
    {"postgresql:///journal", "postgresql:///journal", "journal", NULL, NULL, NULL, NULL,
     "journal"},
    {"postgresql:///?service=web", "postgresql:///?service=web", "web", NULL, NULL, NULL, NULL,
     NULL, "web"},
    {"postgresql://ann:x%40%2F%3A%3F%25@db/j", "postgresql://ann:x%40%2F%3A%3F%25@db/j", "j", "ann",
     "x@/:?%", "db", NULL, "j"},
    {"postgresql://ann:x?y:z#@db/j", "postgresql://ann:x?y:z#@db/j", "j", "ann", "x?y:z#", "db",
     NULL, "j"},
    {"postgresql://[::1]:5432/j", "postgresql://[::1]:5432/j", "j", NULL, NULL, "::1", "5432", "j"},
    {"postgresql://a,b:5433/j", "postgresql://a,b:5433/j", "j", NULL, NULL, "a,b", ",5433", "j"},
    {"postgresql://%2Frun%2Fpg/j", "postgresql://%2Frun%2Fpg/j", "j", NULL, NULL, "/run/pg", NULL,
     "j"},
    {"postgresql:///j?hostaddr=10.0.0.1", "postgresql:///j?hostaddr=10.0.0.1", "j", NULL, NULL,
     "10.0.0.1", NULL, "j"},
    {"postgresql:///j?password=a@b/c&user=u@R", "postgresql:///j?password=a@b/c&user=u@R", "j",
     "u@R", "a@b/c", NULL, NULL, "j"},
};

static void urls_are_taken_apart(void)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct postgres_url url;
        bool ok = read_url(good[i].text, &url) == JB_OK && is_same(url.url, good[i].url) &&
                  is_same(url.name, good[i].name) && is_same(url.user, good[i].user) &&
                  is_same(url.password, good[i].password) && is_same(url.host, good[i].host) &&
                  is_same(url.port, good[i].port) && is_same(url.database, good[i].database) &&
                  is_same(url.service, good[i].service);
        check_note(ok, __FILE__, __LINE__, good[i].text);
    }
}

/* s3cret is always meant to be of a password. */
static const char *const bad[] = {
    "postgresql://ann:x/s3cret@db/journal",
    "postgresql://ann:x?/s3cret@db/journal",
    "postgresql://ann:x@/s3cret@db/journal",
    "postgresql://ann:s3cr@s3cret@db/journal",
    "postgresql://ann:x/s3cret",
    "postgresql://ann:x/s3cret?a=b@db/journal",
    "postgresql://ann:12/s3cret@db",
    "postgresql://ann:123456/s3cret",
    "postgresql://ann:0/s3cret",
    "postgresql://db?password=s3cret@x",
    "postgresql://ann:%s3cret@db/journal",
    "postgresql://ann:s3cret%00@db/journal",
    "postgresql://ann:s3cret@db:x/journal",
    "postgresql://ann:s3cret@db:70000/journal",
    "postgresql://ann:s3cret@[::1/journal",
    "postgresql://ann:s3cret@[]/journal",
    "postgresql://ann:s3cret@db/journal?sslmode",
    "postgresql://ann:s3cret@db/journal?sslmode=require=s3cret",
    "postgresql://db/journal?s3cret=1",
    "postgresql+://ann:s3cret@db/journal",
    "postgresql+a b://ann:s3cret@db/journal",
    "mysql://ann:s3cret@db/journal",
    "",
};

static void hostile_urls_are_refused_unseen(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct postgres_url url;
        bool refused = read_url(bad[i], &url) == JB_EINVAL;
        check_note(refused, __FILE__, __LINE__, bad[i]);
        CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.hint, "s3cret") == NULL);
        CHECK(!refused || strstr(err.text, "jbackup.json, line 3: ") == err.text);
        CHECK(!refused || err.hint[0] != '\0');
    }
    struct postgres_url url;
    CHECK(read_url("postgresql://db/journal?schema=public", &url) == JB_EINVAL);
    CHECK_HAS(err.text, "parameter behind \"?\"");
    CHECK(jbi_postgres_is_url("postgres://") && jbi_postgres_is_url("postgresql+psycopg://x"));
    CHECK(!jbi_postgres_is_url("postgresql:/") && !jbi_postgres_is_url("Postgresql://"));
}

static const struct {
    const char *said, *why, *hint;
} words[] = {
    {"FATAL:  password authentication failed for user \"ann\"\n",
     "password authentication failed for user \"ann\"", "PGPASSWORD"},
    {"connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  no pg_hba.conf entry "
     "for "
     "host \"10.0.0.2\", user \"ann\", database \"j\", no encryption\n",
     "no pg_hba.conf entry for host \"10.0.0.2\", user \"ann\", database \"j\", no encryption",
     "sslmode=require"},
    {"connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused\n\tIs the "
     "server running on that host and accepting TCP/IP connections?\nconnection to server at "
     "\"db\" (10.0.0.2), port 5432 failed: timeout expired\n",
     "Connection refused", "server at \"db\" (10.0.0.1), port 5432 runs"},
    {"connection to server at \"localhost\" (::1), port 5432 failed: Connection refused\n\tIs the "
     "server running on that host and accepting TCP/IP connections?\nconnection to server at "
     "\"localhost\" (127.0.0.1), port 5432 failed: FATAL:  database \"j\" does not exist\n",
     "database \"j\" does not exist", "psql -l"},
    {"pg_dump: error: connection to server on socket \"/run/.s.PGSQL.1\" failed: No such file or "
     "directory\n\tIs the server running locally and accepting connections on that socket?\n",
     "No such file or directory", "socket \"/run/.s.PGSQL.1\" runs"},
    {"pg_dump: warning: there are circular foreign-key constraints on this table:\n"
     "pg_dump: detail:   node\npg_dump: hint: You might not be able to restore the dump\n"
     "pg_dump: error: query failed: ERROR:  permission denied for table secret\n"
     "pg_dump: detail: Query was: LOCK TABLE public.secret IN ACCESS SHARE MODE\n",
     "permission denied for table secret", "pg_read_all_data"},
    {"pg_dump: error: Dumping the contents of table \"big\" failed: PQgetCopyData() failed.\n"
     "pg_dump: detail: Error message from server: server closed the connection unexpectedly\n"
     "\tThis probably means the server terminated abnormally\n",
     "Dumping the contents of table \"big\" failed: server closed the connection unexpectedly",
     "server's log"},
    {"pg_dump: error: Dumping the contents of table \"t\" failed: PQgetResult() failed.\n"
     "pg_dump: detail: Error message from server: ERROR:  query would be affected by row-level "
     "security policy for table \"t\"\nHINT:  To disable ...\n",
     "Dumping the contents of table \"t\" failed: query would be affected by row-level security "
     "policy for table \"t\"",
     "BYPASSRLS"},
    {"pg_dump: error: server version: 16.1; pg_dump version: 15.4\n"
     "pg_dump: error: aborting because of server version mismatch\n",
     "server version: 16.1; pg_dump version: 15.4", ""},
    {"pg_dump: error: aborting because of server version mismatch\n"
     "pg_dump: detail: server version: 16.1; pg_dump version: 15.4\n",
     "aborting because of server version mismatch", "postgresql-client-N"},
    {"FATAL:  sorry, too many clients already\n", "sorry, too many clients already",
     "max_connections"},
    {"ERROR:  canceling statement due to statement timeout\n",
     "canceling statement due to statement timeout", "pg_stat_activity"},
    {"ERROR:  canceling statement due to lock timeout\n", "canceling statement due to lock timeout",
     "pg_locks"},
    {"ERROR:  relation \"a\nb\" does not exist\nLINE 1: SELECT\n",
     "relation \"a\\x0ab\" does not "
     "exist",
     ""},
    {"ERROR:  odd \" quote\nLINE 1: SELECT\n", "odd \" quote", ""},
    {"FATAL:  Passwort-Authentifizierung f\xfcr Benutzer fehlgeschlagen\n",
     "Passwort-Authentifizierung f\\xfcr Benutzer fehlgeschlagen", ""},
    {"pg_restore: error: could not read from input file: end of file\n",
     "could not read from input file: end of file", ""},
    {"pg_dump: warning: only a warning\n", "warning: only a warning", ""},
    {"Segmentation fault", "Segmentation fault", ""},
    {"", "no reason was given", ""},
    {"\n \n\t\n", "no reason was given", ""},
    {"\033[31mred\r\n", "\\x1b[31mred", ""},
};

static void words_become_one_line_with_a_hint(void)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char want[1024];
        err = (struct jb_error){0};
        snprintf(want, sizeof want, "cannot dump \"j\": %s", words[i].why);
        CHECK(jbi_postgres_fail(&err, "cannot dump", "j", words[i].said) == JB_EDATABASE);
        CHECK(err.code == JB_EDATABASE);
        CHECK_TEXT(err.text, want);
        if (words[i].hint[0] == '\0')
            CHECK_TEXT(err.hint, "");
        else
            CHECK_HAS(err.hint, words[i].hint);
    }
    static char endless[100000];
    memset(endless, 'x', sizeof endless - 1);
    err = (struct jb_error){0};
    jbi_postgres_fail(&err, "cannot dump", "j", endless);
    CHECK(strlen(err.text) < 700);
    jbi_postgres_fail(&err, "cannot dump", "j", "too many clients");
    CHECK_TEXT(err.hint, "");
    CHECK(jbi_postgres_fail(NULL, "cannot dump", "j", "FATAL: x") == JB_EDATABASE);
}

int main(void)
{
    RUN(urls_are_taken_apart);
    RUN(hostile_urls_are_refused_unseen);
    RUN(words_become_one_line_with_a_hint);
    jbi_arena_free(&arena);
    return check_end();
}
