/* SPDX-License-Identifier: MIT */
/* Opening the index of a backup. */
#include "api/index_open.h"

#include <unistd.h>

#include "os/file.h"

int jbi_index_of_backup(struct open_index *index, struct session *session,
                        const struct manifest *backup, struct jb_error *err)
{
    const struct artifact *artifact = jbi_manifest_artifact(backup, ARTIFACT_INDEX, NULL);
    *index = (struct open_index){.fd = -1};
    if (artifact == NULL)
        return 0;
    int code = jbi_open_regular(jbi_category_fd(session, backup), artifact->path, &index->fd, err);
    if (code == JB_OK)
        code = jbi_index_open(&index->reader, index->fd, artifact->path, err);
    return code < 0 ? code : 1;
}

void jbi_index_of_backup_close(struct open_index *index)
{
    jbi_index_close(index->reader);
    if (index->fd >= 0)
        close(index->fd);
}
