/* SPDX-License-Identifier: MIT */
/* Extended attributes. A list or value is at most 64 KiB (xattr(7)), so fixed buffers suffice. */
#include "source/xattrs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/report.h"

#define ATTRIBUTES_MAX 256
#define LIST_MAX       (64u << 10)
#define VALUES_MAX     (1u << 20)

struct xattrs {
    char list[LIST_MAX];
    unsigned char *values; /* allocated when the first file with attributes comes */
    struct tar_xattr found[ATTRIBUTES_MAX];
};

struct xattrs *jbi_xattrs_new(void)
{
    return calloc(1, sizeof(struct xattrs));
}

void jbi_xattrs_free(struct xattrs *xattrs)
{
    if (xattrs == NULL)
        return;
    free(xattrs->values);
    free(xattrs);
}

/* By descriptor, or by name through the folder's descriptor: there are no *xattrat() calls. */
struct target {
    int fd;
    char path[300];
};

static ssize_t list_names(const struct target *target, char *to, size_t size)
{
    return target->fd >= 0 ? flistxattr(target->fd, to, size) : llistxattr(target->path, to, size);
}

static ssize_t get_value(const struct target *target, const char *name, void *to, size_t size)
{
    return target->fd >= 0 ? fgetxattr(target->fd, name, to, size)
                           : lgetxattr(target->path, name, to, size);
}

static void say(jb_report *report, const char *path, const char *name, int why)
{
    char reason[128];
    jbi_finding(report, JB_WARNING, path, "its extended attribute%s%s is not stored: %s",
                *name ? " " : "s", name, strerror_r(why, reason, sizeof reason));
}

void jbi_xattrs_read(struct xattrs *xattrs, const struct tree_entry *entry, int fd,
                     jb_report *report, struct archive_item *item)
{
    struct target target = {.fd = fd};
    snprintf(target.path, sizeof target.path, "/proc/self/fd/%d/%s", entry->dir_fd, entry->name);
    ssize_t len = list_names(&target, xattrs->list, sizeof xattrs->list);
    if (len < 0 && errno != ENOTSUP && errno != ENOSYS)
        say(report, entry->path, "", errno);
    if (len <= 0)
        return;
    if (xattrs->values == NULL && (xattrs->values = malloc(VALUES_MAX)) == NULL) {
        say(report, entry->path, "", ENOMEM);
        return;
    }
    size_t used = 0;
    const char *end = xattrs->list + len;
    for (const char *name = xattrs->list; name < end; name += strlen(name) + 1) {
        /* With no room at all the kernel would tell the length instead. */
        bool fits =
            item->xattr_count < ATTRIBUTES_MAX && used < VALUES_MAX && strchr(name, '=') == NULL;
        ssize_t got = -1;
        errno = E2BIG;
        if (fits)
            got = get_value(&target, name, xattrs->values + used, VALUES_MAX - used);
        if (got < 0) {
            if (errno != ENODATA) /* removed meanwhile */
                say(report, entry->path, name, errno);
            continue;
        }
        xattrs->found[item->xattr_count++] =
            (struct tar_xattr){name, xattrs->values + used, (size_t)got};
        used += (size_t)got;
    }
    item->xattrs = xattrs->found;
}
