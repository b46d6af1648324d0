/* SPDX-License-Identifier: MIT */
/*
 * Handing a connection's login on to a client program. Invariant: the password goes from libpq's
 * memory into that of a file without name or disk, and nowhere else: not through an argument, the
 * environment, the arena or a system call of ours.
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/postgres_connection.h"
#include "base/error.h"
#include "base/text.h"

/* A line that libpq passes over. The program that reads the file is, with it, past the length that
 * tracers of system calls show of what is read. */
#define PASSFILE_HEAD  "# The password of one connection, for one client program, in memory only.\n"
#define PASSFILE_MATCH "*:*:*:*:"

/* ---- The password ---- */

/* Writes the file's content; returns its length. With to NULL only that. */
static size_t passfile_content(char *to, const char *password)
{
    size_t len = strlen(PASSFILE_HEAD PASSFILE_MATCH);
    if (to != NULL)
        memcpy(to, PASSFILE_HEAD PASSFILE_MATCH, len);
    for (const char *c = password; *c != '\0'; c++) {
        if (*c == ':' || *c == '\\') {
            if (to != NULL)
                to[len] = '\\';
            len++;
        }
        if (to != NULL)
            to[len] = *c;
        len++;
    }
    if (to != NULL)
        to[len] = '\n';
    return len + 1;
}

static int passfile_fill(int fd, const char *password)
{
    size_t len = passfile_content(NULL, password);
    if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)len) < 0)
        return -1;
    char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -1;
    passfile_content(at, password);
    return munmap(at, len);
}

static int passfile_open(const struct postgres *postgres, const char *password, int *out,
                         struct jb_error *err)
{
    size_t len = strlen(password);
    if (strchr(password, '\n') != NULL || (len > 0 && password[len - 1] == '\r')) {
        jbi_fail(err, JB_EUNSUPPORTED,
                 "the password for \"%s\" has a line break in it, which no passfile can hold",
                 postgres->place);
        jbi_hint(err, "give the role another password");
        return JB_EUNSUPPORTED;
    }
    int low = memfd_create("passfile", MFD_CLOEXEC);
    int fd = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, 3) : -1;
    if (low >= 0)
        close(low);
    if (fd < 0 || passfile_fill(fd, password) < 0) {
        int code = jbi_fail_errno(err, JB_EIO, "cannot make a file in memory for a password");
        if (fd >= 0)
            close(fd);
        return code;
    }
    *out = fd;
    return JB_OK;
}

/* ---- The connection ---- */

/* key='value', quoted by libpq's rules for connection strings. */
static void add_option(struct text *conninfo, const char *keyword, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    jbi_text_addf(conninfo, "%s%s='", conninfo->len > 0 ? " " : "", keyword);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            jbi_text_adds(conninfo, "\\");
        jbi_text_add(conninfo, value, 1);
    }
    jbi_text_adds(conninfo, "'");
}

static bool is_one_of(const char *keyword, const char *const list[])
{
    for (; *list != NULL; list++) {
        if (strcmp(keyword, *list) == 0)
            return true;
    }
    return false;
}

/* What makes this connection, and is no secret: with the environment's own variables gone, all that
 * differs from what is built in. */
static bool is_handed_on(const PQconninfoOption *option, bool has_password)
{
    /* Set below; of our session only; an account's in a file of services, resolved by now. */
    static const char *const left_out[] = {"host",
                                           "hostaddr",
                                           "port",
                                           "dbname",
                                           "client_encoding",
                                           "application_name",
                                           "service",
                                           "servicefile",
                                           "fallback_application_name",
                                           "replication",
                                           NULL};
    /* Without a password of ours the program looks into the same passfile: for another database of
     * the server that may have one. */
    if (strcmp(option->keyword, "passfile") == 0)
        return !has_password;
    bool is_secret =
        strchr(option->dispchar, '*') != NULL || jbi_starts_with(option->keyword, "scram_");
    bool is_built_in = option->val == NULL || *option->val == '\0' ||
                       (option->compiled != NULL && strcmp(option->val, option->compiled) == 0);
    return !is_secret && !is_built_in && !is_one_of(option->keyword, left_out);
}

