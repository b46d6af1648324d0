/* SPDX-License-Identifier: MIT */
/* One mail to one server. Invariant: when this returns, nothing of it goes on, save a look-up of
 * the host's name that did not end in time; the caller's signals are as they were. */
#include "adapter/smtp.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapter/smtp_parts.h"
#include "base/clock.h"
#include "base/error.h"

#define ADDRESS_MAX    254
#define RECIPIENTS_MAX 100 /* what a server has to bear */
#define SECRET_MAX     255 /* libesmtp's PLAIN has room for no more */
#define HOST_MAX       253
#define LINE_MAX_BYTES 998
#define MESSAGE_MAX    (8u << 20)
#define TIMEOUT_MAX_S  3600

/* ---- What is asked for ---- */

bool jbi_is_mail_address(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strlen(text) > ADDRESS_MAX)
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '<' || *text == '>')
            return false;
    return true;
}

/* libesmtp takes a message whose lines end otherwise for one long header, and sends it. */
static bool is_message(const char *message, size_t len)
{
    size_t begin = 0;
    bool has_body = false;
    if (len == 0 || len > MESSAGE_MAX || message[0] == '\r')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (message[i] == '\0' || message[i] == '\n')
            return false;
        if (message[i] != '\r')
            continue;
        if (i + 1 == len || message[i + 1] != '\n' || i - begin > LINE_MAX_BYTES)
            return false;
        has_body = has_body || i == begin;
        begin = ++i + 1;
    }
    return has_body && begin == len;
}

static int check_server(const struct smtp_server *server, struct jb_error *err)
{
    size_t len = server->host != NULL ? strlen(server->host) : 0;
    if (len == 0 || len > HOST_MAX)
        return jbi_fail(err, JB_EINVAL, "the mail server has no name, or one of over %d characters",
                        HOST_MAX);
    for (const char *at = server->host; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || strchr("/@<>\"\\", *at) != NULL)
            return jbi_fail(err, JB_EINVAL, "\"%s\" is no name of a mail server", server->host);
    if (server->port < 1 || server->port > 65535)
        return jbi_fail(err, JB_EINVAL, "%d is no port of a mail server", server->port);
    if (server->timeout_s < 1 || server->timeout_s > TIMEOUT_MAX_S)
        return jbi_fail(err, JB_EINVAL, "%d s is no time limit for sending a mail",
                        server->timeout_s);
    if (server->username == NULL)
        return JB_OK;
    if (*server->username == '\0' || strlen(server->username) > SECRET_MAX)
        return jbi_fail(err, JB_EINVAL,
                        "the mail server's user name is empty or over %d bytes long", SECRET_MAX);
    if (server->password == NULL || *server->password == '\0' ||
        strlen(server->password) > SECRET_MAX)
        return jbi_fail(err, JB_EINVAL,
                        "the mail server's password is missing or over %d bytes long", SECRET_MAX);
    return JB_OK;
}

static int check_mail(const struct smtp_session *session, struct jb_error *err)
{
    if (!jbi_is_mail_address(session->from))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no mail address to send from", session->from);
    if (session->count == 0 || session->count > RECIPIENTS_MAX)
        return jbi_fail(err, JB_EINVAL, "a mail has 1 to %d recipients, not %zu", RECIPIENTS_MAX,
                        session->count);
    for (size_t i = 0; i < session->count; i++)
        if (!jbi_is_mail_address(session->recipients[i]))
            return jbi_fail(err, JB_EINVAL, "\"%s\" is no mail address", session->recipients[i]);
    if (!is_message(session->message, session->len))
        return jbi_fail(err, JB_EINVAL,
                        "the message is not of headers, an empty line and a body in lines that end "
                        "in CR LF and have at most %d bytes",
                        LINE_MAX_BYTES);
    return JB_OK;
}

/* ---- The worker ---- */

/* No signal is for it; the SIGPIPE that libesmtp may raise stays pending there and dies with it. */
static int start_worker(struct smtp_session *session, pthread_t *worker, struct jb_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(worker, NULL, jbi_smtp_session_run, session);
    int why = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return why == 0 ? JB_OK : jbi_fail_errno(err, JB_EIO, "cannot start a thread to send mail");
}

static int converse(struct smtp_session *session, struct smtp_relay *relay,
                    struct smtp_result *result, struct jb_error *err)
{
    pthread_t worker;
    int server_fd = -1;
    int code = jbi_smtp_connect(session->server, relay->until_ms, &server_fd, result, err);
    if (code < 0)
        return code;
    code = jbi_smtp_relay_begin(relay, server_fd, &session->gate, err);
    session->port = relay->port;
    if (code == JB_OK)
        code = start_worker(session, &worker, err);
    if (code < 0)
        return code;
    jbi_smtp_relay_run(relay);
    /* With its connection closed libesmtp comes to its end by itself. */
    pthread_join(worker, NULL);
    return jbi_smtp_verdict(session, relay, result, err);
}

struct exchange {
    struct smtp_session session;
    struct smtp_relay relay;
};

static int exchange(struct exchange *e, struct smtp_result *result, struct jb_error *err)
{
    struct smtp_session *session = &e->session;
    const struct smtp_server *server = session->server;
    session->recipient = calloc(session->count, sizeof *session->recipient);
    if (session->recipient == NULL)
        return jbi_fail_memory(err);
    session->gate.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (session->gate.wake_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot prepare to send mail");
    int code = jbi_smtp_trust_begin(&session->trust, server, &session->gate, err);
    if (code < 0)
        return code;
    e->relay.until_ms = jbi_monotonic_ms() + (int64_t)server->timeout_s * 1000;
    e->relay.is_watched = server->tls == SMTP_TLS_REQUIRED;
    return converse(session, &e->relay, result, err);
}

int jbi_smtp_send(const struct smtp_server *server, const char *from, const char *const *recipients,
                  size_t count, const char *message, size_t len, struct smtp_result *result,
                  struct jb_error *err)
{
    struct exchange *e = calloc(1, sizeof *e);
    *result = (struct smtp_result){.step = SMTP_RESOLVE};
    if (e == NULL)
        return jbi_fail_memory(err);
    e->session = (struct smtp_session){.server = server,
                                       .from = from,
                                       .recipients = recipients,
                                       .count = count,
                                       .message = message,
                                       .len = len,
                                       .gate.wake_fd = -1};
    e->relay.listen_fd = e->relay.server_fd = e->relay.client_fd = -1;
    int code = check_server(server, err);
    if (code == JB_OK)
        code = check_mail(&e->session, err);
    if (code == JB_OK)
        code = exchange(e, result, err);
    jbi_smtp_relay_end(&e->relay);
    jbi_smtp_trust_end(&e->session.trust);
    if (e->session.gate.wake_fd >= 0)
        close(e->session.gate.wake_fd);
    free(e->session.recipient);
    free(e);
    return code;
}
