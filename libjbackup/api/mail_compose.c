/* SPDX-License-Identifier: MIT */
/* The text of a mail. Invariant: what comes from outside stands in a header only as an encoded word
 * or without any control character, and in a body only in quoted-printable, so it can be neither a
 * header nor the end of a part. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/mail.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"

#define UNIQUE_BYTES 16
#define UNIQUE_SIZE  (2 * UNIQUE_BYTES + 1)
#define LINE_MAX     76
#define WORD_BYTES   45 /* an encoded word of these has 72 characters; it may have 75 */
#define FIRST_BYTES  39 /* with "Subject: " before it */
#define SUBJECT_MAX  (LINE_MAX - 9)
#define REPLACEMENT  "\xef\xbf\xbd" /* for what is no UTF-8 */

/* ---- Headers ---- */

/* One line of UTF-8. */
static void clean(struct text *to, const char *subject)
{
    size_t left = strlen(subject);
    while (left > 0) {
        size_t len = jbi_utf8_len(subject, left);
        unsigned char first = (unsigned char)*subject;
        if (len == 1 && (first < ' ' || first == 0x7f))
            jbi_text_adds(to, " ");
        else if (len == 0)
            jbi_text_adds(to, REPLACEMENT);
        else
            jbi_text_add(to, subject, len);
        subject += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
}

static bool is_plain(const char *subject)
{
    if (strlen(subject) > SUBJECT_MAX || strstr(subject, "=?") != NULL)
        return false;
    for (; *subject != '\0'; subject++)
        if (*subject < ' ' || *subject > '~')
            return false;
    return true;
}

/* As many bytes as fit without cutting a character. */
static size_t word_len(const char *text, size_t left, size_t room)
{
    size_t len = 0, next;
    while (len < left && (next = jbi_utf8_len(text + len, left - len)) > 0 && len + next <= room)
        len += next;
    return len;
}

static void add_subject(struct text *out, const char *subject)
{
    char word[BASE64_SIZE(WORD_BYTES)];
    scope_text one_line = {0};
    clean(&one_line, subject);
    out->failed = out->failed || one_line.failed;
    const char *at = one_line.at != NULL ? one_line.at : "";
    if (is_plain(at)) {
        jbi_text_addf(out, "Subject: %s\r\n", at);
        return;
    }
    size_t room = FIRST_BYTES;
    jbi_text_adds(out, "Subject:");
    for (size_t left = one_line.len; left > 0;) {
        size_t len = word_len(at, left, room);
        if (len == 0)
            break;
        jbi_text_addf(out, "%s =?UTF-8?B?%s?=", room == WORD_BYTES ? "\r\n" : "",
                      jbi_base64(word, at, len));
        at += len;
        left -= len;
        room = WORD_BYTES;
    }
    jbi_text_adds(out, "\r\n");
}

/* "Mon, 08 Jul 2024 14:30:22 +0200", in English whatever the locale is. */
static void add_date(struct text *out, int64_t date_us)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t unix_s = (time_t)(date_us / 1000000);
    struct tm tm;
    if (localtime_r(&unix_s, &tm) == NULL)
        return;
    long offset_min = tm.tm_gmtoff / 60;
    jbi_text_addf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld\r\n", days[tm.tm_wday],
                  tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec, offset_min < 0 ? '-' : '+', labs(offset_min) / 60,
                  labs(offset_min) % 60);
}

static void add_recipients(struct text *out, const struct mail *mail)
{
    jbi_text_adds(out, "To:");
    for (size_t i = 0; i < mail->recipient_count; i++)
        jbi_text_addf(out, "%s %s", i > 0 ? ",\r\n" : "", mail->recipients[i]);
    jbi_text_adds(out, "\r\n");
}

/* The first mail of a thread has its name, the others refer to it. */
static void add_ids(struct text *out, const struct mail *mail, const char *unique)
{
    const char *domain = strchr(mail->from, '@') + 1;
    if (mail->thread != NULL && mail->is_first) {
        jbi_text_addf(out, "Message-ID: <%s@%s>\r\n", mail->thread, domain);
        return;
    }
    jbi_text_addf(out, "Message-ID: <%s@%s>\r\n", unique, domain);
    if (mail->thread != NULL)
        jbi_text_addf(out, "In-Reply-To: <%s@%s>\r\nReferences: <%s@%s>\r\n", mail->thread, domain,
                      mail->thread, domain);
}

/* ---- Bodies ---- */

