/* SPDX-License-Identifier: MIT */
/* Single files out of an archive, each under its number in a list. */
#include <stdio.h>

#include "base/error.h"
#include "os/tree.h"
#include "source/codebase_reuse.h"
#include "source/codebase_stage_parts.h"

struct pick {
    const struct linked_files *files;
    const bool *is_wanted;
    struct stage *stage;
    size_t at; /* of the list: entries before it have come */
    char name[24];
};

/* Moves on to the first wanted file that does not come before path; whether that is it. */
static bool is_next(struct pick *pick, const char *path)
{
    while (
        pick->at < pick->files->count &&
        (!pick->is_wanted[pick->at] || jbi_tree_order(pick->files->items[pick->at].path, path) < 0))
        pick->at++;
    return pick->at < pick->files->count &&
           jbi_tree_order(pick->files->items[pick->at].path, path) == 0;
}

static int want(void *user, uint64_t number, const struct index_entry *entry, struct jb_error *err)
{
    struct pick *pick = user;
    (void)number;
    (void)err;
    if (!is_next(pick, entry->path) || entry->type != TAR_FILE)
        return 0;
    snprintf(pick->name, sizeof pick->name, "%zu", pick->at);
    pick->stage->as = pick->name;
    return 1;
}

static int not_there(const struct pick *pick, const char *index_name, struct jb_error *err)
{
    return jbi_fail(err, JB_ECORRUPT, "the file \"%s\" is not in \"%s\"",
                    pick->files->items[pick->at].path, index_name);
}

/* The index once, for what is read together. */
static int note_wanted(struct pick *pick, struct stage_choice *choice,
                       const struct stage_opened *opened, struct jb_error *err)
{
    struct index_reader *index;
    struct index_entry entry;
    size_t left = 0;
    for (size_t i = 0; i < pick->files->count; i++)
        left += pick->is_wanted[i];
    int code = jbi_index_open(&index, opened->index_fd, opened->index_name, err);
    if (code < 0)
        return code;
    for (uint64_t number = 0; left > 0 && code >= 0; number++) {
        code = jbi_index_next(index, &entry, err);
        if (code < 1)
            break;
        if (!is_next(pick, entry.path) || entry.type != TAR_FILE)
            continue;
        code = jbi_stage_add_wanted(choice, number, &entry, err);
        pick->at++;
        left--;
    }
    jbi_index_close(index);
    if (code >= 0 && left > 0)
        code = pick->at < pick->files->count
                   ? not_there(pick, opened->index_name, err)
                   : jbi_fail(err, JB_ECORRUPT, "%zu files are not in \"%s\"", left,
                              opened->index_name);
    pick->at = 0;
    return code;
}

static int choose(void *user, struct stage_choice *choice, const struct stage_opened *opened,
                  struct jb_error *err)
{
    struct pick *pick = user;
    pick->stage = choice->stage;
    choice->want = want;
    choice->user = pick;
    int code = note_wanted(pick, choice, opened, err);
    return code < 0 ? code : 1;
}

int jbi_codebase_pick(const struct source_job *job, int category_fd, const struct artifact *archive,
                      const struct artifact *index, int dir_fd, const struct linked_files *files,
                      const bool *is_wanted, struct jb_error *err)
{
    struct pick pick = {.files = files, .is_wanted = is_wanted};
    const struct stage_what what = {category_fd, archive, index, dir_fd, NULL, choose, &pick};
    struct codebase_staged staged;
    return jbi_stage_lay_out(job, &what, &staged, err);
}
