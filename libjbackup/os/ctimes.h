/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_CTIMES_H
#define JBI_OS_CTIMES_H

#include <stdbool.h>

/* Whether the file system of an open file sets the change time of whatever is changed, by the clock
 * of this machine: then what has the same change time as before is the same as before. Of a
 * server's clock, of FUSE and of FAT (whose ctime is something else) that is not known: false. */
bool jbi_has_ctimes(int fd);

#endif
