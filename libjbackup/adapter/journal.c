/* SPDX-License-Identifier: MIT */
/* systemd's journal by its native protocol: one datagram, each field as NAME=value, or, where the
 * value has more than one line, NAME, its length in eight bytes (little endian) and its bytes.
 * Invariant: nothing in a value can become another field. */
#include "adapter/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"

static bool is_field_name(const char *name)
{
    return name[0] >= 'A' && name[0] <= 'Z' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

static void add_field(struct text *entry, const char *name, const char *value)
{
    size_t len = strnlen(value, JOURNAL_VALUE_MAX);
    if (memchr(value, '\n', len) == NULL) {
        jbi_text_addf(entry, "%s=", name);
    } else {
        uint64_t size = htole64(len);
        jbi_text_addf(entry, "%s\n", name);
        jbi_text_add(entry, (const char *)&size, sizeof size);
    }
    jbi_text_add(entry, value, len);
    jbi_text_adds(entry, "\n");
}

static int send_entry(const char *path, const struct text *entry, struct jb_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return jbi_fail(err, JB_EINVAL, "the path of the journal's socket is too long");
    memcpy(to.sun_path, path, strlen(path));
    scope_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make a socket for the journal");
    ssize_t sent = sendto(fd, entry->at, entry->len, MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&to, sizeof to);
    if (sent >= 0 || errno == ENOENT || errno == ECONNREFUSED)
        return JB_OK;
    return jbi_fail_errno(err, JB_EIO, "the journal at \"%s\" does not take an entry", path);
}

int jbi_journal_send(const char *path, const struct journal_field *fields, size_t count,
                     struct jb_error *err)
{
    scope_text entry = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_field_name(fields[i].name))
            return jbi_fail(err, JB_EINVAL, "\"%s\" is no name of a field", fields[i].name);
        if (fields[i].value != NULL)
            add_field(&entry, fields[i].name, fields[i].value);
    }
    if (entry.failed)
        return jbi_fail_memory(err);
    return entry.len > 0 ? send_entry(path, &entry, err) : JB_OK;
}
