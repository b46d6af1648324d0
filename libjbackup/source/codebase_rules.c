/* SPDX-License-Identifier: MIT */
/* What a backup takes of a tree. The one place where this is decided: a restore must leave alone
 * just what a backup leaves out. */
#include "source/codebase_rules.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/sqlite.h"
#include "base/error.h"
#include "base/text.h"

/* Looks at each path; what is absent gets the inode 0, which no file has. */
static void look_at(const char *const *paths, size_t count, struct stat *out)
{
    for (size_t i = 0; i < count; i++) {
        if (stat(paths[i], &out[i]) < 0)
            out[i].st_ino = 0;
    }
}

int jbi_codebase_rules_begin(struct codebase_rules *rules, const struct codebase_source *source,
                             struct jb_error *err)
{
    *rules = (struct codebase_rules){
        .source = source,
        .repositories = calloc(source->repository_count + 1, sizeof(struct stat)),
        .databases = calloc(source->database_count + 1, sizeof(struct stat)),
    };
    if (rules->repositories == NULL || rules->databases == NULL) {
        jbi_codebase_rules_end(rules);
        return jbi_fail_memory(err);
    }
    look_at(source->database_files, source->database_count, rules->databases);
    look_at(source->repositories, source->repository_count, rules->repositories);
    return JB_OK;
}

void jbi_codebase_rules_end(struct codebase_rules *rules)
{
    free(rules->repositories);
    free(rules->databases);
    *rules = (struct codebase_rules){0};
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && b->st_ino != 0;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_database(const struct tree_entry *entry, const char *base, const struct stat *wanted)
{
    struct stat st;
    if (!entry->is_brief)
        return is_same_file(&entry->st, wanted);
    /* The list's inode number is a hint that costs nothing; file systems in layers may lie. */
    bool may_be = entry->st.st_ino == wanted->st_ino || strcmp(entry->name, base) == 0;
    return may_be && fstatat(entry->dir_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_same_file(&st, wanted);
}

/* A database file, or one that SQLite keeps beside it: "x.db-wal" beside "x.db". */
static bool is_database_file(const struct codebase_rules *rules, const struct tree_entry *entry)
{
    const struct codebase_source *source = rules->source;
    for (size_t i = 0; i < source->database_count; i++) {
        const char *base = base_of(source->database_files[i]);
        if (is_database(entry, base, &rules->databases[i]))
            return true;
        size_t len = strlen(base);
        if (strncmp(entry->name, base, len) != 0)
            continue;
        struct stat beside;
        bool is_beside = fstatat(entry->dir_fd, base, &beside, AT_SYMLINK_NOFOLLOW) == 0 &&
                         is_same_file(&beside, &rules->databases[i]);
        for (size_t j = 0; is_beside && j < COMPANIONS; j++) {
            if (strcmp(entry->name + len, jbi_companion_suffixes[j]) == 0)
                return true;
        }
    }
    return false;
}

static bool is_ours(const struct codebase_rules *rules, const struct tree_entry *entry)
{
    bool is_folder = S_ISDIR(entry->st.st_mode);
    for (size_t i = 0; is_folder && i < rules->source->repository_count; i++) {
        if (is_same_file(&entry->st, &rules->repositories[i]))
            return true;
    }
    return S_ISREG(entry->st.st_mode) && is_database_file(rules, entry);
}

bool jbi_codebase_is_left_out(const struct codebase_rules *rules, const struct tree_entry *entry,
                              bool is_folder)
{
    return jbi_starts_with(entry->name, CODEBASE_SWAP_PREFIX) ||
           jbi_is_excluded(rules->source->exclude, entry->path, is_folder);
}

enum codebase_part jbi_codebase_part(const struct codebase_rules *rules,
                                     const struct tree_entry *entry)
{
    bool is_folder = S_ISDIR(entry->st.st_mode);
    if (jbi_starts_with(entry->name, CODEBASE_SWAP_PREFIX) || is_ours(rules, entry))
        return PART_OURS;
    if (jbi_is_excluded(rules->source->exclude, entry->path, is_folder))
        return PART_EXCLUDED;
    if (strlen(entry->path) > CODEBASE_PATH_MAX)
        return PART_TOO_LONG;
    if (is_folder && entry->is_mount && rules->source->one_file_system)
        return PART_MOUNTED;
    if (S_ISSOCK(entry->st.st_mode))
        return PART_SOCKET;
    bool is_device = S_ISCHR(entry->st.st_mode) || S_ISBLK(entry->st.st_mode);
    return is_device ? PART_DEVICE : PART_TAKEN;
}

bool jbi_codebase_is_staying(const char *const *stays, const char *path, const char *entry)
{
    for (; path == NULL && stays != NULL && *stays != NULL; stays++)
        if (strcmp(*stays, entry) == 0)
            return true;
    return false;
}
