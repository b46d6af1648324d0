/* SPDX-License-Identifier: MIT */
/* What a server, libpq or a client program says when it fails, made one line, and what to do about
 * it. The hints know the English words; where a server speaks another language its words stand. */
#include <stdio.h>
#include <string.h>

#include "adapter/postgres.h"
#include "base/error.h"
#include "base/text.h"

#define WHY_SIZE 600

/* A hint for messages that hold both texts (a NULL is in every message). */
static const struct {
    const char *one, *other, *hint;
} hints[] = {
    {"password authentication failed", NULL,
     "check the password: PGPASSWORD in the environment or in the project's .env, a DATABASE_URL "
     "there, or ~/.pgpass"},
    {"no password supplied", NULL,
     "set PGPASSWORD in the environment or in the project's .env, give DATABASE_URL there with the "
     "password, or write it to ~/.pgpass"},
    {"eer authentication failed", NULL,
     "run as the system user of that name, or connect by TCP and password: localhost as the host "
     "in the URL"},
    {"dent authentication failed", NULL,
     "let pg_hba.conf of the server ask for a password (scram-sha-256) instead"},
    {"database \"", "does not exist", "check the name in the URL; \"psql -l\" lists the databases"},
    {"role \"", "does not exist", "check the user in the URL; \"psql -c '\\du'\" lists the roles"},
    {"no pg_hba.conf entry", "no encryption",
     "the server may want TLS (sslmode=require in the URL), or a line in its pg_hba.conf for this "
     "user and database"},
    {"no pg_hba.conf entry", NULL,
     "the server's pg_hba.conf needs a line for this user, database and address"},
    {"does not support SSL", NULL,
     "turn TLS on at the server (ssl = on), or, in a network that is trusted, connect without "
     "sslmode=require"},
    {"certificate", "does not match host name",
     "write the host in the URL as the server's certificate names it; hostaddr in the URL may say "
     "where that is"},
    {"certificate", NULL,
     "name the certificate of the authority that signed the server's with sslrootcert in the URL"},
    {"could not translate host name", NULL, "check the host in the URL, and the name service"},
    {"timeout expired", NULL,
     "see whether the server runs and no firewall is between; connect_timeout in the URL is the "
     "time limit in seconds"},
    {"statement timeout", NULL,
     "see in pg_stat_activity what keeps the server busy, then run again"},
    {"lock timeout", NULL,
     "see in pg_locks and pg_stat_activity who holds the lock, and run "
     "again when it is released"},
    {"row-level security", NULL,
     "back up as a role with BYPASSRLS, or as the owner of the table where it has no FORCE ROW "
     "LEVEL SECURITY: other roles see only a part of the rows"},
    {"permission denied for large object", NULL,
     "GRANT SELECT ON LARGE OBJECT ... TO the role, for each of them, or back up as their owner"},
    {"permission denied for", NULL,
     "let the role read everything (GRANT pg_read_all_data TO it, PostgreSQL 14 or newer; else "
     "GRANT SELECT on each table and USAGE on each schema), or back up as the owner"},
    {"must be owner", NULL, "back up as the owner of the database, or as a superuser"},
    {"too many c", NULL,
     "raise max_connections of the server or the limit of the role or database, or close other "
     "sessions"},
    {"remaining connection slots", NULL,
     "raise max_connections of the server, or close other sessions"},
    {"server version mismatch", NULL,
     "install the PostgreSQL client of the server's version, e.g. the package postgresql-client-N"},
    {"the database system is", NULL, "run again when the server is up"},
    {"No space left on device", NULL, "free space on the server, or where this runs"},
    {"could not write init file", NULL, "free space on the server"},
    {"ended by signal 9", NULL,
     "somebody killed it, or the system was out of memory: its log (dmesg) says so"},
    {"definition of service", NULL, "look into ~/.pg_service.conf, or where PGSERVICEFILE points"},
    {"closed the connection unexpectedly", NULL,
     "the server's log says why: it may have been stopped or have crashed"},
    {"terminating connection", NULL, "the server's log says why: it may have been stopped"},
    {"onnection reset", NULL, "the server's log says why: it may have been stopped"},
    {"could not receive data", NULL, "see the server's log, and the network"},
    {"SSL SYSCALL error", NULL, "see the server's log, and the network"},
};

/* Past "pg_dump: "; programs begin their lines with their name. */
static const char *past_program(const char *line)
{
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
    bool is_program = jbi_starts_with(line, "pg_") || jbi_starts_with(line, "psql");
    return is_program && jbi_starts_with(line + len, ": ") ? line + len + 2 : line;
}

