/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_LOOKUP_H
#define JBI_OS_LOOKUP_H

#include <jbackup.h>
#include <netdb.h>

/* A host's addresses, looked up by a thread of its own: nobody has to wait until a name server is
 * given up. */
struct lookup;

/* End it in any case. service: a port's number; NULL: none. */
int jbi_lookup_begin(struct lookup **out, const char *host, const char *service,
                     struct jb_error *err);
/* Closed at its other end, so that poll returns, once it is done. */
int jbi_lookup_fd(const struct lookup *lookup);
/* 0, or getaddrinfo's number, EAI_AGAIN while it is not done; *out belongs to the lookup. */
int jbi_lookup_result(const struct lookup *lookup, const struct addrinfo **out);
/* One that is not done yet is left to itself. NULL is fine. */
void jbi_lookup_end(struct lookup *lookup);

#endif
