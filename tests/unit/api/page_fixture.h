/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_API_PAGE_FIXTURE_H
#define TESTS_UNIT_API_PAGE_FIXTURE_H

/* A page in the making, and whether it is sound HTML that loads and runs nothing. */
#include "../check.h"
#include "base/text.h"

#define HOSTILE "<script>evil()</script>\"'><img src=x onerror='evil()'>&amp;\x01\x80\xe2\x80\xae"

static struct text page;

static inline size_t count_of(const char *part)
{
    size_t count = 0;
    for (const char *at = page.at; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static inline bool is_void(const char *name, size_t len)
{
    return len == 4 && memcmp(name, "meta", 4) == 0;
}

/* The end of a tag that begins at <, its attributes quoted; NULL if it is not one. */
static inline const char *tag_end(const char *at)
{
    char quote = '\0';
    for (at++; *at != '\0'; at++) {
        if (quote != '\0' && *at == quote)
            quote = '\0';
        else if (quote == '\0' && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (quote == '\0' && *at == '<')
            return NULL;
        else if (quote == '\0' && *at == '>')
            return at;
    }
    return NULL;
}

/* Every element is closed, by its own name, in order. */
static inline bool is_balanced(const char *at)
{
    struct {
        const char *name;
        size_t len;
    } open[64];
    size_t depth = 0;
    for (at = strchr(at, '<'); at != NULL; at = strchr(at, '<')) {
        const char *end = tag_end(at), *name = at + 1 + (at[1] == '/');
        size_t len = strcspn(name, " >/\n");
        if (end == NULL || depth == 64)
            return false;
        if (at[1] == '/') {
            if (depth == 0 || open[depth - 1].len != len ||
                memcmp(open[depth - 1].name, name, len) != 0)
                return false;
            depth--;
        } else if (at[1] != '!' && end[-1] != '/' && !is_void(name, len)) {
            open[depth].name = name;
            open[depth++].len = len;
        }
        at = end;
        if (len == 5 && memcmp(name, "style", 5) == 0 && name[-1] == '<')
            at = strstr(at, "</style>");
    }
    return depth == 0;
}

static inline void expect_sound(void)
{
    CHECK(page.len == strlen(page.at));
    CHECK(jbi_is_utf8(page.at, page.len));
    CHECK(is_balanced(page.at));
    CHECK(strstr(page.at, "<script") == NULL && strstr(page.at, "<img") == NULL);
    CHECK(strstr(page.at, "<link") == NULL && strstr(page.at, "url(") == NULL);
    CHECK(strstr(page.at, "@import") == NULL);
    CHECK(strstr(page.at, "http:") == NULL && strstr(page.at, "https:") == NULL);
    CHECK_HAS(page.at, "default-src 'none'");
}

#endif