/* Of a URL with several hosts, and of a name with several addresses, the one in use. */
static void add_server(struct text *conninfo, const PGconn *conn)
{
    const char *host = PQhost(conn), *address = PQhostaddr(conn);
    add_option(conninfo, "host", host);
    bool is_socket = host != NULL && (*host == '/' || *host == '@');
    bool lacks_scope = address != NULL && jbi_starts_with(address, "fe80:");
    if (!is_socket && !lacks_scope)
        add_option(conninfo, "hostaddr", address);
    add_option(conninfo, "port", PQport(conn));
}

static int make_conninfo(const struct postgres *postgres, const char *database, bool has_password,
                         struct text *conninfo, struct jb_error *err)
{
    PQconninfoOption *options = PQconninfo(postgres->conn);
    if (options == NULL)
        return jbi_fail_memory(err);
    bool has_key_secret = false;
    add_option(conninfo, "dbname", database != NULL ? database : PQdb(postgres->conn));
    add_server(conninfo, postgres->conn);
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (is_handed_on(option, has_password))
            add_option(conninfo, option->keyword, option->val);
        has_key_secret = has_key_secret || (strcmp(option->keyword, "sslpassword") == 0 &&
                                            option->val != NULL && *option->val != '\0');
    }
    PQconninfoFree(options);
    if (has_key_secret && PQsslInUse(postgres->conn)) {
        jbi_fail(err, JB_EUNSUPPORTED,
                 "the key of the client's certificate for \"%s\" has a password (sslpassword), "
                 "which can't be handed on to pg_dump",
                 postgres->place);
        jbi_hint(err, "use a key without a password in a file with mode 0600");
        return JB_EUNSUPPORTED;
    }
    return conninfo->failed ? jbi_fail_memory(err) : JB_OK;
}

/* ---- The environment ---- */

/* Ours, without what libpq or the language of messages would be led by. */
static const char *const *make_environment(int passfile_fd, struct arena *arena)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    const char **copy = jbi_arena_alloc(arena, (count + 4) * sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (jbi_starts_with(environ[i], "PG") || jbi_starts_with(environ[i], "LC_ALL=") ||
            jbi_starts_with(environ[i], "DATABASE_URL="))
            continue;
        copy[kept] = jbi_arena_text(arena, environ[i]);
        if (copy[kept++] == NULL)
            return NULL;
    }
    copy[kept++] = "PGTZ=UTC";
    copy[kept++] = "LC_ALL=C";
    if (passfile_fd >= 0) {
        copy[kept] = jbi_arena_printf(arena, "PGPASSFILE=/proc/self/fd/%d", passfile_fd);
        if (copy[kept] == NULL)
            return NULL;
    }
    return copy;
}

int jbi_postgres_login(const struct postgres *postgres, const char *database, struct arena *arena,
                       struct postgres_login *out, struct jb_error *err)
{
    const char *password = PQpass(postgres->conn);
    bool has_password = password != NULL && *password != '\0';
    scope_text conninfo = {0};
    *out = (struct postgres_login){.passfile_fd = -1};
    int code = make_conninfo(postgres, database, has_password, &conninfo, err);
    if (code < 0)
        return code;
    if (has_password)
        code = passfile_open(postgres, password, &out->passfile_fd, err);
    if (code < 0)
        return code;
    out->conninfo = jbi_arena_text(arena, conninfo.at);
    out->environment = make_environment(out->passfile_fd, arena);
    if (out->conninfo != NULL && out->environment != NULL)
        return JB_OK;
    if (out->passfile_fd >= 0)
        close(out->passfile_fd);
    out->passfile_fd = -1;
    return jbi_fail_memory(err);
}
