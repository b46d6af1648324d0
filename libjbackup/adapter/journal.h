/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_JOURNAL_H
#define JBI_ADAPTER_JOURNAL_H

#include <jbackup.h>
#include <stddef.h>

/* Entries with fields of their own for systemd's journal, by its native protocol. */
#define JOURNAL_SOCKET    "/run/systemd/journal/socket"
#define JOURNAL_VALUE_MAX 4096 /* longer values are cut */

struct journal_field {
    const char *name;  /* A-Z, 0-9 and "_", begins with a letter: MESSAGE, PRIORITY, ... */
    const char *value; /* any text; NULL: the field is left out */
};

/* Sends one entry to the socket at path. No journal there is fine; one that does not take it at
 * once is JB_EIO: it is not waited for. No signal is raised. */
int jbi_journal_send(const char *path, const struct journal_field *fields, size_t count,
                     struct jb_error *err);

#endif
