/* SPDX-License-Identifier: MIT */
/* Connections to a real server: the ways to a password, TLS, refusals, queries, and servers that
 * don't answer. */
#include "adapter/postgres.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "postgres_fixture.h"

static void a_password_comes_from_anywhere(void)
{
    forget();
    CHECK(try(url("admin:" ADMIN_PASSWORD, "postgres")) == JB_OK);
    CHECK(try(textf("postgresql+psycopg2://admin:" ADMIN_PASSWORD "@127.0.0.1:%s/postgres",
                    port)) == JB_OK);
    CHECK(try(url("admin", "postgres?password=" ADMIN_PASSWORD)) == JB_OK);
    CHECK(try(url("admin", "postgres")) == JB_EDATABASE);
    CHECK_HAS(err.text, "no password supplied");
    CHECK_HAS(err.hint, "PGPASSWORD");
    CHECK_HAS(err.hint, "DATABASE_URL");
    CHECK(try_with(url("admin", "postgres"), ADMIN_PASSWORD) == JB_OK);
    CHECK(try_with(url("admin:" ADMIN_PASSWORD, "postgres"), "unused") == JB_OK);

    setenv("PGPASSWORD", ADMIN_PASSWORD, 1);
    CHECK(try(url("admin", "postgres")) == JB_OK);
    CHECK(try_with(url("admin", "postgres"), "wrong") == JB_EDATABASE);
    forget();
    setenv("PGPASSFILE", textf("%s/pgpass", server), 1);
    CHECK(try(url("admin", "postgres")) == JB_OK);
    setenv("PGPORT", port, 1);
    setenv("PGUSER", "admin", 1);
    setenv("PGHOST", "localhost", 1);
    setenv("PGDATABASE", "postgres", 1);
    CHECK(try("postgresql://") == JB_OK);
    forget();
    setenv("HOME", check_folder(), 1);
    CHECK(shell(textf("cp %s/pgpass %s/.pgpass", server, check_folder())));
    CHECK(try(url("admin", "postgres")) == JB_OK);
}

static void a_service_file_is_read(void)
{
    forget();
    const char *path = textf("%s/services", check_folder());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fprintf(file,
            "[journal]\nhost=localhost\nport=%s\nuser=admin\ndbname=template1\npassword=%s\n"
            "connect_timeout=7\n",
            port, ADMIN_PASSWORD);
    fclose(file);
    setenv("PGSERVICEFILE", path, 1);
    CHECK(try_with("postgresql:///?service=journal", "of no use") == JB_OK);
    CHECK(try("postgresql:///postgres?service=journal") == JB_OK);
    CHECK(try("postgresql:///?service=nobodys") == JB_EDATABASE);
    CHECK_HAS(err.text, "definition of service \"nobodys\" not found");
    CHECK_HAS(err.hint, "pg_service.conf");
}

static void refusals_are_in_the_servers_words(void)
{
    forget();
    CHECK(try(url("admin:wrong", "postgres")) == JB_EDATABASE);
    CHECK_TEXT(err.text, textf("cannot connect to \"postgresql://admin@localhost:%s/postgres\": "
                               "password authentication failed for user \"admin\"",
                               port));
    CHECK_HAS(err.hint, "check the password");
    CHECK(try(url("admin:" ADMIN_PASSWORD, "journ%C3%A4l%0A%40x")) == JB_EDATABASE);
    CHECK_HAS(err.text, "/journäl%0A%40x\": database \"journäl\\x0a@x\" does not exist");
    CHECK_HAS(err.hint, "psql -l");
    CHECK(strchr(err.text, '\n') == NULL);
    CHECK(try("postgresql://admin:" ADMIN_PASSWORD "@127.0.0.1:1/postgres") == JB_EDATABASE);
    CHECK_HAS(err.text, "@127.0.0.1:1/postgres\": Connection refused");
    CHECK_HAS(err.hint, "server at \"127.0.0.1\", port 1 runs");
    CHECK(try(textf("postgresql://admin@%%2Fnowhere:%s/postgres", port)) == JB_EDATABASE);
    CHECK_HAS(err.text, "postgresql://admin@%2Fnowhere:");
    CHECK_HAS(err.text, "No such file or directory");
    CHECK_HAS(err.hint, "/nowhere/.s.PGSQL.");
    CHECK(try("postgresql://admin@no-such-host.invalid/postgres") == JB_EDATABASE);
    CHECK_HAS(err.text, "could not translate host name");
    CHECK(try(url("admin:" ADMIN_PASSWORD, "postgres?sslmode=maybe")) == JB_EDATABASE);
    CHECK_HAS(err.text, "sslmode");
}

