/* SPDX-License-Identifier: MIT */
#include "archive/same.h"

#include "adapter/digest.h"
#include "fixture.h"

static unsigned char bytes[600000], other[600000];

static int same(enum artifact_kind kind, size_t len, size_t other_len, bool is_told_right)
{
    char sha256[SHA256_HEX_SIZE];
    scope_digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, other, other_len);
    jbi_digest_end(digest, sha256);
    if (!is_told_right)
        sha256[3] ^= 1;
    int fd = memory_file_of(bytes, len), other_fd = memory_file_of(other, other_len);
    int code = jbi_same_artifact(kind, fd, other_fd, sha256, NULL);
    close(fd);
    close(other_fd);
    return code;
}

/* A header of version 1.minor, made at this second; what follows is content. Returns where the
 * time ends. */
static size_t header(unsigned char *to, unsigned minor, unsigned char second)
{
    size_t at = 0;
    memcpy(to, "PGDMP", 5);
    at = 5;
    to[at++] = 1;
    to[at++] = (unsigned char)minor;
    to[at++] = 0;
    to[at++] = 4; /* an int */
    to[at++] = 8; /* an offset */
    to[at++] = 1; /* custom */
    at += minor >= 15 ? 1 : 5;
    memset(to + 11, 0, 5);
    for (int i = 0; i < 7; i++, at += 5) {
        memset(to + at, 0, 5);
        to[at + 1] = (unsigned char)(second + i);
    }
    size_t end = at;
    for (int i = 0; i < 3; i++, at += 5) { /* three texts that are empty */
        memset(to + at, 0, 5);
    }
    return end;
}

static void dumps_are_the_same_but_for_their_time(void)
{
    for (unsigned minor = 12; minor <= 16; minor++) {
        fill(bytes, sizeof bytes, 5);
        fill(other, sizeof other, 5);
        size_t end = header(bytes, minor, 7);
        header(other, minor, 9);
        CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other, true) == 1);
        CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other, false) == 0);
        CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other - 1, true) == 0);
        CHECK(same(ARTIFACT_SQLITE, sizeof bytes, sizeof other, true) == 0);
        for (size_t at = 0; at < sizeof bytes; at += at < 100 ? 1 : 49999) {
            bool is_time = at >= end - 35 && at < end;
            other[at] ^= 1;
            CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other, true) == is_time);
            other[at] ^= 1;
        }
    }
    header(bytes, 17, 7); /* not known: no byte may differ */
    header(other, 17, 9);
    CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other, true) == 0);
    memcpy(other, bytes, sizeof bytes);
    CHECK(same(ARTIFACT_POSTGRESQL, sizeof bytes, sizeof other, true) == 1);
}

static size_t text(unsigned char *to, const char *word, const char *last_word, const char *content)
{
    return (size_t)snprintf((char *)to, sizeof bytes,
                            "--\n-- dump\n--\n\n\\restrict %s\n\n%s\n%0300000d\n\\unrestrict data\n"
                            "--\n\n\\unrestrict %s\n\n",
                            word, content, 7, last_word);
}

static void texts_are_the_same_but_for_their_guards(void)
{
    size_t len = text(bytes, "aB1", "aB1", "SELECT 1;");
    const enum artifact_kind kinds[] = {ARTIFACT_POSTGRESQL_SQL, ARTIFACT_POSTGRESQL_GLOBALS};
    for (size_t i = 0; i < 2; i++) {
        CHECK(same(kinds[i], len, text(other, "xY2", "xY2", "SELECT 1;"), true) == 1);
        CHECK(same(kinds[i], len, text(other, "xY2", "xY2", "SELECT 1;"), false) == 0);
        CHECK(same(kinds[i], len, text(other, "xY2", "xY3", "SELECT 1;"), true) == 0);
        CHECK(same(kinds[i], len, text(other, "xY2", "xY2", "SELECT 2;"), true) == 0);
        CHECK(same(kinds[i], len, text(other, "x;2", "x;2", "SELECT 1;"), true) == 0);
        CHECK(same(kinds[i], len, text(other, "xYz2", "xYz2", "SELECT 1"), true) == 0);
        CHECK(same(kinds[i], len, text(other, "aB1", "aB1", "SELECT 1;"), true) == 1);
    }
    CHECK(same(ARTIFACT_CODEBASE, len, text(other, "xY2", "xY2", "SELECT 1;"), true) == 0);
    CHECK(same(ARTIFACT_POSTGRESQL_SQL, 0, 0, true) == 1);
    CHECK(same(ARTIFACT_POSTGRESQL, 0, 0, true) == 1);
}

int main(void)
{
    RUN(dumps_are_the_same_but_for_their_time);
    RUN(texts_are_the_same_but_for_their_guards);
    return check_end();
}