/* Whether the byte stands for itself, at this column and with this one behind it. */
static bool is_literal(unsigned char byte, size_t column, unsigned char next)
{
    if (byte == ' ' || byte == '\t')
        return next != '\n' && next != '\0';
    return byte > ' ' && byte <= '~' && byte != '=' && !(column == 0 && byte == '.');
}

/* Lines of the text end in LF, and in CR LF as well; any other CR is written as it is. */
static void add_quoted(struct text *out, const char *body)
{
    size_t column = 0;
    for (const unsigned char *at = (const unsigned char *)body; *at != '\0'; at++) {
        if (*at == '\r' && at[1] == '\n')
            continue;
        if (*at == '\n') {
            jbi_text_adds(out, "\r\n");
            column = 0;
            continue;
        }
        unsigned char next = at[1] == '\r' && at[2] == '\n' ? '\n' : at[1];
        bool literal = is_literal(*at, column, next);
        if (column + (literal ? 1 : 3) > LINE_MAX - 1) { /* room for the "=" at the end */
            jbi_text_adds(out, "=\r\n");
            column = 0;
            literal = is_literal(*at, column, next);
        }
        if (literal)
            jbi_text_add(out, (const char *)at, 1);
        else
            jbi_text_addf(out, "=%02X", *at);
        column += literal ? 1 : 3;
    }
    if (column > 0)
        jbi_text_adds(out, "\r\n");
}

static void add_part(struct text *out, const char *type, const char *body)
{
    scope_text valid = {0};
    for (size_t left = strlen(body); left > 0;) {
        size_t len = jbi_utf8_len(body, left);
        jbi_text_add(&valid, len > 0 ? body : REPLACEMENT, len > 0 ? len : strlen(REPLACEMENT));
        body += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
    out->failed = out->failed || valid.failed;
    jbi_text_addf(out,
                  "Content-Type: text/%s; charset=UTF-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                  type);
    add_quoted(out, valid.at != NULL ? valid.at : "");
}

/* "=_" never stands in quoted-printable, so no part can hold the boundary. */
static void add_body(struct text *out, const struct mail *mail, const char *unique)
{
    jbi_text_adds(out, "MIME-Version: 1.0\r\n");
    if (mail->html == NULL) {
        add_part(out, "plain", mail->text);
        return;
    }
    jbi_text_addf(out, "Content-Type: multipart/alternative; boundary=\"=_%s\"\r\n\r\n--=_%s\r\n",
                  unique, unique);
    add_part(out, "plain", mail->text);
    jbi_text_addf(out, "\r\n--=_%s\r\n", unique);
    add_part(out, "html", mail->html);
    jbi_text_addf(out, "\r\n--=_%s--\r\n", unique);
}

/* ---- All of it ---- */

static int check(const struct mail *mail, struct jb_error *err)
{
    if (!jbi_is_mail_address(mail->from))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no mail address to send from", mail->from);
    if (mail->recipient_count == 0)
        return jbi_fail(err, JB_EINVAL, "the mail has no recipient");
    for (size_t i = 0; i < mail->recipient_count; i++)
        if (!jbi_is_mail_address(mail->recipients[i]))
            return jbi_fail(err, JB_EINVAL, "\"%s\" is no mail address", mail->recipients[i]);
    if (mail->thread == NULL)
        return JB_OK;
    size_t len = strlen(mail->thread);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)mail->thread[i]) && strchr("-_.", mail->thread[i]) == NULL)
            len = 0;
    return len > 0 && len <= 200
               ? JB_OK
               : jbi_fail(err, JB_EINVAL, "\"%s\" is no name of a thread of mails", mail->thread);
}

static int make_unique(char to[UNIQUE_SIZE], struct jb_error *err)
{
    unsigned char bytes[UNIQUE_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return jbi_fail_errno(err, JB_EIO, "cannot get random numbers");
    jbi_hex(to, bytes, sizeof bytes);
    return JB_OK;
}

int jbi_mail_compose(const struct mail *mail, struct text *out, struct jb_error *err)
{
    char unique[UNIQUE_SIZE];
    int code = check(mail, err);
    if (code == JB_OK)
        code = make_unique(unique, err);
    if (code < 0)
        return code;
    add_date(out, mail->date_us);
    jbi_text_addf(out, "From: %s\r\n", mail->from);
    add_recipients(out, mail);
    add_subject(out, mail->subject);
    add_ids(out, mail, unique);
    jbi_text_adds(out, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n");
    add_body(out, mail, unique);
    return JB_OK;
}
