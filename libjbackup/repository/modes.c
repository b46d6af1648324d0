/* SPDX-License-Identifier: MIT */
/* Who else can read a repository. Only looks; mending is left to its owner. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/layout.h"

#define OTHERS (S_IRWXG | S_IRWXO)

/* word as one word of a shell command. */
static void add_shell_word(struct text *to, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    if (word[strspn(word, plain)] == '\0') {
        jbi_text_adds(to, word);
        return;
    }
    jbi_text_adds(to, "'");
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            jbi_text_adds(to, "'\\''");
        else
            jbi_text_add(to, c, 1);
    }
    jbi_text_adds(to, "'");
}

static void add_chmod_hint(jb_report *report, const char *change, const char *path)
{
    scope_text hint = {0};
    jbi_text_addf(&hint, "chmod %s ", change);
    add_shell_word(&hint, path);
    if (!hint.failed)
        jbi_finding_hint(report, "%s", hint.at);
}

/* How many entries of the folder, and of the folders in it down to depth, are open to others. */
static size_t count_lax(int folder_fd, int depth)
{
    size_t lax = 0;
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0)
        close(fd);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
            continue;
        lax += (st.st_mode & OTHERS) != 0;
        if (!S_ISDIR(st.st_mode) || depth == 0)
            continue;
        scope_fd int inner =
            openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            lax += count_lax(inner, depth - 1);
    }
    return lax;
}

static void check_folder(const struct repository *repository, const char *name, int fd, int depth,
                         jb_report *report)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    size_t lax = ((st.st_mode & OTHERS) != 0) + count_lax(fd, depth);
    if (lax == 0)
        return;
    scope_text path = {0};
    jbi_text_addf(&path, "%s/%s", repository->path, name);
    if (path.failed)
        return;
    jbi_finding(report, JB_WARNING, path.at, "%zu of its files and folders %s open to other users",
                lax, lax == 1 ? "is" : "are");
    add_chmod_hint(report, "-R go=", path.at);
}

void jbi_repository_check_modes(const struct repository *repository, jb_report *report)
{
    struct stat st;
    if (fstat(repository->fd, &st) == 0 && (st.st_mode & OTHERS) != 0) {
        jbi_finding(report, JB_WARNING, repository->path,
                    "the repository is open to other users (mode %04o)",
                    (unsigned)st.st_mode & 07777);
        add_chmod_hint(report, "700", repository->path);
    }
    check_folder(repository, ".jbackup", repository->state_fd, 0, report);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        check_folder(repository, jbi_category_name((enum category)i), repository->category_fd[i], 1,
                     report);
}
