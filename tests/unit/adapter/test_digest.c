/* SPDX-License-Identifier: MIT */
#include "adapter/digest.h"

#include "../check.h"

/* FIPS 180-4's examples and the empty text. */
static void known_answers(void)
{
    static const struct {
        const char *text, *sha256;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[SHA256_HEX_SIZE];
    struct digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jbi_digest_begin(digest);
        jbi_digest_add(digest, cases[i].text, strlen(cases[i].text));
        jbi_digest_end(digest, hex);
        CHECK_TEXT(hex, cases[i].sha256);
    }
    jbi_digest_free(digest);
    jbi_digest_free(NULL);
}

static void a_million_in_pieces(void)
{
    static const size_t steps[] = {1, 63, 64, 65, 999, 100000};
    char *text = malloc(1000000), hex[SHA256_HEX_SIZE];
    REQUIRE(text != NULL);
    memset(text, 'a', 1000000);
    scope_digest *digest = jbi_digest_new();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        jbi_digest_begin(digest);
        for (size_t at = 0; at < 1000000; at += steps[i])
            jbi_digest_add(digest, text + at, steps[i] < 1000000 - at ? steps[i] : 1000000 - at);
        jbi_digest_end(digest, hex);
        CHECK_TEXT(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    free(text);
}

static void a_digest_left_halfway_leaves_nothing(void)
{
    char hex[SHA256_HEX_SIZE];
    scope_digest *digest = jbi_digest_new();
    jbi_digest_begin(digest);
    jbi_digest_add(digest, "junk", 4);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, "abc", 3);
    jbi_digest_end(digest, hex);
    CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(strcmp(jbi_digest_library(), "libcrypto") == 0 ||
          strcmp(jbi_digest_library(), "mbedTLS") == 0);
}

int main(void)
{
    RUN(known_answers);
    RUN(a_million_in_pieces);
    RUN(a_digest_left_halfway_leaves_nothing);
    return check_end();
}