/* A line that only goes with a message, or tells of no failure. */
static bool is_aside(const char *line)
{
    static const char *const beginnings[] = {"warning:",
                                             "detail:",
                                             "hint:",
                                             "WARNING:",
                                             "NOTICE:",
                                             "DETAIL:",
                                             "HINT:",
                                             "LINE ",
                                             "LOG:",
                                             "INFO:",
                                             "DEBUG:",
                                             "CONTEXT:",
                                             "could not change directory to "};
    const char *text = past_program(line);
    if (*text == '\n' || *text == '\t' || *text == ' ' || *text == '\0')
        return true;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (jbi_starts_with(text, beginnings[i]))
            return true;
    }
    return false;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line != '\0' ? line + 1 : line;
}

/* Whether it tells of an address where no server answered. */
static bool is_unanswered(const char *line)
{
    static const char *const reasons[] = {"Connection refused", "No such file or directory",
                                          "unreachable", "timeout expired"};
    const char *end = line + strcspn(line, "\n");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        const char *at = strstr(line, reasons[i]);
        if (at != NULL && at < end)
            return true;
    }
    return false;
}

/* The first line that says what failed; else the first that says anything. A name may have several
 * addresses, with a line each: what a server said comes before the silence of the others. */
static const char *first_message(const char *said)
{
    const char *first = NULL;
    for (const char *line = said; *line != '\0'; line = next_line(line)) {
        if (is_aside(line))
            continue;
        if (first == NULL)
            first = line;
        if (!is_unanswered(first))
            return first;
        if (jbi_starts_with(past_program(line), "connection to ") && !is_unanswered(line))
            return line;
    }
    return first ? first : said + strspn(said, " \t\n");
}

/* Cuts what stands before the reason; *server becomes "server at "h" (1.2.3.4), port 5432", if that
 * is told. */
static const char *past_prefixes(const char *line, const char **server, size_t *server_len)
{
    static const char *const prefixes[] = {
        "error: ", "fatal: ", "query failed: ", "FATAL:", "ERROR:", "PANIC:"};
    const char *before;
    line = past_program(line);
    do {
        before = line;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            if (jbi_starts_with(line, prefixes[i]))
                line += strlen(prefixes[i]);
        }
        line += strspn(line, " ");
        const char *failed = strstr(line, " failed: ");
        if (jbi_starts_with(line, "connection to ") && failed != NULL &&
            (size_t)(failed - line) < strcspn(line, "\n")) {
            *server = line + strlen("connection to ");
            *server_len = (size_t)(failed - *server);
            line = failed + strlen(" failed: ");
        }
    } while (line != before);
    return line;
}

/* The length of the line; a name in quotes may hold a line break. */
static size_t line_len(const char *line)
{
    size_t len = 0, first = strcspn(line, "\n");
    bool is_quoted = false;
    for (; line[len] != '\0' && (is_quoted || line[len] != '\n'); len++) {
        if (line[len] == '"')
            is_quoted = !is_quoted;
        if (len == WHY_SIZE)
            return first;
    }
    return is_quoted ? first : len;
}

static void add_line(struct text *why, const char *line)
{
    size_t len = line_len(line);
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\r'))
        len--;
    jbi_text_add(why, line, len < WHY_SIZE ? len : WHY_SIZE);
}

/* "Dumping the contents of table "t" failed: PQgetCopyData() failed." has its reason in a line of
 * its own. */
static void add_reason(struct text *why, const char *line)
{
    static const char mark[] = "Error message from server: ";
    const char *ours = strstr(line, " failed: PQ"), *reason = strstr(line, mark);
    if (ours == NULL || (size_t)(ours - line) > strcspn(line, "\n") || reason == NULL) {
        add_line(why, line);
        return;
    }
    const char *server = NULL;
    size_t server_len;
    size_t len = (size_t)(ours - line);
    jbi_text_add(why, line, len < WHY_SIZE ? len : WHY_SIZE);
    jbi_text_adds(why, " failed: ");
    add_line(why, past_prefixes(reason + sizeof mark - 1, &server, &server_len));
}

static void add_hint(struct jb_error *err, const char *why, const char *server, int server_len)
{
    bool is_absent = strstr(why, "Connection refused") || strstr(why, "No such file or directory");
    if (is_absent && server != NULL) {
        jbi_hint(err, "see that the %.*s runs and listens there; host and port stand in the URL",
                 server_len < 200 ? server_len : 200, server);
        return;
    }
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (strstr(why, hints[i].one) && (!hints[i].other || strstr(why, hints[i].other))) {
            jbi_hint(err, "%s", hints[i].hint);
            return;
        }
    }
}

int jbi_postgres_fail(struct jb_error *err, const char *what, const char *object, const char *said)
{
    const char *server = NULL;
    size_t server_len = 0;
    scope_text why = {0};
    add_reason(&why, past_prefixes(first_message(said), &server, &server_len));
    if (why.len == 0)
        jbi_text_adds(&why, "no reason was given");
    if (why.failed)
        return jbi_fail_memory(err);
    bool is_first = err != NULL && err->code == 0;
    jbi_fail(err, JB_EDATABASE, "%s \"%s\": %s", what, object, why.at);
    if (is_first)
        add_hint(err, why.at, server, (int)server_len);
    return JB_EDATABASE;
}
