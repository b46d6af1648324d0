/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RETENTION_MODEL_H
#define JBI_API_RETENTION_MODEL_H

#include "api/project.h"
#include "api/retention_trial.h"
#include "api/scratch.h"

/* What a backup has in its category. The artifacts come first: the database (which lies in a
 * folder), the archive and the index. */
enum { DATABASE_FILE, ARCHIVE_FILE, INDEX_FILE, CHECKSUMS_FILE, MANIFEST_FILE, BACKUP_FILES };
#define MODEL_ARTIFACTS CHECKSUMS_FILE

/* A project of one file and an empty database, and its backup. */
struct retention_model {
    jb_project *project;
    int fd; /* the scratch folder */
    char path[PATH_MAX];
    struct arena arena;
    struct manifest manifest;
    struct artifact artifacts[MODEL_ARTIFACTS];
    char *content[MODEL_ARTIFACTS];
};

/* In the scratch folder, with the retention and the progress hook of the user's project. To be
 * freed also after a failure. */
int jbi_model_make(struct retention_model *model, const struct scratch *scratch,
                   const jb_project *user, struct jb_error *err);
void jbi_model_free(struct retention_model *model);

/* Lays the model down as the backup that is described. */
int jbi_model_copy(const struct retention_model *model, const struct repository *repository,
                   const struct trial_backup *backup, int64_t sequence, struct jb_error *err);
/* A new file. */
int jbi_model_write(int dir_fd, const char *name, const void *from, size_t len,
                    struct jb_error *err);

/* The name of a file (or folder) of the backup in its category; false: it has none of that kind. */
bool jbi_model_file(char to[LAYOUT_NAME_SIZE], const struct retention_model *model, size_t index,
                    const struct trial_backup *backup);
/* The path in its category that an artifact has in the backup of that time. */
void jbi_model_artifact(char to[LAYOUT_NAME_SIZE], const struct retention_model *model,
                        size_t index, const char *timestamp);

#endif
