/* SPDX-License-Identifier: MIT */
/* Databases in the place that a backup is restored to. Invariant: none takes the place of anything
 * else in the backup. */
#include "api/restore_database.h"

#include "api/index_open.h"
#include "archive/untar.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/lay_out.h"
#include "source/sqlite.h"

#define ENCODING_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

/* The name of the file that an artifact becomes: that of the database file, or what stands behind
 * "postgresql_" in the repository. NULL: the artifact is no database's. */
static const char *base_of(const struct artifact *artifact)
{
    if (artifact->kind == ARTIFACT_CODEBASE || artifact->kind == ARTIFACT_INDEX)
        return NULL;
    bool is_sqlite = artifact->kind == ARTIFACT_SQLITE;
    const char *path = is_sqlite ? artifact->from : artifact->path;
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *base = slash ? slash + 1 : "";
    if (!is_sqlite)
        return jbi_starts_with(base, "postgresql_") ? base + strlen("postgresql_") : base;
    return *base ? base : artifact->name;
}

/* Whether another artifact of the backup becomes a file of the same name. */
static bool is_base_shared(const struct manifest *backup, const struct artifact *artifact)
{
    const char *base = base_of(artifact);
    for (size_t i = 0; i < backup->artifact_count; i++) {
        const struct artifact *other = &backup->artifacts[i];
        const char *its_base = base_of(other);
        if (other != artifact && its_base != NULL && strcmp(its_base, base) == 0)
            return true;
    }
    return false;
}

/* Whether the archive has something at path, or anything but folders on the way to it (a link to a
 * shared folder, say): 1, 0, or a negative code. */
static int is_place_taken(const struct database_target *target, const char *path,
                          struct jb_error *err)
{
    struct open_index index;
    struct index_entry entry;
    size_t whole = strlen(path), len = 0;
    bool is_taken = false;
    int code = jbi_index_of_backup(&index, target->session, target->backup, err);
    while (code > 0 && !is_taken && len < whole) {
        len += (path[len] == '/') + strcspn(path + len + (path[len] == '/'), "/");
        const char *folder = jbi_arena_textn(&target->session->arena, path, len);
        code =
            folder ? jbi_index_next_below(index.reader, folder, &entry, err) : jbi_fail_memory(err);
        is_taken = code > 0 && strcmp(entry.path, folder) == 0 &&
                   (len == whole || entry.type != TAR_FOLDER);
    }
    jbi_index_of_backup_close(&index);
    return code < 0 ? code : is_taken;
}

/* Where an SQLite database belongs: at its place in the code tree if it lay there and the code is
 * restored, too; else in databases/ beside the code, or alone. Those whose files have the same name
 * get a folder each. */
static int sqlite_place(const struct database_target *target, const struct artifact *artifact,
                        const char **place, struct jb_error *err)
{
    const struct artifact *archive = jbi_manifest_artifact(target->backup, ARTIFACT_CODEBASE, NULL);
    const char *from = artifact->from ? artifact->from : "";
    const char *root = target->with_code && archive && archive->from ? archive->from : NULL;
    size_t len = root ? strlen(root) : 0;
    if (root != NULL && strncmp(from, root, len) == 0 && from[len] == '/' &&
        jbi_is_safe_path(from + len + 1)) {
        *place = from + len + 1;
        int is_taken = is_place_taken(target, *place, err);
        if (is_taken <= 0)
            return is_taken;
    }
    bool is_shared = is_base_shared(target->backup, artifact);
    *place =
        jbi_arena_printf(&target->session->arena, "%s%s%s%s", root ? "databases/" : "",
                         is_shared ? artifact->name : "", is_shared ? "/" : "", base_of(artifact));
    return *place ? JB_OK : jbi_fail_memory(err);
}

/* The open folder of a place below the target, and the name in it. */
static int open_folder_of(const struct database_target *target, const char *place, int *dir_fd,
                          const char **base, struct jb_error *err)
{
    if (!jbi_is_safe_path(place))
        return jbi_fail(err, JB_ECORRUPT, "the manifest names \"%s\" as a database file", place);
    const char *slash = strrchr(place, '/');
    *base = slash ? slash + 1 : place;
    *dir_fd = jbi_make_path(target->to_fd, place, slash ? (size_t)(slash - place) : 0, 0700);
    if (*dir_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make the folder of \"%s\"", place);
    return JB_OK;
}

static void report_database(const struct database_target *target, const struct artifact *artifact,
                            const char *place)
{
    jb_report *report = target->session->report;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "database", artifact->name);
    jbi_row_text(report, row, "path", place);
}

static int sqlite_lay_out(const struct database_target *target, const struct artifact *artifact,
                          struct jb_error *err)
{
    struct session *session = target->session;
    const char *place, *base;
    scope_fd int dir_fd = -1;
    int code = sqlite_place(target, artifact, &place, err);
    if (code == JB_OK)
        code = open_folder_of(target, place, &dir_fd, &base, err);
    if (code < 0)
        return code;
    struct source_job job = jbi_session_job(session, target->backup->timestamp, dir_fd);
    code = jbi_sqlite_stage(&job, jbi_category_fd(session, target->backup), artifact, dir_fd, base,
                            err);
    if (code == JB_OK)
        report_database(target, artifact, place);
    return code;
}

