/* SPDX-License-Identifier: MIT */
/*
 * The reader of manifests. Each input is tried as it is, and once more with the digest line that it
 * would need: without that, no changed input would get past the first check. What is accepted must
 * be printed and read again the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/digest.h"
#include "base/text.h"
#include "repository/manifest.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char last_line[] = "\"manifest_sha256\": \"";

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_round_trip(const struct manifest *manifest, struct arena *arena)
{
    struct manifest again;
    struct jb_error err = {0};
    char *first = jbi_manifest_print(manifest);
    expect(first != NULL);
    expect(jbi_manifest_parse(&again, first, strlen(first), "again", arena, &err) == JB_OK);
    char *second = jbi_manifest_print(&again);
    expect(second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
}

static void try(const char *text, size_t len)
{
    struct arena arena = {0};
    struct manifest manifest;
    struct jb_error err = {0};
    int code = jbi_manifest_parse(&manifest, text, len, "manifest", &arena, &err);
    expect(code == err.code);
    if (code == JB_OK)
        check_round_trip(&manifest, &arena);
    jbi_arena_free(&arena);
}

/* The input up to its last line, and the right last line. */
static void try_with_digest(const char *data, size_t size)
{
    struct text text = {0};
    char hex[SHA256_HEX_SIZE];
    const char *end = memmem(data, size, last_line, strlen(last_line));
    struct digest *digest = jbi_digest_new();
    expect(digest != NULL);
    jbi_text_add(&text, data, end != NULL ? (size_t)(end - data) : size);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, text.at, text.len);
    jbi_digest_end(digest, hex);
    jbi_digest_free(digest);
    jbi_text_addf(&text, "%s%s\"}\n", last_line, hex);
    try(text.at, text.len);
    jbi_text_free(&text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    try((const char *)data, size);
    try_with_digest((const char *)data, size);
    return 0;
}
