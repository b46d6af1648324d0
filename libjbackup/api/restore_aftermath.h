/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_AFTERMATH_H
#define JBI_API_RESTORE_AFTERMATH_H

#include "api/session.h"

/* What a restore in place means to other verbs. */

/* An open restore is a WARNING finding that says what state a backup saves now. */
int jbi_restore_warn(struct session *session, struct jb_error *err);
/* JB_ELOCKED while a restore is open: what it needs must not be removed. what is e.g. "cleanup". */
int jbi_restore_refuse(struct session *session, const char *what, struct jb_error *err);
/* Whether a process holds the lock of restores: then an open journal is no crash. */
bool jbi_restore_is_running(const struct session *session);
/* After a backup of what a restore has put in place, the old state is removed. A failure is a
 * WARNING finding. */
void jbi_restore_forget(struct session *session);

#endif
