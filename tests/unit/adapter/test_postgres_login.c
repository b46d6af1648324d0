/* SPDX-License-Identifier: MIT */
/* Handing a login on to real client programs: they get in, and nobody sees the password. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "postgres_fixture.h"

#define CLIENT_WAIT_MS 20000

static struct postgres_login login;

/* Reads a file of /proc of the child; its NULs become line breaks. */
static void add_proc(struct text *seen, pid_t child, const char *name)
{
    char buffer[8192];
    int fd = open(textf("/proc/%d/%s", (int)child, name), O_RDONLY | O_CLOEXEC);
    ssize_t len;
    while (fd >= 0 && (len = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < len; i++)
            buffer[i] = buffer[i] ? buffer[i] : '\n';
        jbi_text_add(seen, buffer, (size_t)len);
    }
    if (fd >= 0)
        close(fd);
}

static void exec_client(const char *const argv[])
{
    int out = open(textf("%s/out", check_folder()), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    if (login.passfile_fd >= 0 && fcntl(login.passfile_fd, F_SETFD, 0) < 0)
        _exit(126);
    execvpe(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)login.environment);
    _exit(127);
}

/* Runs a client program with the login; what is to be seen of it from outside is put into seen. */
static int run_client(const char *const argv[], struct text *seen)
{
    check_folder();
    int64_t until = jbi_monotonic_ms() + CLIENT_WAIT_MS;
    pid_t child = fork();
    if (child == 0)
        exec_client(argv);
    int status = -1;
    while (waitpid(child, &status, WNOHANG) == 0 && jbi_monotonic_ms() < until) {
        if (seen != NULL && seen->len < 1 << 22) {
            add_proc(seen, child, "cmdline");
            add_proc(seen, child, "environ");
        }
        usleep(20000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *output(void)
{
    static char text[65536];
    FILE *file = fopen(textf("%s/out", check_folder()), "r");
    REQUIRE(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The first line that a query gives through psql with the login. */
static char *psql(const char *query)
{
    const char *const argv[] = {"psql", "-XAtwqd", login.conninfo, "-c", query, NULL};
    CHECK(run_client(argv, NULL) == 0);
    char *text = output();
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* Fills login from a connection to the URL. */
static int take_login(const char *text, const char *database)
{
    struct postgres *postgres = opened(text);
    REQUIRE(postgres != NULL);
    int code = jbi_postgres_login(postgres, database, &arena, &login, &err);
    CHECK(code == err.code && (code == JB_OK || login.passfile_fd == -1));
    jbi_postgres_close(postgres);
    return code;
}

static void drop_login(void)
{
    if (login.passfile_fd >= 0)
        close(login.passfile_fd);
    login = (struct postgres_login){.passfile_fd = -1};
}

static const char *setting(const char *name)
{
    for (const char *const *at = login.environment; *at != NULL; at++) {
        if (jbi_starts_with(*at, name) && (*at)[strlen(name)] == '=')
            return *at + strlen(name) + 1;
    }
    return NULL;
}

static void a_dump_gets_in_and_shows_nothing(void)
{
    forget();
    setenv("PGPASSWORD", ADMIN_PASSWORD, 1);
    setenv("PGAPPNAME", "mine", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    REQUIRE(take_login(url("admin", "postgres"), NULL) == JB_OK);
    struct text seen = {0};
    const char *const dump[] = {"pg_dump", "-w", "--schema-only", "-d", login.conninfo, NULL};
    CHECK(run_client(dump, &seen) == 0);
    CHECK_HAS(output(), "PostgreSQL database dump");
    const char *const wait[] = {"psql", "-XAtwd", login.conninfo, "-c", "SELECT pg_sleep(0.5)",
                                NULL};
    CHECK(run_client(wait, &seen) == 0);
    CHECK_HAS(seen.at, "host='localhost'");
    CHECK_HAS(seen.at, "PGPASSFILE=/proc/self/fd/");
    CHECK(strstr(seen.at, ADMIN_PASSWORD) == NULL && strstr(seen.at, "PGPASSWORD") == NULL);
    CHECK(strstr(seen.at, "mine") == NULL);
    CHECK_TEXT(setting("LC_ALL"), "C");
    CHECK_TEXT(setting("PGTZ"), "UTC");
    CHECK(setting("PATH") != NULL);
    struct stat st;
    CHECK(fstat(login.passfile_fd, &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(fcntl(login.passfile_fd, F_GETFD) == FD_CLOEXEC);
    CHECK_TEXT(psql("SHOW timezone"), "UTC");
    CHECK_TEXT(psql("SELECT current_user || ' ' || ssl || ' ' || current_database() FROM "
                    "pg_stat_ssl WHERE pid = pg_backend_pid()"),
               "admin true postgres");
    jbi_text_free(&seen);
    drop_login();
    unsetenv("LC_ALL");
}

static void a_trace_of_the_dump_shows_nothing(void)
{
    forget();
    REQUIRE(take_login(url("admin:" ADMIN_PASSWORD, "postgres"), NULL) == JB_OK);
    const char *trace = textf("%s/trace", check_folder());
    const char *const argv[] = {"strace", "-f",           "-o", trace,      "psql",
                                "-XAtwd", login.conninfo, "-c", "SELECT 1", NULL};
    if (system("strace -qq -o /dev/null true 2>/dev/null") != 0)
        printf("# tracing is not allowed here\n");
    else
        CHECK(run_client(argv, NULL) == 0 &&
              shell(textf("grep -q 'The password of one' %s && ! grep -q %s %s", trace,
                          ADMIN_PASSWORD, trace)));
    drop_login();
}

static void odd_passwords_arrive(void)
{
    static const struct {
        const char *sql, *url;
    } odd[] = {
        {"a:b:c", "a:b:c"},
        {"\\", "%5C"},
        {"\\\\:", "%5C%5C:"},
        {"''", "'"},
        {" ", "%20"},
        {"#", "%23"},
        {"p:a\\s''s w%ürd@/?&=\"$1*", "p%3Aa%5Cs's%20w%25%C3%BCrd%40%2F%3F%26=%22$1*"},
        {"tab\tend:", "tab%09end:"},
    };
    forget();
    sql("CREATE ROLE odd LOGIN;");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        sql(textf("ALTER ROLE odd PASSWORD '%s';", odd[i].sql));
        REQUIRE(take_login(url(textf("odd:%s", odd[i].url), "postgres"), NULL) == JB_OK);
        CHECK_TEXT(psql("SELECT current_user"), "odd");
        drop_login();
    }
    sql("ALTER ROLE odd PASSWORD E'two\\nlines';");
    CHECK(take_login(url("odd:two%0Alines", "postgres"), NULL) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "line break");
    CHECK_HAS(err.hint, "another password");
    CHECK(strstr(err.text, "lines") == NULL);
    sql("ALTER ROLE odd PASSWORD E'end\\r';");
    CHECK(take_login(url("odd:end%0D", "postgres"), NULL) == JB_EUNSUPPORTED);
}

static void odd_names_arrive(void)
{
    forget();
    sql("CREATE DATABASE \"it's \\\\ a=b \xc3\xa4\n2\";"
        "CREATE ROLE \"o'dd user=\\\\\" LOGIN PASSWORD 'x';");
    const char *user = "o'dd%20user=%5C%5C:x";
    REQUIRE(take_login(url(user, "it's%20%5C%5C%20a=b%20%C3%A4%0A2"), NULL) == JB_OK);
    CHECK_TEXT(psql("SELECT replace(current_database(), E'\\n', '|') || current_user"),
               "it's \\\\ a=b ä|2o'dd user=\\\\");
    drop_login();
    REQUIRE(take_login(url(user, "postgres"), "it's \\\\ a=b ä\n2") == JB_OK);
    CHECK_TEXT(psql("SELECT length(current_database())"), "15");
    drop_login();
}

static void the_server_in_use_is_pinned(void)
{
    forget();
    REQUIRE(take_login(textf("postgresql://admin:" ADMIN_PASSWORD
                             "@127.0.0.1:1,localhost:%s/postgres?sslmode=verify-full&sslrootcert="
                             "%s/ca.crt&application_name=mine&target_session_attrs=any",
                             port, server),
                       NULL) == JB_OK);
    CHECK_HAS(login.conninfo, textf("host='localhost' hostaddr='127.0.0.1' port='%s'", port));
    CHECK_HAS(login.conninfo, "sslmode='verify-full'");
    CHECK(strstr(login.conninfo, ADMIN_PASSWORD) == NULL && strstr(login.conninfo, "mine") == NULL);
    CHECK_TEXT(psql("SELECT 1"), "1");
    drop_login();
    REQUIRE(take_login(textf("postgresql://admin:" ADMIN_PASSWORD "@/postgres?host=%s/run&port=%s",
                             server, port),
                       "template1") == JB_OK);
    CHECK(strstr(login.conninfo, "hostaddr") == NULL);
    CHECK_TEXT(psql("SELECT current_database()"), "template1");
    drop_login();
    REQUIRE(take_login(url("admin:" ADMIN_PASSWORD, "postgres?options=-c%20extra_float_digits%3D0"),
                       NULL) == JB_OK);
    CHECK_TEXT(psql("SHOW extra_float_digits"), "0");
    drop_login();
}

static void a_keys_password_is_not_handed_on(void)
{
    forget();
    const char *folder = check_folder();
    CHECK(shell(textf("cd %s && openssl req -x509 -newkey rsa:2048 -days 30 -subj /CN=admin "
                      "-passout pass:k3y -keyout key -out crt 2>/dev/null && chmod 600 key",
                      folder)));
    const char *text = url("admin:" ADMIN_PASSWORD, textf("postgres?sslcert=%s/crt&sslkey=%s/key&"
                                                          "sslpassword=k3y",
                                                          folder, folder));
    CHECK(take_login(text, NULL) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "sslpassword");
    CHECK_HAS(err.hint, "0600");
    CHECK(strstr(err.text, "k3y") == NULL && strstr(err.hint, "k3y") == NULL);
}

static void without_a_password_the_passfile_stays(void)
{
    forget();
    sql("CREATE ROLE bare LOGIN; CREATE DATABASE second;");
    CHECK(shell(textf("cp %s/data/pg_hba.conf %s/hba; "
                      "sed -i '1i hostssl postgres bare 127.0.0.1/32 trust' %s/data/pg_hba.conf",
                      server, check_folder(), server)));
    sql("ALTER ROLE bare PASSWORD 'later'; SELECT pg_reload_conf();");
    const char *path = textf("%s/pgpass", check_folder());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fputs("*:*:second:bare:later\n", file);
    fclose(file);
    REQUIRE(chmod(path, 0600) == 0);
    setenv("PGPASSFILE", path, 1);
    CHECK(comes_to(JB_OK, url("bare", "postgres")));
    REQUIRE(take_login(url("bare", "postgres"), "second") == JB_OK);
    CHECK(login.passfile_fd == -1 && setting("PGPASSFILE") == NULL);
    CHECK_TEXT(psql("SELECT current_database()"), "second");
    drop_login();
    CHECK(shell(textf("cat %s/hba > %s/data/pg_hba.conf", check_folder(), server)));
}

int main(void)
{
    atexit(server_remove);
    server_make();
    RUN(a_dump_gets_in_and_shows_nothing);
    RUN(a_trace_of_the_dump_shows_nothing);
    RUN(odd_passwords_arrive);
    RUN(odd_names_arrive);
    RUN(the_server_in_use_is_pinned);
    RUN(a_keys_password_is_not_handed_on);
    RUN(without_a_password_the_passfile_stays);
    jbi_arena_free(&arena);
    return check_end();
}
