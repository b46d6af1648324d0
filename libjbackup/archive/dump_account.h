/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_ACCOUNT_H
#define JBI_ARCHIVE_DUMP_ACCOUNT_H

#include "archive/dump_toc.h"

/* Takes account of what is in the data of a dump, block by block: rows and digests. */
#define DUMP_END_MARK      "\\.\n\n\n"
#define DUMP_END_MARK_SIZE 5

struct dump_account {
    struct dump_contents *contents;
    struct digest *stream;  /* of the table or large object under way */
    struct digest *objects; /* of the lines of all large objects */
    unsigned char tail[DUMP_END_MARK_SIZE];
    size_t tail_len; /* bytes that may be of the end mark */
    uint64_t rows;
    bool is_at_row; /* before the tail a row has ended, or none was */
    uint64_t object_bytes;
};

bool jbi_account_begin(struct dump_account *account, struct dump_contents *contents);
void jbi_account_free(struct dump_account *account);

void jbi_account_table(struct dump_account *account);
void jbi_account_table_data(struct dump_account *account, const unsigned char *from, size_t len);
/* False: the table's data does not end with the end mark. */
bool jbi_account_table_end(struct dump_account *account, const struct dump_entry *entry);

void jbi_account_object(struct dump_account *account);
void jbi_account_object_data(struct dump_account *account, const unsigned char *from, size_t len);
void jbi_account_object_end(struct dump_account *account, uint32_t oid);

/* After the last block. */
void jbi_account_end(struct dump_account *account);

#endif
