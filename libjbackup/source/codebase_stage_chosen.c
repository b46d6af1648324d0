/* SPDX-License-Identifier: MIT */
/* Laying out entries that are chosen one by one: the index is gone through in order, and of the
 * archive only the members that hold what is wanted are read. */
#include <string.h>

#include "base/error.h"
#include "source/codebase_stage_parts.h"

int jbi_stage_next(struct stage *stage, struct jb_error *err)
{
    if (stage->is_ahead) {
        stage->is_ahead = false;
        return 1;
    }
    stage->number = stage->count;
    int code = jbi_follow_next(&stage->follow, err);
    stage->count += code == 1;
    return code;
}

int jbi_stage_ask(struct stage *stage, struct jb_error *err)
{
    const struct stage_choice *choice = stage->choice;
    int code = jbi_progress(stage->job->hooks, "restore code", stage->written, 0, "bytes", err);
    return code < 0 ? code
                    : choice->want(choice->user, stage->number, &stage->follow.expected, err);
}

int jbi_stage_add_wanted(struct stage_choice *choice, uint64_t number,
                         const struct index_entry *entry, struct jb_error *err)
{
    struct stage_run *last = choice->run_count ? &choice->runs[choice->run_count - 1] : NULL;
    if (last != NULL && (last->member == entry->member || last->last + 1 == number)) {
        last->last = number;
        last->member = entry->member;
        return JB_OK;
    }
    if (choice->run_count == choice->run_room) {
        size_t room = choice->run_room ? 2 * choice->run_room : 64;
        choice->runs =
            jbi_arena_grow(choice->stage->arena, choice->runs,
                           choice->run_count * sizeof *choice->runs, room * sizeof *choice->runs);
        if (choice->runs == NULL)
            return jbi_fail_memory(err);
        choice->run_room = room;
    }
    choice->runs[choice->run_count++] = (struct stage_run){number, number, entry->member};
    return JB_OK;
}

/* The last entry that is read together with this one: itself if nobody knew of it before. */
static uint64_t run_end(struct stage_choice *choice, uint64_t number)
{
    while (choice->run_at < choice->run_count && choice->runs[choice->run_at].last < number)
        choice->run_at++;
    bool is_in = choice->run_at < choice->run_count && choice->runs[choice->run_at].first <= number;
    return is_in ? choice->runs[choice->run_at].last : number;
}

/* From the wanted entry at which follow stands. */
static int read_run(struct stage *stage, const struct stage_opened *opened, struct jb_error *err)
{
    struct index_entry first = stage->follow.expected;
    first.path = first.link = NULL;
    stage->run_last = run_end(stage->choice, stage->number);
    stage->is_ahead = true;
    int code = jbi_archive_read_from(opened->archive_fd, opened->archive_name, &first,
                                     &jbi_stage_visitor, stage, err);
    if (code == JB_OK && (stage->is_ahead || stage->number != stage->run_last))
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is in the index, but not in the archive",
                        stage->follow.expected.path);
    return code;
}

int jbi_stage_chosen(struct stage *stage, const struct stage_opened *opened, const char *below,
                     struct jb_error *err)
{
    int code = jbi_follow_begin(&stage->follow, opened->index_fd, opened->index_name, below, err);
    if (code < 0)
        return code;
    while (code == JB_OK && (code = jbi_stage_next(stage, err)) == 1) {
        code = jbi_stage_ask(stage, err);
        if (code == 1)
            code = read_run(stage, opened, err);
    }
    jbi_follow_end(&stage->follow);
    if (code == JB_OK && stage->count == 0) {
        jbi_fail(err, JB_ENOTFOUND, "there is no \"%s\" in the backup", below);
        jbi_hint(err, "\"jbackup files TIMESTAMP\" lists what is in it");
        return JB_ENOTFOUND;
    }
    return code;
}
