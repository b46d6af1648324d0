/* SPDX-License-Identifier: MIT */
/* Scratch places of PostgreSQL: several at once, such of killed runs, and databases of others that
 * look like one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "prove_fixture.h"

#define KILLS 26 /* or JB_KILLS from the environment */

static struct postgresql_source source;
static struct artifact dump;

static const char *named(const struct postgresql_scratch *scratch)
{
    const char *conninfo = jbi_postgresql_scratch_login(scratch)->conninfo;
    return textf("%.33s", strstr(conninfo, "jbackup_scratch_"));
}

static struct postgresql_scratch *begin(const struct postgresql_source *from)
{
    struct postgresql_scratch *scratch = NULL;
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_scratch_begin(&scratch, from, &dump, &job, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(scratch != NULL);
    return scratch;
}

static void a_place_is_made_and_removed(void)
{
    struct postgresql_scratch *scratch = begin(&source);
    CHECK_TEXT(jbi_postgresql_scratch_kind(scratch), "a database on the server");
    CHECK_TEXT(jbi_postgresql_scratch_why(scratch), "");
    CHECK(!jbi_postgresql_scratch_is_cluster(scratch));
    CHECK(jbi_postgresql_scratch_is_alive(scratch));
    CHECK_HAS(scratch_databases(), named(scratch));
    struct postgres *postgres = opened(source.target.url);
    REQUIRE(postgres != NULL);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    CHECK_TEXT(value(postgres, textf("SELECT shobj_description(oid, 'pg_database') FROM "
                                     "pg_database WHERE datname = '%s'",
                                     named(scratch))),
               textf("jbackup scratch of journal on %s", host));
    CHECK_TEXT(
        value(postgres, textf("SELECT (SELECT count(*) FROM pg_settings WHERE name = "
                              "'default_toast_compression' AND 'lz4' = ANY (enumvals)) = "
                              "(SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d "
                              "ON d.oid = setdatabase WHERE datname = '%s' AND "
                              "'default_toast_compression=lz4' = ANY (setconfig))",
                              named(scratch))),
        "t");
    jbi_postgres_close(postgres);
    jbi_postgresql_scratch_end(scratch);
    CHECK_NOTHING_LEFT();
    scratch = begin(NULL);
    CHECK_TEXT(jbi_postgresql_scratch_kind(scratch), "a cluster of its own");
    CHECK(jbi_postgresql_scratch_is_cluster(scratch));
    CHECK(cluster_leavings() > 1);
    jbi_postgresql_scratch_end(scratch);
    jbi_postgresql_scratch_end(NULL);
    CHECK_NOTHING_LEFT();
}

/* Only root and the server's user get to a cluster. */
static void nobody_else_enters_a_cluster(void)
{
    struct postgresql_scratch *scratch = begin(NULL);
    struct stat st;
    const char *data = textf("%s", strstr(jbi_postgresql_scratch_login(scratch)->conninfo, "/tmp"));
    char path[256];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(data, "'"), data);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(geteuid() != 0 || (st.st_uid != 0 && st.st_uid != 65534));
    CHECK(shell(textf("test -S %s/.s.PGSQL.5432", path)));
    CHECK(shell(textf("pid=$(head -n 1 %s/postmaster.pid) && ! grep -aq TMPDIR /proc/$pid/environ "
                      "&& ! ls -l /proc/$pid/fd | grep -q 'jbackup-cluster-[0-9a-f]*$'",
                      path)));
    jbi_postgresql_scratch_end(scratch);
    CHECK_NOTHING_LEFT();
}

