/* SPDX-License-Identifier: MIT */
/* What waits to be sent. Invariant: an entry is whole or not there, nothing of a damaged one is
 * believed, and a number is never given twice while an entry has it. */
#include "repository/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/lock.h"

#define SPOOL_FOLDER   "spool"
#define SPOOL_LOCK     "spool.lock"    /* held while sending */
#define SPOOL_NUMBERS  "spool.numbers" /* held for a moment, while entries are written */
#define NUMBERS_WAIT_S 10
#define SPOOL_FORMAT   1
#define DIGITS         16
#define NUMBER_MAX     9999999999999999u
#define NAME_SIZE      (DIGITS + 6)
#define WORDS_MAX      1024 /* of what and error */

static void name_of(char to[NAME_SIZE], uint64_t number)
{
    snprintf(to, NAME_SIZE, "%016llu.json", (unsigned long long)(number % (NUMBER_MAX + 1)));
}

static bool number_of(const char *name, uint64_t *out)
{
    if (strlen(name) != NAME_SIZE - 1 || strspn(name, "0123456789") != DIGITS ||
        strcmp(name + DIGITS, ".json") != 0)
        return false;
    *out = strtoull(name, NULL, 10);
    return true;
}

/* -1 with errno. */
static int open_folder(const struct repository *repository, bool to_write)
{
    if (repository->state_fd < 0) {
        errno = ENOENT;
        return -1;
    }
    int fd = jbi_open_path(repository->state_fd, SPOOL_FOLDER, strlen(SPOOL_FOLDER));
    if (fd >= 0 || errno != ENOENT || !to_write)
        return fd;
    fd = jbi_make_path(repository->state_fd, SPOOL_FOLDER, strlen(SPOOL_FOLDER), 0700);
    if (fd >= 0 && fsync(repository->state_fd) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int take_lock(const struct repository *repository, const char *name, int wait_s,
                     const char *what, int *lock_fd, struct jb_error *err)
{
    static const struct hooks nobody = {0};
    *lock_fd = -1;
    if (repository->state_fd < 0)
        return jbi_fail(err, JB_ENOTFOUND, "%s has no .jbackup folder", repository->path);
    return jbi_lock_take(repository->state_fd, name, wait_s, what, &nobody, lock_fd, err);
}

int jbi_spool_lock(const struct repository *repository, int *lock_fd, struct jb_error *err)
{
    return take_lock(repository, SPOOL_LOCK, 0, "sending", lock_fd, err);
}

/* ---- The numbers ---- */

static int compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static int list(int folder_fd, struct arena *arena, uint64_t **out, size_t *count,
                struct jb_error *err)
{
    size_t room = 0;
    uint64_t number;
    *out = NULL;
    *count = 0;
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        jbi_fail_errno(err, JB_EIO, "cannot read .jbackup/" SPOOL_FOLDER);
        if (fd >= 0)
            close(fd);
        return JB_EIO;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!number_of(entry->d_name, &number))
            continue;
        if (*count == room) {
            room = room > 0 ? 2 * room : 64;
            *out = jbi_arena_grow(arena, *out, *count * sizeof number, room * sizeof number);
            if (*out == NULL)
                return jbi_fail_memory(err);
        }
        (*out)[(*count)++] = number;
    }
    if (*count > 0)
        qsort(*out, *count, sizeof number, compare);
    return JB_OK;
}

