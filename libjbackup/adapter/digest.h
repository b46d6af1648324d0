/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_DIGEST_H
#define JBI_ADAPTER_DIGEST_H

#include <stddef.h>

#include "base/artifact.h"

/* SHA-256 (FIPS 180-4). One context serves any number of digests, one after the other. */
struct digest;

struct digest *jbi_digest_new(void);         /* NULL if out of memory */
void jbi_digest_free(struct digest *digest); /* NULL is fine */
void jbi_digest_scope_free(struct digest **digest);
#define scope_digest __attribute__((cleanup(jbi_digest_scope_free))) struct digest

void jbi_digest_begin(struct digest *digest);
void jbi_digest_add(struct digest *digest, const void *from, size_t len);
void jbi_digest_end(struct digest *digest, char hex[SHA256_HEX_SIZE]);

/* "libcrypto" or "mbedTLS": which library this build uses. */
const char *jbi_digest_library(void);

#endif
