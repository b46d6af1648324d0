/* SPDX-License-Identifier: MIT */
/* SHA-256 by mbedTLS. Its functions fail only for hardware that we don't use. */
#include <mbedtls/sha256.h>
#include <stdlib.h>

#include "adapter/digest.h"
#include "base/text.h"

struct digest {
    mbedtls_sha256_context context;
};

struct digest *jbi_digest_new(void)
{
    struct digest *digest = malloc(sizeof *digest);
    if (digest != NULL)
        mbedtls_sha256_init(&digest->context);
    return digest;
}

void jbi_digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    mbedtls_sha256_free(&digest->context);
    free(digest);
}

void jbi_digest_scope_free(struct digest **digest)
{
    jbi_digest_free(*digest);
}

void jbi_digest_begin(struct digest *digest)
{
    mbedtls_sha256_starts_ret(&digest->context, 0);
}

void jbi_digest_add(struct digest *digest, const void *from, size_t len)
{
    mbedtls_sha256_update_ret(&digest->context, from, len);
}

void jbi_digest_end(struct digest *digest, char hex[SHA256_HEX_SIZE])
{
    unsigned char sum[32];
    mbedtls_sha256_finish_ret(&digest->context, sum);
    jbi_hex(hex, sum, sizeof sum);
}

const char *jbi_digest_library(void)
{
    return "mbedTLS";
}
