/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_GZIP_ISAL_H
#define JBI_ADAPTER_GZIP_ISAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raw deflate (RFC 1951) of whole buffers by ISA-L, for adapter/gzip.c alone. */
struct isal;

struct isal *jbi_isal_new(void); /* NULL if out of memory */
void jbi_isal_free(struct isal *isal);
/* The length of the deflated data, or 0: it does not fit. is_last: it ends the stream; else it ends
 * on a byte, and what follows does not look back. */
size_t jbi_isal_deflate(struct isal *isal, bool is_last, const void *raw, size_t len, void *out,
                        size_t room);
/* Whether the data is whole and fits into room bytes; *raw_len is what it gave. */
bool jbi_isal_inflate(struct isal *isal, const void *in, size_t len, void *raw, size_t room,
                      size_t *raw_len);
uint32_t jbi_isal_crc32(uint32_t before, const void *from, size_t len);

#endif
