/* SPDX-License-Identifier: MIT */
/* What of a backup takes the place of what. Invariant: a target is one that the configuration
 * names, of the kind of what the backup holds. */
#include "api/restore_choice.h"

#include "source/codebase_swap.h"
#include "source/postgresql_inplace.h"
#include "source/sqlite_swap.h"

/* What configures backups and the application here and now: with the passwords of today. */
const char *const jbi_restore_stays[] = {"jbackup.json", ".env", NULL};

static int add_codebase(const struct restore_choice *c, struct jb_error *err)
{
    const struct codebase_swap_what what = {
        .live = &c->t->target.code,
        .category_fd = jbi_category_fd(c->t->session, c->backup),
        .archive = jbi_manifest_artifact(c->backup, ARTIFACT_CODEBASE, NULL),
        .index = jbi_manifest_artifact(c->backup, ARTIFACT_INDEX, NULL),
        .path = c->path,
        .id = c->t->journal.id,
        .stays = jbi_restore_stays,
        .created_us = c->backup->created_us,
        .kept = jbi_transaction_kept(c->t),
    };
    if (what.kept == NULL)
        return jbi_fail_memory(err);
    if (what.archive == NULL || what.index == NULL) {
        jbi_fail(err, JB_ENOTFOUND, "backup %s holds no code", c->backup->timestamp);
        jbi_hint(err, "\"jbackup list\" shows which backups do");
        return JB_ENOTFOUND;
    }
    int code = jbi_codebase_swap_begin(&c->t->swaps[c->t->count], &what, err);
    c->t->count += code == JB_OK;
    return code;
}

static int fail_no_place(const struct restore_choice *c, const struct artifact *artifact,
                         struct jb_error *err)
{
    jbi_fail(err, JB_EINVAL, "the configuration does not say where the database \"%s\" is",
             artifact->name);
    jbi_hint(err,
             "name it in jbackup.json, or lay it out with \"jbackup restore --timestamp %s "
             "--database %s --to DIR\"",
             c->backup->timestamp, artifact->name);
    return JB_EINVAL;
}

/* Exchanged, or replaced where it is if this login can't have it exchanged. Where the server does
 * not say, staging tells why. */
static int begin_postgresql(const struct restore_choice *c, const struct postgresql_swap_what *what,
                            struct swap **out, struct jb_error *err)
{
    struct postgresql_inplace_what in_place = {
        .swap = *what,
        .folder_fd = c->t->session->repository.state_fd,
        .folder = jbi_transaction_folder(c->t),
    };
    struct jb_error unwanted = {0};
    int code = jbi_postgresql_inplace_why(what->live, &c->t->session->arena, &in_place.why,
                                          &in_place.hint, &unwanted);
    if (in_place.folder == NULL)
        return jbi_fail_memory(err);
    return code == JB_OK && in_place.why != NULL ? jbi_postgresql_inplace_begin(out, &in_place, err)
                                                 : jbi_postgresql_swap_begin(out, what, err);
}

static int add_database(const struct restore_choice *c, const struct artifact *artifact,
                        struct jb_error *err)
{
    const struct database *database =
        jbi_restore_target_database(&c->t->target, c->t->session->project, artifact->name);
    struct swap **out = &c->t->swaps[c->t->count];
    int category_fd = jbi_category_fd(c->t->session, c->backup);
    int code;
    if (database == NULL) {
        code = fail_no_place(c, artifact, err);
    } else if ((database->kind == DATABASE_SQLITE) != (artifact->kind == ARTIFACT_SQLITE)) {
        code = jbi_fail(err, JB_EINVAL, "the database \"%s\" of the backup is of another kind",
                        artifact->name);
    } else if (database->kind == DATABASE_SQLITE) {
        const struct sqlite_swap_what what = {&database->sqlite, category_fd, artifact,
                                              c->t->journal.id};
        code = jbi_sqlite_swap_begin(out, &what, err);
    } else {
        const struct postgresql_swap_what what = {&database->postgresql, category_fd, artifact,
                                                  c->t->journal.id};
        code = begin_postgresql(c, &what, out, err);
    }
    c->t->count += code == JB_OK;
    return code;
}

bool jbi_restore_wants(const struct artifact *artifact, const char *wanted)
{
    return jbi_artifact_kind_is_database(artifact->kind) &&
           (wanted == NULL || strcmp(wanted, artifact->name) == 0);
}

int jbi_restore_no_database(const struct manifest *backup, const char *wanted, struct jb_error *err)
{
    jbi_fail(err, JB_ENOTFOUND, "backup %s holds no database%s%s", backup->timestamp,
             wanted ? " " : "", wanted ? wanted : "");
    jbi_hint(err, "\"jbackup show %s\" lists what it holds", backup->timestamp);
    return JB_ENOTFOUND;
}

static int add_databases(const struct restore_choice *c, bool must_find, struct jb_error *err)
{
    const char *wanted = c->options->database;
    bool is_found = false;
    int code = JB_OK;
    for (size_t i = 0; i < c->backup->artifact_count && code == JB_OK; i++) {
        const struct artifact *artifact = &c->backup->artifacts[i];
        if (!jbi_restore_wants(artifact, wanted))
            continue;
        is_found = true;
        code = add_database(c, artifact, err);
    }
    return code == JB_OK && !is_found && must_find ? jbi_restore_no_database(c->backup, wanted, err)
                                                   : code;
}

/* Databases first: their exchange can be refused by others, the code's can't. */
int jbi_restore_choose(const struct restore_choice *c, struct jb_error *err)
{
    const struct jb_restore_options *options = c->options;
    bool only_code = c->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool only_databases = options->database != NULL || options->type == JB_TYPE_DATABASE;
    int code = only_code ? JB_OK : add_databases(c, only_databases, err);
    if (code == JB_OK && !only_databases && (only_code || jbi_manifest_has_codebase(c->backup)))
        code = add_codebase(c, err);
    return code;
}