static void tls_is_used_asked_for_and_missed(void)
{
    forget();
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL);
    CHECK(jbi_postgres_is_encrypted(postgres) && jbi_postgres_is_local(postgres));
    jbi_postgres_close(postgres);
    postgres = opened(
        textf("postgresql://admin:" ADMIN_PASSWORD "@/postgres?host=%s/run&port=%s", server, port));
    REQUIRE(postgres != NULL);
    CHECK(!jbi_postgres_is_encrypted(postgres) && jbi_postgres_is_local(postgres));
    CHECK_HAS(jbi_postgres_place(postgres), textf("postgresql://admin@%%2Ftmp%%2F"));
    jbi_postgres_close(postgres);
    CHECK(try(url("admin:" ADMIN_PASSWORD, textf("postgres?sslmode=verify-full&sslrootcert="
                                                 "%s/ca.crt",
                                                 server))) == JB_OK);
    CHECK(try(url("admin:" ADMIN_PASSWORD, "postgres?sslmode=disable")) == JB_EDATABASE);
    CHECK_HAS(err.text, "no encryption");
    CHECK_HAS(err.hint, "sslmode=require");
    CHECK(try(url("admin:" ADMIN_PASSWORD, "postgres?sslmode=verify-full")) == JB_EDATABASE);
    CHECK_HAS(err.hint, "sslrootcert");
    sql("ALTER SYSTEM SET ssl = off; SELECT pg_reload_conf();");
    CHECK(comes_to(JB_EDATABASE, url("admin:" ADMIN_PASSWORD, "postgres?sslmode=require")));
    CHECK_HAS(err.text, "server does not support SSL");
    CHECK_HAS(err.hint, "ssl = on");
    sql("ALTER SYSTEM RESET ssl; SELECT pg_reload_conf();");
    CHECK(comes_to(JB_OK, url("admin:" ADMIN_PASSWORD, "postgres?sslmode=require")));
}

static void a_session_is_as_promised(void)
{
    forget();
    setenv("PGCLIENTENCODING", "LATIN1", 1);
    setenv("PGOPTIONS", "-c search_path=public -c statement_timeout=1", 1);
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL);
    CHECK_TEXT(jbi_postgres_database(postgres), "postgres");
    CHECK_TEXT(jbi_postgres_place(postgres),
               textf("postgresql://admin@localhost:%s/postgres", port));
    CHECK(jbi_postgres_server_major(postgres) >= 12);
    CHECK_TEXT(value(postgres, "SHOW application_name"), "jbackup");
    CHECK_TEXT(value(postgres, "SHOW client_encoding"), "UTF8");
    CHECK_TEXT(value(postgres, "SHOW search_path"), "pg_catalog");
    CHECK_TEXT(value(postgres, "SHOW statement_timeout"), "1min");
    CHECK_TEXT(value(postgres, "SHOW lock_timeout"), "1min");
    CHECK_TEXT(value(postgres, "SHOW idle_in_transaction_session_timeout"), "0");
    CHECK_TEXT(value(postgres, "CREATE TABLE public.t(a int)"), "");
    CHECK_HAS(err.text, "read-only transaction");
    CHECK_TEXT(value(postgres, "SELECT 'still here'"), "still here");
    jbi_postgres_close(postgres);
}

static void queries_answer_in_text(void)
{
    forget();
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    struct postgres_rows *rows = NULL;
    const char *const params[] = {"it's; \"$1\"", NULL};
    REQUIRE(postgres != NULL);
    CHECK(jbi_postgres_query(postgres, "cannot ask",
                             "SELECT $1::text, $2::text, '' UNION ALL SELECT 'b', 'c', 'ü'", params,
                             2, &rows, &err) == JB_OK);
    REQUIRE(rows != NULL);
    CHECK(jbi_postgres_row_count(rows) == 2);
    CHECK_TEXT(jbi_postgres_value(rows, 0, 0), params[0]);
    CHECK(jbi_postgres_value(rows, 0, 1) == NULL);
    CHECK_TEXT(jbi_postgres_value(rows, 0, 2), "");
    CHECK_TEXT(jbi_postgres_value(rows, 1, 2), "ü");
    CHECK(jbi_postgres_value(rows, 2, 0) == NULL && jbi_postgres_value(rows, 0, 3) == NULL &&
          jbi_postgres_value(rows, -1, 0) == NULL && jbi_postgres_value(rows, 0, -1) == NULL);
    jbi_postgres_rows_free(rows);
    CHECK_TEXT(value(postgres, "SELECT count(*), sum(length(x)) FROM (SELECT repeat(n::text, 1000) "
                               "AS x FROM generate_series(1, 20000) n) s"),
               "20000");
    CHECK_HAS(value(postgres, "SELECT repeat('x', 30000000)"), "xxxx");
    CHECK_TEXT(value(postgres, "SELECT * FROM nothing"), "");
    CHECK_TEXT(err.text, textf("cannot ask \"postgresql://admin@localhost:%s/postgres\": relation "
                               "\"nothing\" does not exist",
                               port));
    CHECK_TEXT(value(postgres, "SELECT 1; SELECT 2"), "");
    CHECK_HAS(err.text, "multiple commands");
    CHECK_TEXT(value(postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), "(null)");
    CHECK(strlen(value(postgres, "SELECT pg_export_snapshot()")) > 5);
    CHECK_TEXT(value(postgres, "COPY (SELECT 1) TO STDOUT"), "");
    CHECK(err.code == JB_EUNSUPPORTED);
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    CHECK_HAS(err.text, "connection is lost");
    jbi_postgres_close(postgres);
    jbi_postgres_rows_free(NULL);
    jbi_postgres_close(NULL);
}