static void the_environment_leads_nowhere_else(void)
{
    setenv("PGHOSTADDR", "127.0.0.1", 1);
    setenv("PGHOST", "localhost", 1);
    setenv("PGPORT", port, 1);
    setenv("PGUSER", "admin", 1);
    setenv("PGDATABASE", "journal", 1);
    setenv("PGPASSWORD", "s3cret-of-another", 1);
    setenv("PGSSLMODE", "verify-full", 1);
    setenv("PGOPTIONS", "-c no_such_setting=1", 1);
    struct postgresql_scratch *scratch = begin(NULL);
    CHECK(jbi_postgresql_scratch_is_alive(scratch));
    CHECK(prove(NULL, &dump) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(jbi_postgresql_scratch_login(scratch)->conninfo, "user='jbackup'");
    CHECK(strstr(jbi_postgresql_scratch_login(scratch)->conninfo, "127.0.0.1") == NULL);
    jbi_postgresql_scratch_end(scratch);
    forget();
    unsetenv("PGHOSTADDR");
    CHECK_NOTHING_LEFT();
}

static void several_at_once(void)
{
    struct postgresql_scratch *first = begin(&source), *second = begin(&source);
    struct postgresql_scratch *third = begin(NULL), *fourth = begin(NULL);
    jbi_postgresql_scratch_clear(&source, &job);
    CHECK_HAS(scratch_databases(), named(first));
    CHECK_HAS(scratch_databases(), named(second));
    CHECK(jbi_postgresql_scratch_is_alive(third) && jbi_postgresql_scratch_is_alive(fourth));
    jbi_postgresql_scratch_end(first);
    CHECK_HAS(scratch_databases(), named(second));
    jbi_postgresql_scratch_end(third);
    CHECK(jbi_postgresql_scratch_is_alive(fourth));
    jbi_postgresql_scratch_end(second);
    jbi_postgresql_scratch_end(fourth);
    CHECK_NOTHING_LEFT();
}

/* A process of its own that proves again and again; its status is the number of failures. */
static pid_t prover(const struct postgresql_source *from, int rounds)
{
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid > 0)
        return pid;
    int failed = 0;
    setenv("JBACKUP_TEST_MARK", clusters, 1);
    for (int i = 0; i < rounds; i++) {
        bool is_good = prove(from, &dump) == JB_OK && job.report->verdict < JB_WARNING;
        if (!is_good)
            printf("# %s %s\n", err.text, findings(JB_WARNING));
        failed += !is_good;
    }
    fflush(stdout);
    _exit(failed);
}

static void processes_at_once(void)
{
    const pid_t provers[] = {prover(&source, 4), prover(&source, 4), prover(NULL, 2)};
    for (size_t i = 0; i < sizeof provers / sizeof *provers; i++) {
        int status = -1;
        CHECK(waitpid(provers[i], &status, 0) == provers[i] && status == 0);
    }
    CHECK_NOTHING_LEFT();
}

/* ---- Killed runs ---- */

static int sessions(void)
{
    struct postgres *postgres = opened(source.target.url);
    REQUIRE(postgres != NULL);
    int count =
        atoi(value(postgres, "SELECT count(*) FROM pg_stat_activity WHERE "
                             "datname LIKE 'jbackup%' AND backend_type = 'client backend'"));
    jbi_postgres_close(postgres);
    return count;
}

/* What the killed ones had started. */
static int programs_left(void)
{
    FILE *count = popen("grep -la 'JBACKUP_TEST_MARK='\"$TMPDIR\" /proc/[0-9]*/environ 2>/dev/null"
                        " | wc -l",
                        "r");
    int left = -1;
    REQUIRE(count != NULL && fscanf(count, "%d", &left) == 1 && pclose(count) == 0);
    return left;
}

static bool comes_to_nothing(int (*count)(void))
{
    for (int i = 0; i < 100 && count() > 0; i++)
        usleep(50000);
    return count() == 0;
}

/* A child of the killed one holds a copy of its locks until it has become another program. */
static int clusters_after_clearing(void)
{
    jbi_postgresql_scratch_clear(&source, &job);
    return (int)cluster_leavings();
}

static void killed_at(const struct postgresql_source *from, unsigned after_us)
{
    pid_t pid = prover(from, 100);
    usleep(after_us);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(comes_to_nothing(clusters_after_clearing));
    CHECK(comes_to_nothing(programs_left));
    CHECK(comes_to_nothing(sessions));
    CHECK_NOTHING_LEFT();
}

static void runs_killed_anywhere_leave_nothing(void)
{
    const char *wanted = getenv("JB_KILLS");
    unsigned kills = wanted != NULL && atoi(wanted) > 0 ? (unsigned)atoi(wanted) : KILLS;
    srand((unsigned)time(NULL));
    for (unsigned i = 0; i < kills; i++) {
        bool on_server = i % 2;
        unsigned spread = on_server ? 1200000 : 2600000;
        unsigned after = (spread / kills) * i + (unsigned)rand() % (spread / kills);
        killed_at(on_server ? &source : NULL, after);
        if (check_state.failed) {
            printf("# killed after %u us on the %s\n", after, on_server ? "server" : "cluster");
            break;
        }
    }
    struct postgresql_source again = source;
    again.name = "again";
    struct artifact after = backup_of(&again);
    CHECK_TEXT(after.schema_sha256, dump.schema_sha256);
    CHECK(after.table_count == dump.table_count);
    for (size_t i = 0; i < dump.table_count && i < after.table_count; i++)
        CHECK_TEXT(after.tables[i].sha256, dump.tables[i].sha256);
}

