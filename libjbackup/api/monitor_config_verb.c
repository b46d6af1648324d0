/* SPDX-License-Identifier: MIT */
/* jb_monitor_config: what the monitor goes by, and where each value comes from. Invariant: of what
 * may be secret nothing is told but whether it is set. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "adapter/json.h"
#include "api/mail.h"
#include "api/session.h"
#include "base/scope.h"
#include "os/file.h"
#include "repository/monitor_config.h"

#define DOTENV_SIZE_MAX (1u << 20)

struct showing {
    jb_project *project;
    jb_report *report;
    struct arena arena;
    const char *dotenv; /* its text; "" if there is none */
};

static void show(struct showing *s, const char *key, const char *value, const char *standard,
                 const char *source)
{
    struct record *row = jbi_report_row(s->report);
    jbi_row_text(s->report, row, "key", key);
    jbi_row_text(s->report, row, "value", value);
    jbi_row_text(s->report, row, "standard", standard);
    jbi_row_text(s->report, row, "source", source);
}

/* ---- Mail ----------------------------------------------------------------------------------- */

static void read_dotenv(struct showing *s)
{
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error unwanted = {0};
    s->dotenv = "";
    scope_fd int fd = open(s->project->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || jbi_file_read_linked(fd, ".env", DOTENV_SIZE_MAX, &text, &len, &unwanted) < 0)
        return;
    const char *kept = jbi_arena_textn(&s->arena, text, len);
    s->dotenv = kept ? kept : "";
}

static const char *source_of(struct showing *s, const char *variable)
{
    if (getenv(variable) != NULL)
        return "environment";
    return jbi_dotenv_find(s->dotenv, variable, &s->arena) != NULL ? ".env" : "default";
}

/* The text as JSON; NULL: null. */
static const char *quoted(struct showing *s, const char *text)
{
    char printable[1024];
    scope_json *object = jbi_json_object();
    if (text != NULL)
        jbi_escape(printable, sizeof printable, text, strlen(text));
    scope_free char *json = jbi_json_set_text(object, "v", text ? printable : NULL)
                                ? jbi_json_print(jbi_json_get(object, "v"), 0)
                                : NULL;
    const char *kept = json ? jbi_arena_text(&s->arena, json) : NULL;
    s->report->failed = s->report->failed || kept == NULL;
    return kept;
}

static void show_mail_text(struct showing *s, const char *variable, const char *text)
{
    show(s, variable, quoted(s, text), "null", source_of(s, variable));
}

static int show_mail(struct showing *s, struct jb_error *err)
{
    struct smtp_server server = {0};
    const char *from = NULL;
    bool is_set = false;
    struct jb_error why = {0};
    read_dotenv(s);
    int code = jbi_mail_server(s->project, &s->arena, &server, &from, &is_set, &why);
    if (code == JB_EINVAL) {
        jbi_finding(s->report, JB_ERROR, "mail", "%s", why.text);
        jbi_finding_hint(s->report, "%s", why.hint);
        return JB_OK;
    }
    if (code < 0) {
        *err = why;
        return code;
    }
    char port[16];
    snprintf(port, sizeof port, "%d", server.port);
    show_mail_text(s, "MAIL_SERVER", is_set ? server.host : NULL);
    show(s, "MAIL_PORT", is_set ? port : "null", "587", source_of(s, "MAIL_PORT"));
    show_mail_text(s, "MAIL_USERNAME", is_set ? server.username : NULL);
    show(s, "MAIL_PASSWORD", is_set && server.password != NULL ? "\"(set)\"" : "null", "null",
         source_of(s, "MAIL_PASSWORD"));
    show(s, "MAIL_USE_TLS", server.tls == SMTP_TLS_OFF ? "false" : "true", "true",
         source_of(s, "MAIL_USE_TLS"));
    show_mail_text(s, "MAIL_FROM", is_set ? from : NULL);
    show_mail_text(s, "MAIL_CA_FILE", is_set ? server.ca_file : NULL);
    return JB_OK;
}

/* ---- The file ------------------------------------------------------------------------------- */

static void show_config(struct showing *s, const struct monitor_config *config)
{
    const char *name, *value, *standard;
    for (size_t i = 0; jbi_monitor_config_key(config, i, &s->arena, &name, &value, &standard); i++)
        show(s, name, value, standard, config->sources[i]);
}

/* One that can't be written is shown all the same. */
static void make(struct showing *s, const struct repository *repository)
{
    struct jb_error why = {0};
    if (repository->state_fd < 0 || jbi_monitor_config_make(repository, &why) == JB_OK)
        return;
    jbi_finding(s->report, JB_WARNING, MONITOR_CONFIG_NAME, "%s", why.text);
    jbi_finding_hint(s->report, "%s", why.hint);
}

static int open_to_change(struct showing *s, struct repository *repository, struct jb_error *err)
{
    return jbi_repository_open(repository, s->project->backup_dir, true, NULL, err);
}

/* An absent repository is not made for the sake of looking. */
static int open_to_show(struct showing *s, struct repository *repository, bool *is_there,
                        struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_repository_open(repository, s->project->backup_dir, false, NULL, &why);
    *is_there = code == JB_OK;
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code < 0) {
        *err = why;
        return code;
    }
    if (faccessat(repository->fd, MONITOR_CONFIG_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
        access(s->project->backup_dir, W_OK) < 0)
        return JB_OK;
    jbi_repository_close(repository);
    return open_to_change(s, repository, err);
}

static int set(struct showing *s, const char *key, const char *value, struct jb_error *err)
{
    struct repository repository;
    int code = open_to_change(s, &repository, err);
    if (code == JB_OK)
        code = jbi_monitor_config_set(&repository, key, value ? value : "", err);
    jbi_repository_close(&repository);
    return code;
}

static int show_all(struct showing *s, struct jb_error *err)
{
    struct repository repository;
    struct monitor_config config;
    bool is_there = false;
    int code = open_to_show(s, &repository, &is_there, err);
    if (code == JB_OK && is_there) {
        make(s, &repository);
        code = jbi_monitor_config_load(&config, &repository, &s->arena, &is_there, err);
    } else if (code == JB_OK) {
        code = jbi_monitor_config_parse(&config, "{}", 2, "default", &s->arena, err);
    }
    jbi_repository_close(&repository);
    if (code < 0)
        return code;
    show_config(s, &config);
    const char *path =
        jbi_arena_printf(&s->arena, "%s/" MONITOR_CONFIG_NAME, s->project->backup_dir);
    jbi_row_text(s->report, &s->report->figures, "path", path);
    return show_mail(s, err);
}

int jb_monitor_config(jb_project *project, const struct jb_monitor_config_options *options,
                      jb_report **report, struct jb_error *err)
{
    struct jb_monitor_config_options taken = JB_MONITOR_CONFIG_OPTIONS_INIT;
    struct showing s = {.project = project};
    struct jb_error unwanted = {0};
    err = err ? err : &unwanted;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    s.report = jbi_report_new();
    if (s.report == NULL)
        return jbi_fail_memory(err);
    if (taken.key != NULL)
        code = set(&s, taken.key, taken.value, err);
    if (code == JB_OK)
        code = show_all(&s, err);
    jbi_arena_free(&s.arena);
    if (code == JB_OK)
        return jbi_report_hand_over(s.report, report, err);
    jb_report_free(s.report);
    return code;
}