static void a_target_may_be_writable(void)
{
    forget();
    struct postgres *postgres = NULL;
    const struct postgres_target target = {.url = url("admin:" ADMIN_PASSWORD, "postgres"),
                                           .database = "template1",
                                           .is_writable = true};
    REQUIRE(jbi_postgres_open(&postgres, &target, &err) == JB_OK);
    CHECK_TEXT(jbi_postgres_database(postgres), "template1");
    CHECK_TEXT(value(postgres, "SHOW default_transaction_read_only"), "off");
    CHECK_TEXT(value(postgres, "SHOW statement_timeout"), "10min");
    CHECK_TEXT(value(postgres, "CREATE TEMPORARY TABLE written (a int)"), "(null)");
    jbi_postgres_close(postgres);
}

static void names_and_texts_are_quoted(void)
{
    forget();
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL);
    CHECK_TEXT(jbi_postgres_quote_name(postgres, "a \"b\"; c'\\", &arena), "\"a \"\"b\"\"; c'\\\"");
    CHECK_TEXT(jbi_postgres_quote_text(postgres, "a 'b'; \"c\"", &arena), "'a ''b''; \"c\"'");
    const char *odd = jbi_postgres_quote_text(postgres, "\\'; ä\n", &arena);
    REQUIRE(odd != NULL);
    CHECK_TEXT(value(postgres, textf("SELECT %s", odd)), "\\'; ä\n");
    CHECK(jbi_postgres_quote_name(postgres, "\xff\xfe", &arena) == NULL);
    CHECK(jbi_postgres_quote_text(postgres, "x\xc3", &arena) == NULL);
    jbi_postgres_close(postgres);
}

static void nothing_is_printed(void)
{
    forget();
    sql("SET client_min_messages = error; CREATE ROLE noisy LOGIN PASSWORD 'x';"
        "ALTER ROLE noisy SET default_text_search_config = 'nobodys';");
    const char *path = textf("%s/stderr", check_folder());
    int kept = dup(2), file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(kept >= 0 && file >= 0 && dup2(file, 2) == 2);
    int code = try(url("noisy:x", "postgres"));
    struct postgres *postgres = opened(url("noisy:x", "postgres"));
    REQUIRE(postgres != NULL);
    value(postgres, "DO $$ BEGIN RAISE WARNING 'heard'; END $$");
    jbi_postgres_close(postgres);
    dup2(kept, 2);
    struct stat st;
    CHECK(code == JB_OK && fstat(file, &st) == 0 && st.st_size == 0);
    close(kept);
    close(file);
}

/* A listener at that address, which never answers; its socket. */
static int silent_at(uint32_t address, int at_port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)at_port), .sin_addr = {htonl(address)}};
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(silent >= 0 && bind(silent, (struct sockaddr *)&at, sizeof at) == 0 &&
            listen(silent, 8) == 0);
    return silent;
}

static int port_of(int listener)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    REQUIRE(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    return ntohs(at.sin_port);
}

static void a_silent_server_ends_in_time(void)
{
    int silent = silent_at(INADDR_LOOPBACK, 0);
    const char *text =
        textf("postgresql://a:b@127.0.0.1:%d/c?connect_timeout=1", port_of(silent)); /* is 2 */
    forget();
    int64_t start = jbi_monotonic_ms();
    CHECK(try(text) == JB_EDATABASE);
    CHECK(jbi_monotonic_ms() - start >= 2000 && jbi_monotonic_ms() - start < 5000);
    CHECK_TEXT(err.text,
               textf("cannot connect to \"postgresql://a@127.0.0.1:%d/c\": timeout expired",
                     port_of(silent)));
    CHECK_HAS(err.hint, "firewall");
    CHECK(try("postgresql://a:b@127.0.0.1/c?connect_timeout=soon") == JB_EDATABASE);
    CHECK_HAS(err.text, "/c\": invalid integer value \"soon\" for connection option");
    close(silent);
}

