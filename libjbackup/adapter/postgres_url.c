/* SPDX-License-Identifier: MIT */
/* PostgreSQL URLs, read by libpq's own rules. Invariant: no error text holds a part of the URL; a
 * URL of which a part of the password would be taken for something else is refused. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres.h"
#include "base/error.h"
#include "base/text.h"

#define SCHEME        "postgresql://"
#define DRIVER_SCHEME "postgresql+"
#define DRIVER_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* What follows "postgresql://" or one of its other spellings, or NULL. */
static const char *after_scheme(const char *text)
{
    static const char *const plain[] = {SCHEME, "postgres://"};
    for (size_t i = 0; i < 2; i++) {
        if (jbi_starts_with(text, plain[i]))
            return text + strlen(plain[i]);
    }
    if (!jbi_starts_with(text, DRIVER_SCHEME))
        return NULL;
    const char *driver = text + strlen(DRIVER_SCHEME);
    size_t len = strspn(driver, DRIVER_CHARS);
    return len > 0 && jbi_starts_with(driver + len, "://") ? driver + len + 3 : NULL;
}

bool jbi_postgres_is_url(const char *text)
{
    return after_scheme(text) != NULL;
}

/* Whether libpq would cut the URL at a character that was meant to belong to the password: it ends
 * the user and password at the first "@", if that stands before the first "/". */
static bool is_cut_wrongly(const char *rest)
{
    size_t userinfo = strcspn(rest, "@/");
    bool has_user = rest[userinfo] == '@';
    if (has_user && strcspn(rest, "?") < strcspn(rest, ":@"))
        return true;
    const char *host = has_user ? rest + userinfo + 1 : rest;
    return memchr(host, '@', strcspn(host, "?")) != NULL;
}

/* A list of ports, one for each host; a piece of a password is none. */
static bool are_ports(const char *ports)
{
    while (ports != NULL && *ports != '\0') {
        size_t len = strcspn(ports, ",");
        if (len > 5 || strspn(ports, "0123456789") < len)
            return false;
        long port = len > 0 ? strtol(ports, NULL, 10) : 5432;
        if (port < 1 || port > 65535)
            return false;
        ports += len + (ports[len] == ',');
    }
    return true;
}

static int fail_url(struct jb_error *err, const char *where)
{
    jbi_fail(err, JB_EINVAL, "%s: the PostgreSQL URL can't be read", where);
    jbi_hint(err, "write postgresql://user@host:port/name; in a user, a password or a name, @ is "
                  "written %%40, : %%3A, / %%2F, ? %%3F and %% itself %%25");
    return JB_EINVAL;
}

static int fail_parameter(struct jb_error *err, const char *where)
{
    jbi_fail(err, JB_EINVAL,
             "%s: the PostgreSQL URL has a parameter behind \"?\" that libpq does not know", where);
    jbi_hint(err, "leave out what is for a driver only; libpq's are e.g. sslmode, sslrootcert, "
                  "connect_timeout and service");
    return JB_EINVAL;
}

/* A copy of the option's value; NULL if it is not in the URL, or empty. */
static const char *value_of(const PQconninfoOption *options, const char *keyword,
                            struct arena *arena, bool *failed)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) != 0 || options->val == NULL || !*options->val)
            continue;
        const char *copy = jbi_arena_text(arena, options->val);
        *failed = *failed || copy == NULL;
        return copy;
    }
    return NULL;
}

static bool take_values(const PQconninfoOption *options, struct arena *arena,
                        struct postgres_url *out)
{
    bool failed = false;
    out->user = value_of(options, "user", arena, &failed);
    out->host = value_of(options, "host", arena, &failed);
    if (out->host == NULL)
        out->host = value_of(options, "hostaddr", arena, &failed);
    out->port = value_of(options, "port", arena, &failed);
    out->database = value_of(options, "dbname", arena, &failed);
    out->service = value_of(options, "service", arena, &failed);
    out->password = value_of(options, "password", arena, &failed);
    out->name = out->database ? out->database : out->service;
    if (out->name == NULL)
        out->name = "postgresql";
    return !failed;
}

int jbi_postgres_url(const char *text, const char *where, struct arena *arena,
                     struct postgres_url *out, struct jb_error *err)
{
    const char *rest = after_scheme(text);
    if (rest == NULL || is_cut_wrongly(rest))
        return fail_url(err, where);
    *out = (struct postgres_url){.url = jbi_arena_printf(arena, SCHEME "%s", rest)};
    if (out->url == NULL)
        return jbi_fail_memory(err);
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(out->url, &why);
    if (options == NULL) {
        bool is_parameter = why != NULL && jbi_starts_with(why, "invalid URI query parameter");
        PQfreemem(why);
        return is_parameter ? fail_parameter(err, where) : fail_url(err, where);
    }
    bool taken = take_values(options, arena, out);
    PQconninfoFree(options);
    if (!taken)
        return jbi_fail_memory(err);
    return are_ports(out->port) ? JB_OK : fail_url(err, where);
}