int jbi_spool_list(const struct repository *repository, struct arena *arena, uint64_t **out,
                   size_t *count, struct jb_error *err)
{
    scope_fd int folder_fd = open_folder(repository, false);
    *out = NULL;
    *count = 0;
    if (folder_fd < 0 && errno == ENOENT)
        return JB_OK;
    if (folder_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open .jbackup/" SPOOL_FOLDER);
    return list(folder_fd, arena, out, count, err);
}

/* ---- Reading ---- */

struct reading {
    const char *name;
    struct arena *arena;
    struct jb_error *err;
    int code;
};

static void refuse(struct reading *r, const char *key, const char *why)
{
    if (r->code == JB_OK)
        r->code = jbi_fail(r->err, JB_ECORRUPT, "%s is damaged: %s %s", r->name, key, why);
}

static const char *read_text(struct reading *r, const struct json *from, const char *key,
                             bool is_optional)
{
    const struct json *value = jbi_json_get(from, key);
    const char *text = jbi_json_text(value);
    if (text == NULL && !(is_optional && value != NULL && jbi_json_is_null(value)))
        refuse(r, key, "is not a text");
    if (text == NULL || r->code < 0)
        return NULL;
    char *copy = jbi_arena_text(r->arena, text);
    if (copy == NULL)
        r->code = jbi_fail_memory(r->err);
    return copy;
}

static int64_t read_number(struct reading *r, const struct json *from, const char *key, int64_t max)
{
    int64_t number = 0;
    if (!jbi_json_int(jbi_json_get(from, key), &number) || number < 0 || number > max)
        refuse(r, key, "is not a number that it may be");
    return number;
}

static void read_entry(struct reading *r, const struct json *from, struct spool_entry *out)
{
    if (!jbi_json_is_object(from))
        refuse(r, "all of it", "is not an object");
    if (read_number(r, from, "format", INT64_MAX) != SPOOL_FORMAT)
        refuse(r, "format", "is not 1");
    out->made_us = read_number(r, from, "made_us", INT64_MAX);
    out->tried_us = read_number(r, from, "tried_us", INT64_MAX);
    out->tries = (int)read_number(r, from, "tries", INT32_MAX);
    out->way = read_text(r, from, "way", false);
    out->what = read_text(r, from, "what", false);
    out->error = read_text(r, from, "error", true);
    out->body = read_text(r, from, "body", false);
    out->body_len = out->body != NULL ? strlen(out->body) : 0;
    if (out->body != NULL && out->body_len == 0)
        refuse(r, "body", "is empty");
    if (out->what != NULL && !jbi_is_printable(out->what, strlen(out->what)))
        refuse(r, "what", "is not printable");
    if (out->error != NULL && !jbi_is_printable(out->error, strlen(out->error)))
        refuse(r, "error", "is not printable");
}

static int load(int folder_fd, uint64_t number, struct arena *arena, struct spool_entry *out,
                struct jb_error *err)
{
    char name[NAME_SIZE];
    scope_free char *text = NULL;
    scope_json *root = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    *out = (struct spool_entry){.number = number};
    name_of(name, number);
    int code = jbi_file_read(folder_fd, name, SPOOL_ENTRY_MAX, &text, &len, &why);
    if (code == JB_ENOTFOUND || code == JB_ENOMEM)
        return jbi_fail(err, code, "%s", why.text);
    if (code < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s is damaged: %s", name, why.text);
    code = jbi_json_parse(&root, text, len, name, &why);
    if (code < 0)
        return jbi_fail(err, code == JB_ENOMEM ? code : JB_ECORRUPT, "%s is damaged: %s", name,
                        why.text);
    struct reading r = {name, arena, err, JB_OK};
    read_entry(&r, root, out);
    return r.code;
}

static int fail_absent(uint64_t number, struct jb_error *err)
{
    return jbi_fail(err, JB_ENOTFOUND, "entry %llu of the spool is gone",
                    (unsigned long long)number);
}

int jbi_spool_load(const struct repository *repository, uint64_t number, struct arena *arena,
                   struct spool_entry *out, struct jb_error *err)
{
    scope_fd int folder_fd = open_folder(repository, false);
    if (folder_fd < 0)
        return errno == ENOENT ? fail_absent(number, err)
                               : jbi_fail_errno(err, JB_EIO, "cannot open .jbackup/" SPOOL_FOLDER);
    return load(folder_fd, number, arena, out, err);
}

/* ---- Writing ---- */

static bool set_printable(struct json *to, const char *key, const char *text)
{
    char printable[WORDS_MAX];
    if (text != NULL)
        jbi_escape(printable, sizeof printable, text, strlen(text));
    return jbi_json_set_text(to, key, text != NULL ? printable : NULL);
}

static int write_entry(int folder_fd, const struct spool_entry *entry, struct jb_error *err)
{
    char name[NAME_SIZE];
    scope_json *root = jbi_json_object();
    name_of(name, entry->number);
    bool ok =
        jbi_json_set_int(root, "format", SPOOL_FORMAT) &&
        jbi_json_set_int(root, "made_us", entry->made_us) &&
        jbi_json_set_int(root, "tried_us", entry->tried_us) &&
        jbi_json_set_int(root, "tries", entry->tries) &&
        jbi_json_set_text(root, "way", entry->way) && set_printable(root, "what", entry->what) &&
        set_printable(root, "error", entry->error) && jbi_json_set_text(root, "body", entry->body);
    scope_free char *text = ok ? jbi_json_print(root, 1) : NULL;
    if (text == NULL)
        return jbi_fail_memory(err);
    size_t len = strlen(text);
    if (len > SPOOL_ENTRY_MAX)
        return jbi_fail(err, JB_EINVAL, "what is to be sent is too long to wait (%zu bytes)", len);
    return jbi_file_write_atomic(folder_fd, name, text, len, 0600, err);
}

static int remove_entry(int folder_fd, uint64_t number, struct jb_error *err)
{
    char name[NAME_SIZE];
    name_of(name, number);
    if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s\" from the spool", name);
    return fsync(folder_fd) == 0 ? JB_OK
                                 : jbi_fail_errno(err, JB_EIO, "cannot write the spool's folder");
}

/* The next number, and room for one more entry. */
static int make_room(int folder_fd, struct arena *arena, uint64_t *number, struct jb_error *err)
{
    uint64_t *numbers;
    size_t count;
    int code = list(folder_fd, arena, &numbers, &count, err);
    if (code < 0)
        return code;
    /* By the clock, so that a number that was sent is not soon another's. */
    int64_t now_us = jbi_now_us();
    *number = now_us > 0 && (uint64_t)now_us < NUMBER_MAX ? (uint64_t)now_us : 1;
    if (count > 0 && numbers[count - 1] >= *number)
        *number = numbers[count - 1] + 1;
    if (*number > NUMBER_MAX)
        return jbi_fail(err, JB_EIO,
                        "the spool has no number left: remove the last file in "
                        ".jbackup/" SPOOL_FOLDER);
    for (size_t i = 0; i + SPOOL_MAX <= count && code == JB_OK; i++)
        code = remove_entry(folder_fd, numbers[i], err);
    return code;
}

int jbi_spool_add(const struct repository *repository, struct spool_entry *entry,
                  struct arena *arena, struct jb_error *err)
{
    if (entry->body == NULL || entry->body_len == 0 || strlen(entry->body) != entry->body_len ||
        !jbi_is_utf8(entry->body, entry->body_len))
        return jbi_fail(err, JB_EINVAL, "what is to be sent is not a text");
    scope_fd int lock_fd = -1;
    int code = take_lock(repository, SPOOL_NUMBERS, NUMBERS_WAIT_S, "spooling", &lock_fd, err);
    if (code < 0)
        return code;
    scope_fd int folder_fd = open_folder(repository, true);
    if (folder_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make .jbackup/" SPOOL_FOLDER);
    code = make_room(folder_fd, arena, &entry->number, err);
    return code == JB_OK ? write_entry(folder_fd, entry, err) : code;
}

int jbi_spool_note(const struct repository *repository, const struct spool_entry *entry,
                   struct jb_error *err)
{
    struct arena arena = {0};
    struct spool_entry there;
    scope_fd int lock_fd = -1;
    int code = take_lock(repository, SPOOL_NUMBERS, NUMBERS_WAIT_S, "spooling", &lock_fd, err);
    if (code < 0)
        return code;
    scope_fd int folder_fd = open_folder(repository, false);
    /* One that had to make room in the meantime stays away. */
    code = folder_fd >= 0 ? load(folder_fd, entry->number, &arena, &there, err)
                          : fail_absent(entry->number, err);
    if (code == JB_OK) {
        there.tries = entry->tries;
        there.tried_us = entry->tried_us;
        there.error = entry->error;
        code = write_entry(folder_fd, &there, err);
    }
    jbi_arena_free(&arena);
    return code;
}

int jbi_spool_remove(const struct repository *repository, uint64_t number, struct jb_error *err)
{
    scope_fd int folder_fd = open_folder(repository, false);
    if (folder_fd < 0 && errno == ENOENT)
        return JB_OK;
    if (folder_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open .jbackup/" SPOOL_FOLDER);
    return remove_entry(folder_fd, number, err);
}