/* ---- Several addresses ---- */

#define SILENT_2    (INADDR_LOOPBACK + 1) /* 127.0.0.2, where the server does not listen */
#define SLOW_NAME_S 3

/* Names of the tests' own; all else is the system's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *wanted,
                struct addrinfo **out)
{
    int (*systems)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&systems = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name != NULL && strcmp(name, "slow.test") == 0) {
        sleep(SLOW_NAME_S);
        return EAI_NONAME;
    }
    if (name == NULL || strcmp(name, "two.test") != 0)
        return systems(name, service, wanted, out);
    int code = systems("127.0.0.2", service, wanted, out);
    return code != 0 ? code : systems("127.0.0.1", service, wanted, &(*out)->ai_next);
}

/* Both ports are lists: of the silent listener, and of the server. */
static int try_hosts(const char *hosts, const char *ports, const char *more)
{
    return try(textf("postgresql://admin:" ADMIN_PASSWORD
                     "@/postgres?host=%s&port=%s&connect_timeout=2%s",
                     hosts, ports, more));
}

static void the_next_address_gets_its_turn(void)
{
    forget();
    int silent = silent_at(INADDR_LOOPBACK, 0), same_port = silent_at(SILENT_2, atoi(port));
    char first[16], last[16], refused[16];
    snprintf(first, sizeof first, "%d,%s", port_of(silent), port);
    snprintf(last, sizeof last, "%s,%d", port, port_of(silent));
    snprintf(refused, sizeof refused, "1,%s", port);
    int64_t start = jbi_monotonic_ms();
    CHECK(try_hosts("127.0.0.1,localhost", first, "") == JB_OK);
    CHECK(try_hosts("two.test", port, "") == JB_OK);
    CHECK(try_hosts("two.test", port, "&hostaddr=127.0.0.2") == JB_EDATABASE);
    CHECK_HAS(err.text, "timeout expired");
    CHECK(jbi_monotonic_ms() - start >= 6000);
    setenv("PGCONNECT_TIMEOUT", "2", 1);
    setenv("PGHOSTADDR", "127.0.0.2,127.0.0.1", 1);
    CHECK(try(textf("postgresql://admin:" ADMIN_PASSWORD "@a.test,b.test:%s/postgres", port)) ==
          JB_OK);
    unsetenv("PGHOSTADDR");
    CHECK(try_hosts(textf("127.0.0.1,%s/run", server), first, "") == JB_OK);
    CHECK(try_hosts("127.0.0.1,localhost", first, "&target_session_attrs=read-write") == JB_OK);
    start = jbi_monotonic_ms();
    CHECK(try_hosts("127.0.0.1,localhost", first, "&target_session_attrs=prefer-standby") == JB_OK);
    CHECK(try_hosts("localhost,127.0.0.1", last, "&target_session_attrs=prefer-standby") == JB_OK);
    CHECK(try_hosts("localhost", port, "&target_session_attrs=standby") == JB_EDATABASE);
    CHECK_HAS(err.text, "not in hot standby mode");
    CHECK(jbi_monotonic_ms() - start < 9000);

    start = jbi_monotonic_ms();
    CHECK(try_hosts("127.0.0.1,localhost", refused, "") == JB_OK);
    CHECK(try_hosts("no-such-host.invalid,localhost", port, "") == JB_OK);
    CHECK(try_hosts("127.0.0.1,localhost,127.0.0.1", "1,2", "") == JB_EDATABASE);
    CHECK_HAS(err.text, "could not match 2 port numbers to 3 hosts");
    CHECK(try_hosts("127.0.0.1,localhost", refused, "&password=wrong") == JB_EDATABASE);
    CHECK_HAS(err.text, "password authentication failed");
    CHECK(try_hosts("127.0.0.1,localhost", textf("%s,1", port), "&password=wrong") == JB_EDATABASE);
    CHECK_HAS(err.text, "password authentication failed");
    CHECK(jbi_monotonic_ms() - start < 2000);
    CHECK(try_hosts("127.0.0.1,localhost", first, "&password=wrong") == JB_EDATABASE);
    CHECK_HAS(err.text, "password authentication failed");
    close(silent);
    close(same_port);
}

