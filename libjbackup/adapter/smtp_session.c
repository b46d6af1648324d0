/* SPDX-License-Identifier: MIT */
/*
 * The session that libesmtp holds, in the worker's thread. Invariant: neither login nor mail leaves
 * without TLS where TLS is wanted, nor a mail without the login that is wanted: libesmtp would go
 * on, so what it is about to send is looked at first, and the gate shut before it.
 */
#include <openssl/ssl.h>
/* These two declare less unless they stand in this order. */
#include <auth-client.h>
#include <libesmtp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "adapter/smtp_parts.h"

#define SPARE_MS 10000 /* libesmtp's own limits end later than the relay's */

static void keep(struct smtp_status_kept *to, const smtp_status_t *status)
{
    *to = (struct smtp_status_kept){.code = status != NULL ? status->code : 0};
    if (to->code != 0)
        snprintf(to->text, sizeof to->text, "%d %s", status->code,
                 status->text ? status->text : "");
}

/* ---- What libesmtp asks for ---- */

static int answer_login(auth_client_request_t wanted, char **answers, int count, void *user)
{
    const struct smtp_session *session = user;
    for (int i = 0; i < count; i++) {
        const char *answer = wanted[i].flags & AUTH_USER   ? session->server->username
                             : wanted[i].flags & AUTH_PASS ? session->server->password
                                                           : "";
        answers[i] = (char *)(uintptr_t)answer;
    }
    return 1;
}

/* The whole message at once; asked again, its end. Without len: from the beginning. */
static const char *give_message(void **context, int *len, void *user)
{
    struct smtp_session *session = user;
    (void)context;
    if (len == NULL) {
        session->is_begun = session->is_body_read = false;
        return NULL;
    }
    *len = session->is_begun ? 0 : (int)session->len;
    session->is_body_read = session->is_begun;
    session->is_begun = true;
    return *len > 0 ? session->message : NULL;
}

/* ---- What libesmtp is about to send, and what it hears ---- */

static bool begins(const char *line, size_t len, const char *with)
{
    return len >= strlen(with) && strncasecmp(line, with, strlen(with)) == 0;
}

/* Whether this line must not go out. */
static bool is_refused(struct smtp_session *session, const char *line, size_t len)
{
    const struct smtp_server *server = session->server;
    bool is_login = begins(line, len, "AUTH "), is_mail = begins(line, len, "MAIL ");
    if (!is_login && !is_mail)
        return false;
    if (server->tls == SMTP_TLS_REQUIRED && !atomic_load(&session->trust.is_up))
        return session->lacks_starttls = true;
    /* Its answers are made in buffers that a hostile challenge can overrun. */
    if (is_login && begins(line, len, "AUTH NTLM"))
        return session->is_ntlm = true;
    if (is_mail && server->username != NULL && !session->talk.has_logged_in)
        return session->lacks_auth = true;
    return false;
}

static void look_at(struct smtp_session *session, const char *bytes, size_t len)
{
    while (len > 0 && !atomic_load(&session->gate.is_shut)) {
        const char *end = memchr(bytes, '\n', len);
        size_t line_len = end != NULL ? (size_t)(end - bytes) + 1 : len;
        if (!session->talk.is_login && is_refused(session, bytes, line_len)) {
            jbi_smtp_gate_set(&session->gate, &session->gate.is_shut, true);
            return;
        }
        if (!session->talk.is_login && begins(bytes, line_len, "QUIT"))
            jbi_smtp_gate_set(&session->gate, &session->gate.is_leaving, true);
        jbi_smtp_said(&session->talk, bytes, line_len);
        bytes += line_len;
        len -= line_len;
    }
}

/* Called before the bytes are sent, and before they are read. */
static void follow(const char *bytes, int len, int way, void *user)
{
    struct smtp_session *session = user;
    if (len <= 0)
        return;
    if (way == SMTP_CB_READING) {
        jbi_smtp_heard(&session->talk, bytes, (size_t)len);
    } else if (way == SMTP_CB_WRITING) {
        look_at(session, bytes, (size_t)len);
        if (atomic_load(&session->gate.is_held))
            jbi_smtp_gate_set(&session->gate, &session->gate.is_held, false);
    }
}

