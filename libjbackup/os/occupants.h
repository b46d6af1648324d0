/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_OCCUPANTS_H
#define JBI_OS_OCCUPANTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Ends what runs in a folder: processes of the user uid, of one of these programs (names, up to a
 * NULL), that work in the folder or have its path as an argument, also as "--option=path". They get
 * SIGQUIT, after grace_ms SIGKILL. True: there is none any more. path is as realpath gives it.
 */
bool jbi_occupants_end(const char *path, uid_t uid, const char *const programs[], int grace_ms);

#endif
