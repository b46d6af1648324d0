/* SPDX-License-Identifier: MIT */
/* Which file systems keep change times that can be relied upon. What is not known to is not listed:
 * tmpfs, too, where writing through a mapping may leave all times as they are. */
#include "os/ctimes.h"

#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#define ZFS_MAGIC      0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e
#define JFS_MAGIC      0x3153464a

static const unsigned long relied_upon[] = {
    EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC, ZFS_MAGIC,       BCACHEFS_MAGIC,    JFS_MAGIC,
};

bool jbi_has_ctimes(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return false;
    size_t i = 0, count = sizeof relied_upon / sizeof *relied_upon;
    while (i < count && relied_upon[i] != ((unsigned long)fs.f_type & 0xffffffff))
        i++;
    return i < count;
}
