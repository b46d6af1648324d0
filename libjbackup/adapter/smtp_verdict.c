/* SPDX-License-Identifier: MIT */
/* What came of a session, in one word and for people. Invariant: nothing counts as sent but what
 * the server took after the last byte of the body; what a server says is printable here, and holds
 * no password. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapter/smtp_parts.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"

struct verdict {
    const struct smtp_session *session;
    const struct smtp_relay *relay;
    struct smtp_result *result;
    struct jb_error *err;
};

static const char *words(enum smtp_step step)
{
    static const char *const names[] = {
        [SMTP_RESOLVE] = "its name",        [SMTP_CONNECT] = "the connection",
        [SMTP_GREETING] = "the greeting",   [SMTP_STARTTLS] = "STARTTLS",
        [SMTP_LOGIN] = "the login",         [SMTP_SENDER] = "the sender",
        [SMTP_RECIPIENT] = "the recipient", [SMTP_BODY] = "the message"};
    return step != SMTP_DONE ? names[step] : "the end";
}

__attribute__((format(printf, 4, 5))) static int fail(const struct verdict *v, enum smtp_step step,
                                                      bool is_temporary, const char *format, ...)
{
    char what[600];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    v->result->step = step;
    v->result->is_temporary = is_temporary;
    return jbi_fail(v->err, JB_EIO, "the mail server \"%s\", port %d, %s", v->session->server->host,
                    v->session->server->port, what);
}

/* ---- The server's words ---- */

/* Servers know the password and may repeat it, as it is or as it was sent. */
static bool has_secret(const struct smtp_server *server, const char *text)
{
    const char *password = server->password;
    char plain[2 * SMTP_TEXT_SIZE + 2], encoded[BASE64_SIZE(sizeof plain)];
    if (server->username == NULL || password == NULL || *password == '\0')
        return false;
    size_t user_len = strlen(server->username), password_len = strlen(password);
    if (strstr(text, password) != NULL ||
        strstr(text, jbi_base64(encoded, password, password_len)) != NULL)
        return true;
    plain[0] = plain[user_len + 1] = '\0';
    memcpy(plain + 1, server->username, user_len);
    memcpy(plain + user_len + 2, password, password_len);
    return strstr(text, jbi_base64(encoded, plain, user_len + password_len + 2)) != NULL;
}

static void quote(const struct verdict *v, int code, const char *text)
{
    char clean[SMTP_TEXT_SIZE];
    size_t len = 0;
    if (has_secret(v->session->server, text)) {
        snprintf(v->result->reply, sizeof v->result->reply, "%d", code);
        return;
    }
    for (; *text != '\0' && len < sizeof clean - 1; text++)
        if (*text != '\r')
            clean[len++] = *text == '\n' || *text == '\t' ? ' ' : *text;
    while (len > 0 && clean[len - 1] == ' ')
        len--;
    jbi_escape(v->result->reply, sizeof v->result->reply, clean, len);
}

static int fail_refused(const struct verdict *v, enum smtp_step step, int code, const char *text)
{
    quote(v, code, text);
    return fail(v, step, code / 100 == 4, "refuses %s: %s", words(step), v->result->reply);
}

/* ---- Steps ---- */

static int judge_tls(const struct verdict *v)
{
    const struct smtp_trust *trust = &v->session->trust;
    if (v->relay->is_injected) {
        fail(v, SMTP_STARTTLS, true, "says more than it may before TLS");
        jbi_hint(v->err, "somebody between may be forging its answers; nothing was sent");
    } else if (v->session->lacks_starttls) {
        fail(v, SMTP_STARTTLS, false, "offers no STARTTLS");
        jbi_hint(v->err, "is MAIL_PORT right (587 as a rule)? Only MAIL_USE_TLS=false sends in the "
                         "clear");
    } else if (trust->why != 0) {
        fail(v, SMTP_STARTTLS, false, "is not to be trusted: %s", jbi_smtp_trust_why(trust));
        jbi_hint(v->err, "MAIL_SERVER has to be a name in its certificate, MAIL_CA_FILE the "
                         "authority's certificate if the system does not know it");
    } else {
        fail(v, SMTP_STARTTLS, false, "fails at TLS: %s", trust->said);
        jbi_hint(v->err, "TLS 1.2 and 1.3 are spoken here");
    }
    return JB_EIO;
}

static bool is_tls_at_fault(const struct verdict *v)
{
    const struct smtp_session *session = v->session;
    return v->relay->is_injected || session->lacks_starttls || session->trust.why != 0 ||
           (session->trust.said[0] != '\0' && !session->trust.is_up && !v->relay->is_late);
}

