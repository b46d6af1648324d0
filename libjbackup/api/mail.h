/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_MAIL_H
#define JBI_API_MAIL_H

#include "adapter/smtp.h"
#include "api/project.h"
#include "base/text.h"

/* Mails: how the server is configured, and their text (RFC 5322, 2045-2047: UTF-8 in
 * quoted-printable, a text and an HTML alternative). */

/* MAIL_SERVER, MAIL_PORT (587), MAIL_USERNAME, MAIL_PASSWORD, MAIL_USE_TLS (true), MAIL_FROM
 * (backup@HOST), MAIL_CA_FILE: from the environment, else from the project's .env. *is_set: there
 * is a MAIL_SERVER. JB_EINVAL names the variable and where it stands, never a secret. */
int jbi_mail_server(const jb_project *project, struct arena *arena, struct smtp_server *out,
                    const char **from, bool *is_set, struct jb_error *err);

struct mail {
    const char *from;
    const char *const *recipients;
    size_t recipient_count;
    const char *subject; /* any UTF-8 */
    const char *text;    /* lines end in LF */
    const char *html;    /* a whole page; NULL: no alternative */
    int64_t date_us;
    const char *thread; /* mails of one thing refer to the first: an id without spaces; NULL */
    bool is_first;      /* of its thread */
};

/* The message as it is sent: CRLF, no line over 998 bytes, no header that a text of the caller's
 * could have added. out->failed: out of memory. JB_EINVAL: an address is not one. */
int jbi_mail_compose(const struct mail *mail, struct text *out, struct jb_error *err);

#endif
