/* SPDX-License-Identifier: MIT */
/* SHA-256 by libcrypto, which uses the processor's instructions. The method is fetched once per
 * context: fetching it for each of many small files costs more than hashing them. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "adapter/digest.h"
#include "base/text.h"

struct digest {
    EVP_MD *method;
    EVP_MD_CTX *context;
};

struct digest *jbi_digest_new(void)
{
    struct digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL)
        return NULL;
    digest->method = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->method != NULL && digest->context != NULL)
        return digest;
    jbi_digest_free(digest);
    return NULL;
}

void jbi_digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->method);
    free(digest);
}

void jbi_digest_scope_free(struct digest **digest)
{
    jbi_digest_free(*digest);
}

void jbi_digest_begin(struct digest *digest)
{
    EVP_DigestInit_ex2(digest->context, digest->method, NULL);
}

void jbi_digest_add(struct digest *digest, const void *from, size_t len)
{
    EVP_DigestUpdate(digest->context, from, len);
}

void jbi_digest_end(struct digest *digest, char hex[SHA256_HEX_SIZE])
{
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(digest->context, sum, NULL);
    jbi_hex(hex, sum, 32);
}

const char *jbi_digest_library(void)
{
    return "libcrypto";
}
