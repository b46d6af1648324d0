/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SMTP_H
#define JBI_ADAPTER_SMTP_H

#include <jbackup.h>
#include <stdbool.h>
#include <stddef.h>

/* One mail to one server by libesmtp, whose sharp edges end here. */

enum smtp_tls {
    SMTP_TLS_REQUIRED, /* STARTTLS, certificate and host name verified, or nothing is sent */
    SMTP_TLS_OFF       /* by explicit word only: in the clear */
};

struct smtp_server {
    const char *host;
    int port;
    const char *username; /* NULL: no login */
    const char *password;
    enum smtp_tls tls;
    const char *ca_file; /* PEM; NULL: the system's */
    int timeout_s;       /* for all of it, connecting included */
};

/* Where it failed. */
enum smtp_step {
    SMTP_DONE,
    SMTP_RESOLVE,
    SMTP_CONNECT,
    SMTP_GREETING,
    SMTP_STARTTLS,
    SMTP_LOGIN,
    SMTP_SENDER,
    SMTP_RECIPIENT,
    SMTP_BODY
};

struct smtp_result {
    enum smtp_step step;      /* SMTP_DONE: the server took it for at least one recipient */
    bool is_temporary;        /* another time it may go */
    bool may_have_sent;       /* the answer to the body never came */
    size_t accepted, refused; /* recipients */
    char reply[256]; /* the server's last words that matter, printable, without secrets; "" */
};

/* message: headers, an empty line, body; lines end in CRLF. from and recipients are bare addresses
 * (jbi_is_mail_address). JB_OK: taken for all recipients; JB_EIO: not, or not for all (*result says
 * for how many, and where it failed; the text names the server and the step, the hint what to do).
 * Never raises a signal, never longer than timeout_s and a second; from any thread. */
int jbi_smtp_send(const struct smtp_server *server, const char *from, const char *const *recipients,
                  size_t count, const char *message, size_t len, struct smtp_result *result,
                  struct jb_error *err);

/* Printable ASCII, one "@", no space, no "<", ">", no control character, at most 254 characters. */
bool jbi_is_mail_address(const char *text);

#endif
