/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_HTTP_H
#define JBI_ADAPTER_HTTP_H

#include <jbackup.h>

#define HTTP_SHOWN_SIZE 512

/* The form of a URL for people: without user, password, query and fragment, which may hold secrets.
 * JB_EINVAL: it can't be read, or is neither http nor https; the text then holds nothing of it. */
int jbi_http_shown(const char *url, char to[HTTP_SHOWN_SIZE], struct jb_error *err);

/*
 * Asks for a URL (GET), directly (no proxy), redirects to http and https followed. What comes is
 * read and dropped, at most a megabyte of it. *status is the server's, e.g. 200. JB_EIO: there was
 * no answer within timeout_ms, or not one of HTTP. No signal is used; from any thread.
 *
 * The library under it keeps state for the whole process: it is set up once, by whichever thread
 * comes first, and never torn down.
 */
int jbi_http_get(const char *url, int timeout_ms, int *status, struct jb_error *err);

#endif