/* ---- PostgreSQL ---------------------------------------------------------------------------- */

/* Where dumps lie beside the code: in databases/, or in another folder where the code itself has
 * files of their names there. */
static int folder_beside_code(const struct database_target *target,
                              const struct artifact *const *files, size_t count, const char **out,
                              struct jb_error *err)
{
    struct arena *arena = &target->session->arena;
    *out = "";
    int is_taken = target->with_code;
    for (int n = 1; is_taken > 0; n++) {
        *out = n == 1 ? "databases/" : jbi_arena_printf(arena, "databases-%d/", n);
        is_taken = 0;
        for (size_t i = 0; i < count && is_taken == 0; i++) {
            const char *place =
                *out ? jbi_arena_printf(arena, "%s%s", *out, base_of(files[i])) : NULL;
            is_taken = place ? is_place_taken(target, place, err) : jbi_fail_memory(err);
        }
    }
    return is_taken;
}

/* Appends a word as a shell reads it. */
static void add_quoted(struct text *to, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./-+,:";
    if (word[0] != '-' && word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        jbi_text_adds(to, word);
        return;
    }
    jbi_text_adds(to, "'");
    for (const char *c = word; *c != '\0'; c++)
        jbi_text_add(to, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
    jbi_text_adds(to, "'");
}

/* A database's name where a connection string would be taken for one, too. */
static void add_database(struct text *to, const char *name)
{
    scope_text conninfo = {0};
    if (strchr(name, '=') == NULL && strstr(name, "://") == NULL) {
        add_quoted(to, name);
        return;
    }
    jbi_text_adds(&conninfo, "dbname='");
    for (const char *c = name; *c != '\0'; c++)
        jbi_text_addf(&conninfo, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
    jbi_text_adds(&conninfo, "'");
    add_quoted(to, conninfo.at ? conninfo.at : "");
    to->failed = to->failed || conninfo.failed;
}

/* With -j, for then COPY begins in an empty file and leaves the rows in their order. */
static void tell_how_to_load(const struct database_target *target, const struct artifact *artifact,
                             const char *place)
{
    jb_report *report = target->session->report;
    const char *name = artifact->postgresql->database;
    scope_text hint = {0}, path = {0};
    jbi_text_addf(&path, "%s%s%s", target->to, jbi_ends_with(target->to, "/") ? "" : "/", place);
    const char *encoding = artifact->postgresql->encoding;
    jbi_text_adds(&hint, "createdb -T template0 ");
    if (encoding != NULL && strspn(encoding, ENCODING_CHARS) == strlen(encoding))
        jbi_text_addf(&hint, "-E %s ", encoding);
    add_quoted(&hint, name ? name : artifact->name);
    jbi_text_adds(&hint, "; pg_restore -j 2 -d ");
    add_database(&hint, name ? name : artifact->name);
    jbi_text_adds(&hint, " ");
    add_quoted(&hint, path.at ? path.at : place);
    report->failed = report->failed || path.failed || hint.failed;
    jbi_finding(report, JB_INFO, place, "database \"%s\" is laid out as a dump, not loaded",
                artifact->name);
    jbi_finding_hint(report, "%s", hint.at ? hint.at : "");
}

static int postgresql_lay_out(const struct database_target *target, const struct artifact *artifact,
                              struct jb_error *err)
{
    struct session *session = target->session;
    const struct artifact *files[3] = {artifact};
    const char *folder, *dump = NULL;
    size_t count = 1;
    for (int kind = ARTIFACT_POSTGRESQL_SQL; kind <= ARTIFACT_POSTGRESQL_GLOBALS; kind++) {
        files[count] =
            jbi_manifest_artifact(target->backup, (enum artifact_kind)kind, artifact->name);
        count += files[count] != NULL;
    }
    int code = folder_beside_code(target, files, count, &folder, err);
    for (size_t i = 0; i < count && code == JB_OK; i++) {
        scope_fd int dir_fd = -1;
        const char *base;
        const char *place = jbi_arena_printf(&session->arena, "%s%s", folder, base_of(files[i]));
        code = place ? open_folder_of(target, place, &dir_fd, &base, err) : jbi_fail_memory(err);
        if (code == JB_OK)
            code = jbi_artifact_lay_out(&session->project->hooks,
                                        jbi_category_fd(session, target->backup), files[i], dir_fd,
                                        base, err);
        dump = i == 0 ? place : dump;
    }
    if (code == JB_OK) {
        report_database(target, artifact, dump);
        tell_how_to_load(target, artifact, dump);
    }
    return code;
}

int jbi_database_lay_out(const struct database_target *target, const struct artifact *artifact,
                         struct jb_error *err)
{
    return artifact->kind == ARTIFACT_SQLITE ? sqlite_lay_out(target, artifact, err)
                                             : postgresql_lay_out(target, artifact, err);
}
