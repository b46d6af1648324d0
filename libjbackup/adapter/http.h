/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_HTTP_H
#define JBI_ADAPTER_HTTP_H

#include <jbackup.h>
#include <stddef.h>

#define HTTP_SHOWN_SIZE 512

/* The form of a URL for people: without user, password, query and fragment, which may hold secrets.
 * JB_EINVAL: it can't be read, or is neither http nor https; the text then holds nothing of it. */
int jbi_http_shown(const char *url, char to[HTTP_SHOWN_SIZE], struct jb_error *err);

/* The same without its path, too, for those whose path is the secret. */
int jbi_http_origin(const char *url, char to[HTTP_SHOWN_SIZE], struct jb_error *err);

/*
 * Asks for a URL (GET), directly (no proxy), redirects to http and https followed. What comes is
 * read and dropped, at most a megabyte of it. *status is the server's, e.g. 200. JB_EIO: there was
 * no answer within timeout_ms, or not one of HTTP. No signal is used; from any thread.
 *
 * The library under it keeps state for the whole process: it is set up once, by whichever thread
 * comes first, and never torn down.
 */
int jbi_http_get(const char *url, int timeout_ms, int *status, struct jb_error *err);

/* The same for a URL whose path is a secret: error texts have its jbi_http_origin alone. */
int jbi_http_get_secret(const char *url, int timeout_ms, int *status, struct jb_error *err);

/* Sends a body (POST) in the same manner, but redirects are not followed, and error texts have the
 * jbi_http_origin alone. headers ("Name: value") end with NULL, or are NULL; JB_EINVAL: one holds a
 * control character. */
int jbi_http_post(const char *url, const char *content_type, const char *const *headers,
                  const void *body, size_t len, int timeout_ms, int *status, struct jb_error *err);

#endif
