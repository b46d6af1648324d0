/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "../check.h"

static void grows_and_formats(void)
{
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        jbi_text_addf(&text, "%d,", i % 10);
    jbi_text_adds(&text, "end");
    CHECK(text.len == 2003 && !text.failed);
    CHECK_HAS(text.at, "7,8,9,end");
    jbi_text_free(&text);
    CHECK(text.at == NULL && text.len == 0);
}

static void an_empty_addition_gives_an_empty_text(void)
{
    struct text text = {0};
    jbi_text_add(&text, "", 0);
    CHECK_TEXT(text.at, "");
    jbi_text_free(&text);
}

static void an_impossible_size_fails_and_stays_failed(void)
{
    struct text text = {0};
    jbi_text_adds(&text, "a");
    jbi_text_add(&text, "b", SIZE_MAX / 2);
    jbi_text_adds(&text, "c");
    CHECK(text.failed);
    CHECK_TEXT(text.at, "a");
    jbi_text_free(&text);
}

static void utf8_is_strict(void)
{
    static const struct {
        const char *bytes;
        size_t len, want;
    } cases[] = {
        {"a", 1, 1},
        {"\xc3\xa4", 2, 2},
        {"\xe2\x82\xac", 3, 3},
        {"\xf0\x9f\x92\xbe", 4, 4},
        {"", 0, 0},
        {"\x80", 1, 0},
        {"\xc0\xaf", 2, 0},         /* overlong */
        {"\xe0\x80\xaf", 3, 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 4, 0}, /* overlong */
        {"\xed\xa0\x80", 3, 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xe2\x82", 2, 0}, /* cut */
        {"\xc3\x28", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(jbi_utf8_len(cases[i].bytes, cases[i].len) == cases[i].want);
    CHECK(jbi_is_utf8("gr\xc3\xbc\xc3\x9f", 6));
    CHECK(!jbi_is_utf8("gr\xfc\xdf", 4));
}

static void escapes_what_does_not_print(void)
{
    char to[64];
    CHECK_TEXT(jbi_escape(to, sizeof to, "a\nb\x1b[1m\x7f", 8), "a\\x0ab\\x1b[1m\\x7f");
    CHECK_TEXT(jbi_escape(to, sizeof to, "\xff\xc3\xa4", 3), "\\xff\xc3\xa4");
    CHECK_TEXT(jbi_escape(to, sizeof to, "\xc2\x9b", 2), "\\xc2\\x9b");
    CHECK_TEXT(jbi_escape(to, sizeof to, "a\0b", 3), "a\\x00b");
    CHECK_TEXT(jbi_escape(to, 1, "abc", 3), "");
}

static void cuts_at_a_character(void)
{
    char to[6];
    CHECK_TEXT(jbi_escape(to, sizeof to, "abcd\xc3\xa4", 6), "abcd");
    CHECK_TEXT(jbi_escape(to, sizeof to, "abc\n", 4), "abc");
}

static void sizes_for_people(void)
{
    static const struct {
        uint64_t bytes;
        const char *want;
    } cases[] = {
        {0, "0 B"},         {999, "999 B"},        {1000, "1.0 kB"},
        {99949, "99.9 kB"}, {99950, "100 kB"},     {999499, "999 kB"},
        {999500, "1.0 MB"}, {12345678, "12.3 MB"}, {UINT64_MAX, "18.4 EB"},
    };
    char to[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_TEXT(jbi_human_size(to, cases[i].bytes), cases[i].want);
        CHECK(strlen(to) <= 8);
    }
}

static void hexadecimal_and_ends(void)
{
    char to[9];
    CHECK_TEXT(jbi_hex(to, (const unsigned char *)"\x00\x0f\xf0\xff", 4), "000ff0ff");
    CHECK(jbi_starts_with("abc", "ab") && !jbi_starts_with("a", "ab") && jbi_starts_with("a", ""));
    CHECK(jbi_ends_with("abc", "bc") && !jbi_ends_with("c", "bc") && jbi_ends_with("a", ""));
}

int main(void)
{
    RUN(grows_and_formats);
    RUN(an_empty_addition_gives_an_empty_text);
    RUN(an_impossible_size_fails_and_stays_failed);
    RUN(utf8_is_strict);
    RUN(escapes_what_does_not_print);
    RUN(cuts_at_a_character);
    RUN(sizes_for_people);
    RUN(hexadecimal_and_ends);
    return check_end();
}