/* A server that did not end with its run, and what others started in there. */
static void a_server_left_alone_is_ended(void)
{
    struct postgresql_scratch *scratch = begin(NULL);
    const char *data = strstr(jbi_postgresql_scratch_login(scratch)->conninfo, "/tmp");
    const char *folder = textf("%.*s", (int)(strstr(data, "/data") - data), data);
    const char *copy = textf("%s-0bad0bad", clusters);
    REQUIRE(shell(textf("mkdir %s && cp -a %s %s/jbackup-cluster-0000aaaa", copy, folder, copy)));
    jbi_postgresql_scratch_end(scratch);
    REQUIRE(shell(textf("mv %s/jbackup-cluster-0000aaaa %s && rmdir %s && rm -f "
                        "%s/jbackup-cluster-0000aaaa/data/postmaster.pid",
                        copy, clusters, copy, clusters)));
    struct postgres_tools tools;
    REQUIRE(jbi_postgres_server_tools(1, &arena, &tools, &err) == JB_OK);
    REQUIRE(shell(
        textf("cd %s && %s %s -D %s/jbackup-cluster-0000aaaa/data -c listen_addresses= "
              "-k %s/jbackup-cluster-0000aaaa/data >/dev/null 2>&1 & sleep 1",
              clusters,
              geteuid() == 0 ? "setpriv --reuid postgres --regid postgres --clear-groups" : "env",
              tools.postgres, clusters, clusters)));
    CHECK(cluster_leavings() > 1);
    jbi_postgresql_scratch_clear(NULL, &job);
    CHECK_NOTHING_LEFT();
}

/* ---- Others ---- */

static void others_are_not_touched(void)
{
    struct postgresql_scratch *scratch = begin(&source);
    char mine[64], left[64], commented[64], used[64];
    snprintf(mine, sizeof mine, "%s", named(scratch));
    snprintf(left, sizeof left, "%.25sffffffff", mine);
    snprintf(commented, sizeof commented, "%.25seeeeeeee", mine);
    snprintf(used, sizeof used, "%.25sdddddddd", mine);
    sql_in("postgres", textf("CREATE DATABASE jbackup_scratch_zzz;"
                             "CREATE DATABASE jbackup_scratch_00000000_00000000;"
                             "CREATE DATABASE %s; CREATE DATABASE %s; CREATE DATABASE %s;"
                             "CREATE DATABASE \"%.25sXXXXXXXX\";"
                             "COMMENT ON DATABASE %s IS 'mine'",
                             left, commented, used, mine, commented));
    struct postgres *inside =
        opened(url("admin:" ADMIN_PASSWORD, textf("%s?application_name=psql", used)));
    REQUIRE(inside != NULL);
    jbi_postgresql_scratch_clear(&source, &job);
    const char *there = scratch_databases();
    CHECK_HAS(there, "jbackup_scratch_zzz\n");
    CHECK_HAS(there, "jbackup_scratch_00000000_00000000\n");
    CHECK_HAS(there, mine);
    CHECK_HAS(there, commented);
    CHECK_HAS(there, used);
    CHECK_HAS(there, "_XXXXXXXX\n");
    CHECK(strstr(there, left) == NULL);
    CHECK_TEXT(value(inside, "SELECT 1"), "1");
    jbi_postgres_close(inside);
    jbi_postgresql_scratch_end(scratch);
    usleep(200000);
    jbi_postgresql_scratch_clear(&source, &job);
    there = scratch_databases();
    CHECK(strstr(there, used) == NULL && strstr(there, mine) == NULL);
    sql_in("postgres", textf("DROP DATABASE jbackup_scratch_zzz; DROP DATABASE %s;"
                             "DROP DATABASE jbackup_scratch_00000000_00000000;"
                             "DROP DATABASE \"%.25sXXXXXXXX\"",
                             commented, mine));
    CHECK_NOTHING_LEFT();
}

