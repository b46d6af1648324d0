/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_INDEX_OPEN_H
#define JBI_API_INDEX_OPEN_H

#include "api/session.h"
#include "archive/index.h"

/* The index of a backup's code archive, open for reading. */
struct open_index {
    int fd;
    struct index_reader *reader;
};

/* 1, 0 if the backup holds no code, or a negative code. Close it in any case. */
int jbi_index_of_backup(struct open_index *index, struct session *session,
                        const struct manifest *backup, struct jb_error *err);
void jbi_index_of_backup_close(struct open_index *index);

#endif
