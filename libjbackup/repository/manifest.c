/* SPDX-License-Identifier: MIT */
/* What is known of a backup once its manifest has been read, and how it is read from its place. */
#include "repository/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

/* Every kind of artifact; its place in a backup is layout.c's. */
static const struct kind {
    const char *name;
    bool is_database;
} kinds[] = {
    [ARTIFACT_SQLITE] = {"sqlite", true},
    [ARTIFACT_POSTGRESQL] = {"postgresql", true},
    [ARTIFACT_POSTGRESQL_SQL] = {"postgresql_sql", false},
    [ARTIFACT_POSTGRESQL_GLOBALS] = {"postgresql_globals", false},
    [ARTIFACT_CODEBASE] = {"codebase", false},
    [ARTIFACT_INDEX] = {"index", false},
};

const char *jbi_artifact_kind_name(enum artifact_kind kind)
{
    return kinds[kind].name;
}

bool jbi_artifact_kind_is_database(enum artifact_kind kind)
{
    return kinds[kind].is_database;
}

int jbi_manifest_load(struct manifest *out, int category_fd, enum category category,
                      const char *timestamp, struct arena *arena, struct jb_error *err)
{
    char file[LAYOUT_NAME_SIZE], name[2 * LAYOUT_NAME_SIZE];
    scope_free char *text = NULL;
    size_t len = 0;
    jbi_manifest_name(file, timestamp);
    snprintf(name, sizeof name, "%s/%s", jbi_category_name(category), file);
    int code = jbi_file_read(category_fd, file, MANIFEST_SIZE_MAX, &text, &len, err);
    if (code == JB_OK)
        code = jbi_manifest_parse(out, text, len, name, arena, err);
    if (code < 0)
        return code;
    if (strcmp(out->timestamp, timestamp) != 0 || out->category != category)
        return jbi_fail(err, JB_ECORRUPT, "%s is out of place: it is the manifest of %s/%s", name,
                        jbi_category_name(out->category), out->timestamp);
    return JB_OK;
}

bool jbi_manifest_has_database(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->artifact_count; i++)
        if (kinds[manifest->artifacts[i].kind].is_database)
            return true;
    return false;
}

bool jbi_manifest_has_codebase(const struct manifest *manifest)
{
    return jbi_manifest_artifact(manifest, ARTIFACT_CODEBASE, NULL) != NULL;
}

const struct artifact *jbi_manifest_artifact(const struct manifest *manifest,
                                             enum artifact_kind kind, const char *name)
{
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        const struct artifact *artifact = &manifest->artifacts[i];
        if (artifact->kind != kind)
            continue;
        if (name == NULL || (artifact->name != NULL && strcmp(artifact->name, name) == 0))
            return artifact;
    }
    return NULL;
}
