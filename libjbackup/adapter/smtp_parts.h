/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SMTP_PARTS_H
#define JBI_ADAPTER_SMTP_PARTS_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "adapter/smtp.h"

/*
 * What the files of the SMTP adapter share. libesmtp has no time limit for connecting, none for the
 * whole, and no way to be stopped; it takes what was said before TLS for said within; and with
 * TLS 1.3 it may wait for an answer to what it has not sent. So it runs in a thread of its own and
 * talks to the server only through a relay on the loopback, which the caller's thread works:
 *
 *     worker: libesmtp == 127.0.0.1 ==> relay (deadline, STARTTLS watched) ===> server
 *
 * TLS goes through the relay as it is; its ends are libesmtp and the server.
 */

#define SMTP_TEXT_SIZE 256

/* What the worker tells the relay. */
struct smtp_gate {
    int wake_fd;            /* written to after a change */
    atomic_bool is_held;    /* the server's bytes have to wait */
    atomic_bool is_shut;    /* nothing more goes to the server: leave */
    atomic_bool is_leaving; /* all is decided: only a moment more */
    atomic_bool is_done;    /* the worker has ended */
};
void jbi_smtp_gate_set(struct smtp_gate *gate, atomic_bool *which, bool value);

/* ---- Connecting ---- (smtp_connect.c) */

/* A connection to one of the server's addresses, not blocking. Failures are JB_EIO, *step is where;
 * *is_temporary whether trying again may help. */
int jbi_smtp_connect(const struct smtp_server *server, int64_t until_ms, int *out,
                     struct smtp_result *result, struct jb_error *err);

/* ---- The relay ---- (smtp_relay.c) */

#define RELAY_SIZE 16384
struct relay_half {
    unsigned char bytes[RELAY_SIZE];
    size_t begin, end;
    bool is_ended, is_broken; /* nothing more will come; nobody takes it any more */
};

struct smtp_relay {
    int listen_fd, server_fd, client_fd;
    in_port_t port; /* of the loopback, host order */
    struct smtp_gate *gate;
    int64_t until_ms;
    bool is_watched; /* what precedes TLS is held against RFC 3207 */
    enum { RELAY_PLAIN, RELAY_ASKED, RELAY_ANSWERED, RELAY_RAW } state;
    char answer[4]; /* the beginning of the server's line */
    size_t column;
    struct relay_half up, down; /* to the server, to libesmtp */
    bool is_late, is_injected;
    bool is_cut, is_all_sent; /* the server did not get all that was meant for it; or it did */
};

/* Takes over server_fd. End it in any case. */
int jbi_smtp_relay_begin(struct smtp_relay *relay, int server_fd, struct smtp_gate *gate,
                         struct jb_error *err);
/* Until the worker has ended, the gate is shut, the time is up or the server can't be trusted; then
 * both connections are closed. */
void jbi_smtp_relay_run(struct smtp_relay *relay);
/* Only after the worker has ended: until then nobody else may get hold of the port. */
void jbi_smtp_relay_end(struct smtp_relay *relay);

/* ---- What is said ---- (smtp_talk.c) */

struct smtp_talk {
    enum smtp_step step; /* of the command sent last */
    bool is_login;       /* within AUTH: what is said is secret */
    bool has_logged_in;
    int login_code;        /* of the last refusal; 0: none */
    char login_detail[16]; /* its enhanced code, "5.7.8"; "" */
    int code;              /* of the last answer outside of AUTH */
    char text[SMTP_TEXT_SIZE];
    char line[SMTP_TEXT_SIZE]; /* what has come of the server's line */
    size_t line_len;
};

/* A command begins: one line as it is sent. */
void jbi_smtp_said(struct smtp_talk *talk, const char *line, size_t len);
/* Bytes of the server, as they come. */
void jbi_smtp_heard(struct smtp_talk *talk, const char *bytes, size_t len);

/* ---- TLS ---- (smtp_tls.c) */

struct ssl_ctx_st;
struct smtp_trust {
    struct ssl_ctx_st *context; /* NULL: no TLS */
    const char *host;
    struct smtp_gate *gate;
    bool is_address;           /* the host is one */
    atomic_bool is_up;         /* TLS with the server that was meant */
    long why;                  /* X509_V_ERR_...; 0: none */
    char said[SMTP_TEXT_SIZE]; /* why the handshake failed; "" */
};

int jbi_smtp_trust_begin(struct smtp_trust *trust, const struct smtp_server *server,
                         struct smtp_gate *gate, struct jb_error *err);
void jbi_smtp_trust_end(struct smtp_trust *trust);
/* ssl: of a handshake that is done. Whether the certificate and its name were found good. */
bool jbi_smtp_is_trusted(const struct smtp_trust *trust, void *ssl);
/* Keeps why the handshake failed; from the worker. */
void jbi_smtp_trust_note(struct smtp_trust *trust);
const char *jbi_smtp_trust_why(const struct smtp_trust *trust);

/* ---- The session ---- (smtp_session.c) */

struct smtp_status_kept {
    int code; /* 0: no answer */
    char text[SMTP_TEXT_SIZE];
};

struct smtp_session {
    const struct smtp_server *server;
    const char *from;
    const char *const *recipients;
    size_t count;
    const char *message;
    size_t len;
    in_port_t port; /* of the relay */
    struct smtp_gate gate;
    struct smtp_talk talk;
    struct smtp_trust trust;

    /* What came of it, to be read once the worker has ended. */
    bool lacks_starttls, lacks_auth, is_ntlm; /* why the session was left */
    bool is_begun, is_body_read, is_answered; /* answered: the body, or the wish to send it */
    bool lacks_memory;
    char said[SMTP_TEXT_SIZE];                        /* libesmtp's own words; "" */
    struct smtp_status_kept sender, body, *recipient; /* as many as count */
};

/* The worker: a whole session. Sets gate.is_done. */
void *jbi_smtp_session_run(void *session);

/* ---- What came of it ---- (smtp_verdict.c) */

int jbi_smtp_verdict(const struct smtp_session *session, const struct smtp_relay *relay,
                     struct smtp_result *result, struct jb_error *err);

#endif
