/* SPDX-License-Identifier: MIT */
/* jb_test_mail: one mail, sent now and past the spool, and what the server said. Invariant: the
 * report says how far it came, whether it arrived or not. */
#include <unistd.h>

#include "api/mail.h"
#include "api/session.h"
#include "base/clock.h"
#include "repository/monitor_config.h"

static const char *const steps[] = {
    [SMTP_DONE] = NULL,           [SMTP_RESOLVE] = "resolve",     [SMTP_CONNECT] = "connect",
    [SMTP_GREETING] = "greeting", [SMTP_STARTTLS] = "starttls",   [SMTP_LOGIN] = "login",
    [SMTP_SENDER] = "sender",     [SMTP_RECIPIENT] = "recipient", [SMTP_BODY] = "body",
};

/* A mail on its way. */
struct trial {
    jb_project *project;
    jb_report *report;
    struct arena arena;
    struct smtp_server server;
    const char *from;
    const char *const *recipients;
    size_t recipient_count;
};

static int find_server(struct trial *t, struct jb_error *err)
{
    bool is_set = false;
    int code = jbi_mail_server(t->project, &t->arena, &t->server, &t->from, &is_set, err);
    if (code < 0 || is_set)
        return code;
    jbi_fail(err, JB_EINVAL, "no mail server is configured");
    jbi_hint(err, "set MAIL_SERVER, and what else it needs, in .env or the environment");
    return JB_EINVAL;
}

/* Those of the configuration; without a repository it has none. */
static int configured_recipients(struct trial *t, struct jb_error *err)
{
    struct repository repository;
    struct monitor_config config = {0};
    struct jb_error why = {0};
    bool is_there = false;
    int code = jbi_repository_open(&repository, t->project->backup_dir, false, NULL, &why);
    if (code == JB_OK)
        code = jbi_monitor_config_load(&config, &repository, &t->arena, &is_there, &why);
    jbi_repository_close(&repository);
    if (code < 0 && code != JB_ENOTFOUND) {
        *err = why;
        return code;
    }
    t->recipients = config.email_recipients;
    t->recipient_count = config.recipient_count;
    return JB_OK;
}

static int find_recipients(struct trial *t, const char *recipient, struct jb_error *err)
{
    if (recipient == NULL) {
        int code = configured_recipients(t, err);
        if (code < 0 || t->recipient_count > 0)
            return code;
        jbi_fail(err, JB_EINVAL, "nobody is configured to get mail");
        jbi_hint(err, "jbackup-monitor config --set email_recipients=ADDRESS, or name an address "
                      "now");
        return JB_EINVAL;
    }
    if (!jbi_is_mail_address(recipient))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no mail address", recipient);
    const char **one = jbi_arena_alloc(&t->arena, sizeof *one);
    if (one == NULL)
        return jbi_fail_memory(err);
    *one = recipient;
    t->recipients = one;
    t->recipient_count = 1;
    return JB_OK;
}

static int compose(struct trial *t, struct text *message, struct jb_error *err)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const char *name = t->project->name;
    const char *text = jbi_arena_printf(
        &t->arena,
        "This is a test of the monitor of \"%s\" on %s.\n\n"
        "Alerts about its backups will come from this address and by this server.\n",
        name, host);
    struct mail mail = {
        .from = t->from,
        .recipients = t->recipients,
        .recipient_count = t->recipient_count,
        .subject = jbi_arena_printf(&t->arena, "[jbackup] %s on %s: test mail", name, host),
        .text = text,
        .date_us = jbi_now_us(),
    };
    if (mail.subject == NULL || text == NULL)
        return jbi_fail_memory(err);
    int code = jbi_mail_compose(&mail, message, err);
    return code == JB_OK && message->failed ? jbi_fail_memory(err) : code;
}

static void tell(struct trial *t, const struct smtp_result *result, int64_t duration_ms)
{
    struct record *figures = &t->report->figures;
    jbi_row_text(t->report, figures, "server", t->server.host);
    jbi_row_number(t->report, figures, "port", t->server.port);
    jbi_row_text(t->report, figures, "from", t->from);
    jbi_row_bool(t->report, figures, "tls", t->server.tls == SMTP_TLS_REQUIRED);
    jbi_row_text(t->report, figures, "step", steps[result->step]);
    jbi_row_text(t->report, figures, "reply", result->reply);
    jbi_row_number(t->report, figures, "accepted", (int64_t)result->accepted);
    jbi_row_number(t->report, figures, "refused", (int64_t)result->refused);
    jbi_row_number(t->report, figures, "duration_ms", duration_ms);
}

/* *was_tried: there is a result to tell of. */
static int send_one(struct trial *t, const char *recipient, bool *was_tried, struct jb_error *err)
{
    struct smtp_result result = {0};
    scope_text message = {0};
    int code = find_server(t, err);
    if (code == JB_OK)
        code = find_recipients(t, recipient, err);
    if (code == JB_OK)
        code = compose(t, &message, err);
    if (code < 0)
        return code;
    int64_t begin_ms = jbi_monotonic_ms();
    code = jbi_smtp_send(&t->server, t->from, t->recipients, t->recipient_count, message.at,
                         message.len, &result, err);
    *was_tried = code == JB_OK || code == JB_EIO;
    tell(t, &result, jbi_monotonic_ms() - begin_ms);
    return code;
}

int jb_test_mail(jb_project *project, const struct jb_test_mail_options *options,
                 jb_report **report, struct jb_error *err)
{
    struct jb_test_mail_options taken = JB_TEST_MAIL_OPTIONS_INIT;
    struct jb_error unwanted = {0};
    struct trial t = {.project = project};
    bool was_tried = false;
    err = err ? err : &unwanted;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    t.report = jbi_report_new();
    if (t.report == NULL)
        return jbi_fail_memory(err);
    code = send_one(&t, taken.recipient, &was_tried, err);
    jbi_arena_free(&t.arena);
    if (!was_tried) {
        jb_report_free(t.report);
        return code;
    }
    int handed = jbi_report_hand_over(t.report, report, err);
    return code < 0 ? code : handed;
}