static void notice(smtp_session_t of, int event, void *user, ...)
{
    struct smtp_session *session = user;
    va_list args;
    (void)of;
    va_start(args, user);
    if (event == SMTP_EV_WRONG_PEER_CERTIFICATE) {
        /* For libesmtp the host is the relay's: the right name was asked for in the handshake. */
        int *is_ok = va_arg(args, int *);
        va_arg(args, char *);
        *is_ok = jbi_smtp_is_trusted(&session->trust, va_arg(args, SSL *));
    } else if (event == SMTP_EV_STARTTLS_OK) {
        atomic_store(&session->trust.is_up,
                     jbi_smtp_is_trusted(&session->trust, va_arg(args, SSL *)));
    } else if (event == SMTP_EV_EXTNA_STARTTLS) {
        session->lacks_starttls = true;
    } else if (event == SMTP_EV_MESSAGESENT) {
        keep(&session->body, smtp_message_transfer_status(va_arg(args, smtp_message_t)));
        session->is_answered = session->body.code != 0;
        jbi_smtp_gate_set(&session->gate, &session->gate.is_leaving, true);
    }
    va_end(args);
}

/* ---- The session ---- */

/* As the machine calls itself, if that may stand in a command. */
static const char *own_name(char to[256])
{
    if (gethostname(to, 255) < 0)
        return "localhost";
    to[255] = '\0';
    size_t len = strspn(to, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
    return len > 0 && to[len] == '\0' ? to : "localhost";
}

static bool set_up(struct smtp_session *session, smtp_session_t of, auth_context_t login)
{
    char server[32], name[256];
    long limit_ms = (long)session->server->timeout_s * 1000 + SPARE_MS;
    bool wants_tls = session->server->tls == SMTP_TLS_REQUIRED;
    snprintf(server, sizeof server, "127.0.0.1:%u", (unsigned)session->port);
    bool ok = smtp_set_server(of, server) && smtp_set_hostname(of, own_name(name)) &&
              smtp_set_eventcb(of, notice, session) && smtp_set_monitorcb(of, follow, session, 0) &&
              smtp_starttls_enable(of, wants_tls ? Starttls_REQUIRED : Starttls_DISABLED) &&
              (!wants_tls || smtp_starttls_set_ctx(of, session->trust.context));
    for (int i = Timeout_GREETING; i <= Timeout_DATA2 && ok; i++)
        ok = smtp_set_timeout(of, i | Timeout_OVERRIDE_RFC2822_MINIMUM, limit_ms) > 0;
    if (ok && session->server->username != NULL)
        ok = auth_set_mechanism_flags(login, AUTH_PLUGIN_PLAIN, 0) &&
             auth_set_interact_cb(login, answer_login, session) && smtp_auth_set_context(of, login);
    return ok;
}

static bool add_mail(struct smtp_session *session, smtp_session_t of, smtp_message_t *mail,
                     smtp_recipient_t *recipients)
{
    *mail = smtp_add_message(of);
    bool ok = *mail != NULL && smtp_set_reverse_path(*mail, session->from) &&
              smtp_set_messagecb(*mail, give_message, session);
    for (size_t i = 0; i < session->count && ok; i++) {
        recipients[i] = smtp_add_recipient(*mail, session->recipients[i]);
        ok = recipients[i] != NULL;
    }
    return ok;
}

static void keep_words(struct smtp_session *session)
{
    char buffer[SMTP_TEXT_SIZE];
    const char *words = smtp_strerror(smtp_errno(), buffer, sizeof buffer);
    snprintf(session->said, sizeof session->said, "%s", words != NULL ? words : "");
}

static void hold_session(struct smtp_session *session, smtp_session_t of,
                         smtp_recipient_t *recipients)
{
    smtp_message_t mail = NULL;
    auth_context_t login = auth_create_context();
    if (login == NULL || !set_up(session, of, login) || !add_mail(session, of, &mail, recipients)) {
        session->lacks_memory = true;
    } else {
        if (!smtp_start_session(of) || smtp_errno() != 0)
            keep_words(session);
        keep(&session->sender, smtp_reverse_path_status(mail));
        for (size_t i = 0; i < session->count; i++)
            keep(&session->recipient[i], smtp_recipient_status(recipients[i]));
        if (session->trust.context != NULL)
            jbi_smtp_trust_note(&session->trust);
    }
    if (login != NULL)
        auth_destroy_context(login);
}

void *jbi_smtp_session_run(void *argument)
{
    struct smtp_session *session = argument;
    smtp_session_t of = smtp_create_session();
    smtp_recipient_t *recipients = calloc(session->count, sizeof(smtp_recipient_t));
    session->talk.step = SMTP_GREETING;
    if (of == NULL || recipients == NULL)
        session->lacks_memory = true;
    else
        hold_session(session, of, recipients);
    if (of != NULL)
        smtp_destroy_session(of);
    free(recipients);
    jbi_smtp_gate_set(&session->gate, &session->gate.is_done, true);
    return NULL;
}