static int judge_login(const struct verdict *v)
{
    const struct smtp_talk *talk = &v->session->talk;
    struct smtp_result *result = v->result;
    if (v->session->is_ntlm) {
        fail(v, SMTP_LOGIN, false, "wants the login by NTLM before any other way");
        jbi_hint(v->err, "have it offer PLAIN or LOGIN before NTLM");
    } else if (talk->login_code == 0) {
        fail(v, SMTP_LOGIN, false, "offers no way to log in that is known here");
        jbi_hint(v->err,
                 "PLAIN and LOGIN are, by libesmtp's plug-ins; without MAIL_USERNAME there is "
                 "no login");
    } else {
        snprintf(result->reply, sizeof result->reply, "%d%s%s", talk->login_code,
                 talk->login_detail[0] != '\0' ? " " : "", talk->login_detail);
        fail(v, SMTP_LOGIN, talk->login_code / 100 == 4, "refuses the login: %s", result->reply);
        jbi_hint(v->err, talk->login_code / 100 == 4 ? "try again later"
                                                     : "see MAIL_USERNAME and MAIL_PASSWORD");
    }
    return JB_EIO;
}

static bool is_login_at_fault(const struct verdict *v)
{
    const struct smtp_session *session = v->session;
    return session->is_ntlm || session->lacks_auth ||
           (session->server->username != NULL && !session->talk.has_logged_in &&
            session->talk.login_code != 0);
}

static int judge_recipients(const struct verdict *v)
{
    const struct smtp_session *session = v->session;
    const struct smtp_status_kept *worst = NULL;
    size_t which = 0;
    bool is_temporary = false;
    for (size_t i = 0; i < session->count; i++) {
        if (session->recipient[i].code / 100 < 4)
            continue;
        is_temporary = is_temporary || session->recipient[i].code / 100 == 4;
        which = worst == NULL ? i : which;
        worst = &session->recipient[which];
    }
    if (worst == NULL)
        return JB_OK;
    quote(v, worst->code, worst->text);
    if (v->result->accepted == 0)
        return fail(v, SMTP_RECIPIENT, is_temporary, "refuses the recipient %s: %s",
                    session->recipients[which], v->result->reply);
    return fail(v, SMTP_DONE, is_temporary,
                "took the mail, but not for %zu of %zu recipients: %s: %s", v->result->refused,
                session->count, session->recipients[which], v->result->reply);
}

/* The step at which no more was heard. */
static enum smtp_step last_step(const struct smtp_session *session)
{
    if (session->talk.step < SMTP_SENDER)
        return session->talk.step;
    if (session->sender.code == 0)
        return SMTP_SENDER;
    for (size_t i = 0; i < session->count; i++)
        if (session->recipient[i].code == 0)
            return SMTP_RECIPIENT;
    return SMTP_BODY;
}

static int judge_silence(const struct verdict *v)
{
    const struct smtp_session *session = v->session;
    enum smtp_step step = last_step(session);
    v->result->may_have_sent =
        session->is_body_read && !session->is_answered && v->relay->is_all_sent;
    if (v->relay->is_late)
        fail(v, step, true, "did not answer to %s within %d s", words(step),
             session->server->timeout_s);
    else
        fail(v, step, true, "gave no good answer to %s: %s", words(step),
             session->said[0] != '\0' ? session->said : "the connection ended");
    if (v->result->may_have_sent)
        jbi_hint(v->err, "it has the whole message and may have taken it");
    return JB_EIO;
}

/* ---- All of it ---- */

static void count_recipients(const struct verdict *v, bool is_taken)
{
    const struct smtp_session *session = v->session;
    v->result->accepted = v->result->refused = 0;
    for (size_t i = 0; i < session->count; i++) {
        v->result->accepted += is_taken && session->recipient[i].code / 100 == 2;
        v->result->refused += session->recipient[i].code / 100 >= 4;
    }
}

int jbi_smtp_verdict(const struct smtp_session *session, const struct smtp_relay *relay,
                     struct smtp_result *result, struct jb_error *err)
{
    const struct verdict v = {session, relay, result, err};
    const struct smtp_talk *talk = &session->talk;
    bool is_taken = session->is_answered && session->body.code / 100 == 2;
    if (session->lacks_memory)
        return jbi_fail_memory(err);
    count_recipients(&v, is_taken);
    if (is_taken && result->accepted > 0) {
        result->step = SMTP_DONE;
        quote(&v, session->body.code, session->body.text);
        return judge_recipients(&v);
    }
    if (is_tls_at_fault(&v))
        return judge_tls(&v);
    if (is_login_at_fault(&v))
        return judge_login(&v);
    if (session->sender.code / 100 >= 4)
        return fail_refused(&v, SMTP_SENDER, session->sender.code, session->sender.text);
    if (result->refused == session->count)
        return judge_recipients(&v);
    if (session->is_answered && session->body.code / 100 >= 4)
        return fail_refused(&v, SMTP_BODY, session->body.code, session->body.text);
    if (talk->step < SMTP_LOGIN && talk->code / 100 >= 4)
        return fail_refused(&v, talk->step, talk->code, talk->text);
    return judge_silence(&v);
}
