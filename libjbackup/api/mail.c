/* SPDX-License-Identifier: MIT */
/* The mail server as the environment and the project's .env name it. Invariant: what one of them
 * says is checked here, and no error text holds the password. */
#include "api/mail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define DOTENV_SIZE_MAX (1u << 20)
#define PORT_SUBMISSION 587
#define TIMEOUT_S       30
#define SECRET_MAX      255

struct settings {
    const char *dotenv; /* its text; NULL: there is none */
    const char *folder;
    struct arena *arena;
    struct jb_error *err;
};

struct setting {
    const char *name;
    const char *value; /* NULL: not set, or empty */
    const char *where; /* for error texts */
};

/* The environment comes first, also with an empty value: so one in .env can be undone. */
static struct setting find(const struct settings *from, const char *name)
{
    struct setting found = {name, getenv(name), "the environment"};
    if (found.value != NULL)
        found.value = jbi_arena_text(from->arena, found.value);
    else if (from->dotenv != NULL) {
        found.value = jbi_dotenv_find(from->dotenv, name, from->arena);
        found.where = jbi_arena_printf(from->arena, "%s/.env", from->folder);
    }
    if (found.value != NULL && *found.value == '\0')
        found.value = NULL;
    return found;
}

static int fail(const struct settings *from, const struct setting *setting, const char *why)
{
    return jbi_fail(from->err, JB_EINVAL, "%s in %s: %s", setting->name,
                    setting->where != NULL ? setting->where : ".env", why);
}

static int read_port(const struct settings *from, int *out)
{
    struct setting port = find(from, "MAIL_PORT");
    *out = PORT_SUBMISSION;
    if (port.value == NULL)
        return JB_OK;
    size_t len = strlen(port.value);
    if (len > 5 || strspn(port.value, "0123456789") != len)
        return fail(from, &port, "not a port (1 to 65535)");
    *out = atoi(port.value);
    return *out >= 1 && *out <= 65535 ? JB_OK : fail(from, &port, "not a port (1 to 65535)");
}

static int read_tls(const struct settings *from, enum smtp_tls *out)
{
    static const struct {
        const char *word;
        enum smtp_tls tls;
    } words[] = {{"true", SMTP_TLS_REQUIRED}, {"1", SMTP_TLS_REQUIRED}, {"yes", SMTP_TLS_REQUIRED},
                 {"on", SMTP_TLS_REQUIRED},   {"false", SMTP_TLS_OFF},  {"0", SMTP_TLS_OFF},
                 {"no", SMTP_TLS_OFF},        {"off", SMTP_TLS_OFF}};
    struct setting tls = find(from, "MAIL_USE_TLS");
    *out = SMTP_TLS_REQUIRED;
    if (tls.value == NULL)
        return JB_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(tls.value, words[i].word) == 0) {
            *out = words[i].tls;
            return JB_OK;
        }
    return fail(from, &tls, "neither true nor false");
}

static int read_login(const struct settings *from, struct smtp_server *out)
{
    struct setting username = find(from, "MAIL_USERNAME");
    struct setting password = find(from, "MAIL_PASSWORD");
    if (username.value == NULL && password.value == NULL)
        return JB_OK;
    if (password.value == NULL)
        return fail(from, &username, "there is no MAIL_PASSWORD with it");
    if (username.value == NULL)
        return fail(from, &password, "there is no MAIL_USERNAME with it");
    if (strlen(username.value) > SECRET_MAX)
        return fail(from, &username, "over 255 bytes long");
    if (strlen(password.value) > SECRET_MAX)
        return fail(from, &password, "over 255 bytes long");
    out->username = username.value;
    out->password = password.value;
    return JB_OK;
}

/* backup@ this machine, if its name may stand in an address. */
static const char *default_from(struct arena *arena)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const char *from = jbi_arena_printf(arena, "backup@%s", host);
    return from == NULL || jbi_is_mail_address(from) ? from : "backup@localhost";
}

static int read_from(const struct settings *from, const char **out)
{
    struct setting sender = find(from, "MAIL_FROM");
    *out = sender.value != NULL ? sender.value : default_from(from->arena);
    if (*out == NULL)
        return jbi_fail_memory(from->err);
    return jbi_is_mail_address(*out) ? JB_OK
                                     : fail(from, &sender, "not a mail address (name@host alone)");
}

static int read_all(const struct settings *from, struct smtp_server *out, const char **sender,
                    bool *is_set)
{
    struct setting host = find(from, "MAIL_SERVER"), authority = find(from, "MAIL_CA_FILE");
    *is_set = host.value != NULL;
    if (!*is_set)
        return JB_OK;
    if (strcspn(host.value, " \t\r\n/@:<>\"") != strlen(host.value) &&
        strspn(host.value, "0123456789abcdefABCDEF:.") != strlen(host.value))
        return fail(from, &host, "not the name of a host (its port goes into MAIL_PORT)");
    *out = (struct smtp_server){.host = host.value, .timeout_s = TIMEOUT_S};
    int code = read_port(from, &out->port);
    if (code == JB_OK)
        code = read_tls(from, &out->tls);
    if (code == JB_OK)
        code = read_login(from, out);
    if (code == JB_OK && authority.value != NULL) {
        out->ca_file = jbi_path_join(from->arena, from->folder, authority.value);
        code = out->ca_file != NULL ? JB_OK : jbi_fail_memory(from->err);
    }
    return code == JB_OK ? read_from(from, sender) : code;
}

int jbi_mail_server(const jb_project *project, struct arena *arena, struct smtp_server *out,
                    const char **from, bool *is_set, struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    *is_set = false;
    scope_fd int fd = open(project->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = jbi_file_read_linked(fd, ".env", DOTENV_SIZE_MAX, &text, &len, &why);
    /* One that can't be read may name the server: without it nobody would be told of anything. */
    if (code < 0 && code != JB_ENOTFOUND)
        return jbi_fail(err, code, "cannot see whether %s/.env has a MAIL_SERVER: %s",
                        project->folder, why.text);
    const struct settings settings = {code == JB_OK ? text : NULL, project->folder, arena, err};
    return read_all(&settings, out, from, is_set);
}