static void a_lost_session_still_drops(void)
{
    struct postgresql_scratch *scratch = begin(&source);
    sql_in("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                       "application_name = 'jbackup'");
    CHECK(!jbi_postgresql_scratch_is_alive(scratch));
    jbi_postgresql_scratch_end(scratch);
    CHECK_NOTHING_LEFT();
}

static void a_full_or_bad_folder_is_told(void)
{
    struct postgresql_scratch *scratch = NULL;
    err = (struct jb_error){0};
    setenv("TMPDIR", "/proc", 1);
    CHECK(jbi_postgresql_scratch_begin(&scratch, NULL, &dump, &job, &err) < 0);
    CHECK_HAS(err.text, "cannot make a folder for a cluster in \"/proc\"");
    CHECK(scratch == NULL);
    err = (struct jb_error){0};
    struct postgresql_source plain = source_of("plain:p", "journal", "journal");
    CHECK(jbi_postgresql_scratch_begin(&scratch, &plain, &dump, &job, &err) < 0);
    CHECK_HAS(err.text, "permission denied to create database");
    CHECK_HAS(err.text, "; and for a cluster of its own: cannot make a folder");
    CHECK_HAS(err.hint, "CREATEDB");
    err = (struct jb_error){0};
    setenv("TMPDIR", category, 1); /* of root alone, if it is root's */
    int code = jbi_postgresql_scratch_begin(&scratch, NULL, &dump, &job, &err);
    CHECK(geteuid() != 0 || code == JB_EDATABASE);
    CHECK(geteuid() != 0 || strstr(err.text, "Permission denied") != NULL);
    CHECK(geteuid() != 0 || strstr(err.hint, "TMPDIR") != NULL);
    jbi_postgresql_scratch_end(scratch);
    setenv("TMPDIR", clusters, 1);
    CHECK_NOTHING_LEFT();
}

/* ---- Canceled ---- */

static int64_t begin_canceled(const struct postgresql_source *from)
{
    struct postgresql_scratch *scratch = NULL;
    int64_t start = jbi_monotonic_ms();
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_scratch_begin(&scratch, from, &dump, &job, &err) == JB_ECANCELED);
    CHECK(err.code == JB_ECANCELED && scratch == NULL);
    cancel_after = -1;
    return jbi_monotonic_ms() - start;
}

/* One that never answers. */
static void a_silent_server_is_not_waited_for(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(silent >= 0 && bind(silent, (struct sockaddr *)&at, len) == 0 &&
            listen(silent, 8) == 0 && getsockname(silent, (struct sockaddr *)&at, &len) == 0);
    struct postgresql_source from = source;
    char text[64];
    snprintf(text, sizeof text, "postgresql://a:b@127.0.0.1:%d/c", ntohs(at.sin_port));
    from.target.url = text;
    cancel_after = 2;
    CHECK(begin_canceled(&from) < 1500);
    close(silent);
    CHECK_NOTHING_LEFT();
}

/* Comments on databases, and dropping them, wait for the lock. */
static void what_was_being_made_is_for_the_next_run(void)
{
    struct postgres *locker = opened(source.target.url);
    REQUIRE(locker != NULL);
    value(locker, "SET default_transaction_read_only = off");
    value(locker, "BEGIN");
    CHECK_TEXT(value(locker, "LOCK TABLE pg_shdescription"), "(null)");
    cancel_after = 1;
    CHECK(begin_canceled(&source) < 5000);
    CHECK_HAS(scratch_databases(), "jbackup_scratch_");
    jbi_postgres_close(locker);
    jbi_postgresql_scratch_clear(&source, &job);
    CHECK_NOTHING_LEFT();
}

/* The session's server process hangs in the middle of a restore, and the restore is canceled. */
static void a_hanging_session_is_given_up(void)
{
    struct postgresql_scratch *scratch = begin(&source);
    struct postgres *postgres = opened(source.target.url);
    REQUIRE(postgres != NULL);
    pid_t backend = (pid_t)atoi(value(postgres, "SELECT min(pid) FROM pg_locks WHERE locktype = "
                                                "'advisory' AND classid = 1784834928"));
    REQUIRE(backend > 1 && kill(backend, SIGSTOP) == 0);
    jbi_postgres_close(postgres);
    int64_t start = jbi_monotonic_ms();
    jbi_postgresql_scratch_hurry(scratch);
    jbi_postgresql_scratch_end(scratch);
    CHECK(jbi_monotonic_ms() - start < 4000); /* dropping waits for every process of the server */
    kill(backend, SIGCONT);
    jbi_postgresql_scratch_clear(&source, &job);
    jbi_postgresql_scratch_hurry(NULL);
    CHECK_NOTHING_LEFT();
}

int main(void)
{
    atexit(fixture_remove);
    fixture_make();
    forget();
    sql_in("postgres", "CREATE ROLE plain LOGIN PASSWORD 'p'; CREATE DATABASE journal;");
    sql_in("journal", JOURNAL);
    source = source_of("admin:" ADMIN_PASSWORD, "journal", "journal");
    dump = backup_of(&source);
    RUN(a_place_is_made_and_removed);
    RUN(nobody_else_enters_a_cluster);
    RUN(the_environment_leads_nowhere_else);
    RUN(several_at_once);
    RUN(processes_at_once);
    RUN(runs_killed_anywhere_leave_nothing);
    RUN(a_server_left_alone_is_ended);
    RUN(others_are_not_touched);
    RUN(a_lost_session_still_drops);
    RUN(a_full_or_bad_folder_is_told);
    RUN(a_silent_server_is_not_waited_for);
    RUN(what_was_being_made_is_for_the_next_run);
    RUN(a_hanging_session_is_given_up);
    return check_end();
}