/* ---- Canceling ---- */

static int asked;

/* Cancels at the fourth call. */
static int cancel_soon(void *user, const char *step, uint64_t done, uint64_t total,
                       const char *unit)
{
    CHECK_TEXT(step, user);
    CHECK(done == 0 && total == 0 && *unit == '\0');
    return ++asked >= 4;
}

static int canceled_open(const char *text)
{
    const struct hooks hooks = {.progress = cancel_soon, .user = (char[]){"connect"}};
    const struct postgres_target target = {.url = text, .hooks = &hooks};
    struct postgres *postgres = NULL;
    int64_t start = jbi_monotonic_ms();
    err = (struct jb_error){0};
    asked = 0;
    int code = jbi_postgres_open(&postgres, &target, &err);
    CHECK(asked == 4 && jbi_monotonic_ms() - start < 1000);
    CHECK_TEXT(err.text, "canceled while working on: connect");
    CHECK(postgres == NULL);
    return code;
}

static void connecting_can_be_canceled(void)
{
    forget();
    int silent = silent_at(INADDR_LOOPBACK, 0), line[16];
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    const char *text = textf("postgresql://a:b@localhost:%d/c", port_of(silent));
    CHECK(canceled_open(text) == JB_ECANCELED);
    /* With no room for more, connecting itself gets no answer. */
    REQUIRE(getsockname(silent, (struct sockaddr *)&at, &len) == 0);
    for (size_t i = 0; i < 16; i++) {
        line[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(line[i], (struct sockaddr *)&at, len);
    }
    CHECK(canceled_open(text) == JB_ECANCELED);
    for (size_t i = 0; i < 16; i++)
        close(line[i]);
    close(silent);
    CHECK(canceled_open("postgresql://a:b@slow.test/c") == JB_ECANCELED);
    sleep(SLOW_NAME_S); /* its thread is left to itself, and ends */
}

static void waiting_for_an_answer_can_be_canceled(void)
{
    forget();
    const struct hooks hooks = {.progress = cancel_soon, .user = (char[]){"ask database"}};
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL);
    postgres->hooks = &hooks;
    asked = 0;
    int64_t start = jbi_monotonic_ms();
    CHECK_TEXT(value(postgres, "SELECT 1"), "1");
    CHECK_TEXT(value(postgres, "SELECT pg_sleep(5)"), "");
    CHECK(err.code == JB_ECANCELED && asked == 4);
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    CHECK_HAS(err.text, "connection is lost");
    jbi_postgres_close(postgres);
    CHECK(jbi_monotonic_ms() - start < 1000);
}

static void a_stopped_backend_ends_in_time(void)
{
    forget();
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL);
    pid_t backend = (pid_t)atoi(value(postgres, "SELECT pg_backend_pid()"));
    REQUIRE(backend > 1 && kill(backend, SIGSTOP) == 0);
    postgres->answer_wait_s = 1;
    int64_t start = jbi_monotonic_ms();
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    CHECK(err.code == JB_EDATABASE && jbi_monotonic_ms() - start < 5000);
    CHECK_HAS(err.text, "no answer within 1 s");
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    jbi_postgres_close(postgres);
    CHECK(jbi_monotonic_ms() - start < 5000);
    kill(backend, SIGCONT);
}

static void a_killed_server_is_told(void)
{
    forget();
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, "postgres"));
    REQUIRE(postgres != NULL && control("pg_crash"));
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    CHECK(err.code == JB_EDATABASE);
    CHECK_HAS(err.hint, "server's log");
    CHECK_TEXT(value(postgres, "SELECT 1"), "");
    jbi_postgres_close(postgres);
    REQUIRE(control("pg_start"));
    CHECK(try(url("admin:" ADMIN_PASSWORD, "postgres")) == JB_OK);
}

int main(void)
{
    atexit(server_remove);
    server_make();
    RUN(a_password_comes_from_anywhere);
    RUN(a_service_file_is_read);
    RUN(refusals_are_in_the_servers_words);
    RUN(tls_is_used_asked_for_and_missed);
    RUN(a_session_is_as_promised);
    RUN(queries_answer_in_text);
    RUN(a_target_may_be_writable);
    RUN(names_and_texts_are_quoted);
    RUN(nothing_is_printed);
    RUN(a_silent_server_ends_in_time);
    RUN(the_next_address_gets_its_turn);
    RUN(connecting_can_be_canceled);
    RUN(waiting_for_an_answer_can_be_canceled);
    RUN(a_stopped_backend_ends_in_time);
    RUN(a_killed_server_is_told);
    jbi_arena_free(&arena);
    return check_end();
}
