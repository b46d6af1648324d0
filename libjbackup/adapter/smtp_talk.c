/* SPDX-License-Identifier: MIT */
/* What client and server say, followed as far as libesmtp hides it: above all how AUTH ended.
 * Invariant: nothing that is said within AUTH is kept but the numbers of the answers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/smtp_parts.h"

void jbi_smtp_said(struct smtp_talk *talk, const char *line, size_t len)
{
    static const struct {
        const char *verb;
        enum smtp_step step;
    } verbs[] = {{"EHLO", SMTP_GREETING}, {"HELO", SMTP_GREETING}, {"STARTTLS", SMTP_STARTTLS},
                 {"AUTH", SMTP_LOGIN},    {"MAIL", SMTP_SENDER},   {"RCPT", SMTP_RECIPIENT},
                 {"DATA", SMTP_BODY},     {"BDAT", SMTP_BODY}};
    if (talk->is_login)
        return;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        size_t verb_len = strlen(verbs[i].verb);
        if (len > verb_len && strncasecmp(line, verbs[i].verb, verb_len) == 0) {
            talk->step = verbs[i].step;
            talk->code = 0;
            talk->is_login = talk->step == SMTP_LOGIN;
        }
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "5.7.8" at the beginning of text. */
static void keep_detail(char to[16], const char *text)
{
    size_t len = strspn(text, "0123456789.");
    *to = '\0';
    if (len < 5 || len >= 16 || text[1] != '.' || !is_digit(text[len - 1]))
        return;
    memcpy(to, text, len);
    to[len] = '\0';
}

static void end_login(struct smtp_talk *talk, int code, const char *text)
{
    talk->is_login = code / 100 == 3;
    if (code / 100 == 2) {
        talk->has_logged_in = true;
    } else if (code / 100 > 3) {
        talk->login_code = code;
        keep_detail(talk->login_detail, text);
    }
}

/* The last line of an answer: "250 text"; others have "-" behind the number. */
static void read_line(struct smtp_talk *talk)
{
    const char *line = talk->line;
    if (!is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) || line[3] == '-')
        return;
    int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
    const char *text = line + 3 + (line[3] == ' ');
    if (talk->is_login) {
        end_login(talk, code, text);
        return;
    }
    talk->code = code;
    memcpy(talk->text, line, talk->line_len + 1);
}

void jbi_smtp_heard(struct smtp_talk *talk, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            talk->line[talk->line_len] = '\0';
            read_line(talk);
            talk->line_len = 0;
        } else if (bytes[i] != '\r' && bytes[i] != '\0' && talk->line_len < sizeof talk->line - 1) {
            talk->line[talk->line_len++] = bytes[i];
        }
    }
}
