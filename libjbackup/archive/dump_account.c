/* SPDX-License-Identifier: MIT */
/* Rows and digests of a dump's data. Invariant: the last bytes of a table are held back until it is
 * known whether they are its end mark, which is no row and in no digest. */
#include "archive/dump_account.h"

#include <stdio.h>
#include <string.h>

bool jbi_account_begin(struct dump_account *account, struct dump_contents *contents)
{
    *account = (struct dump_account){.contents = contents};
    account->stream = jbi_digest_new();
    account->objects = jbi_digest_new();
    if (account->stream == NULL || account->objects == NULL)
        return false;
    jbi_digest_begin(account->objects);
    return true;
}

void jbi_account_free(struct dump_account *account)
{
    jbi_digest_free(account->stream);
    jbi_digest_free(account->objects);
}

void jbi_account_table(struct dump_account *account)
{
    jbi_digest_begin(account->stream);
    account->tail_len = 0;
    account->rows = 0;
    account->is_at_row = true;
}

static void count_rows(struct dump_account *account, const unsigned char *from, size_t len)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < len; i++)
        rows += from[i] == '\n';
    account->rows += rows;
    account->is_at_row = len > 0 ? from[len - 1] == '\n' : account->is_at_row;
    jbi_digest_add(account->stream, from, len);
}

void jbi_account_table_data(struct dump_account *account, const unsigned char *from, size_t len)
{
    account->contents->raw_size += len;
    if (len < DUMP_END_MARK_SIZE) {
        /* Too short to replace the tail: what it pushes out of it is of a row. */
        unsigned char both[2 * DUMP_END_MARK_SIZE];
        memcpy(both, account->tail, account->tail_len);
        memcpy(both + account->tail_len, from, len);
        size_t total = account->tail_len + len;
        size_t out = total > DUMP_END_MARK_SIZE ? total - DUMP_END_MARK_SIZE : 0;
        count_rows(account, both, out);
        account->tail_len = total - out;
        memcpy(account->tail, both + out, account->tail_len);
        return;
    }
    count_rows(account, account->tail, account->tail_len);
    count_rows(account, from, len - DUMP_END_MARK_SIZE);
    memcpy(account->tail, from + len - DUMP_END_MARK_SIZE, DUMP_END_MARK_SIZE);
    account->tail_len = DUMP_END_MARK_SIZE;
}

bool jbi_account_table_end(struct dump_account *account, const struct dump_entry *entry)
{
    struct table *table = &account->contents->tables[account->contents->table_count++];
    *table = (struct table){
        .schema = entry->schema,
        .name = entry->name,
        .columns = entry->columns,
        .rows = account->rows,
    };
    jbi_digest_end(account->stream, table->sha256);
    return account->is_at_row && account->tail_len == DUMP_END_MARK_SIZE &&
           memcmp(account->tail, DUMP_END_MARK, DUMP_END_MARK_SIZE) == 0;
}

void jbi_account_object(struct dump_account *account)
{
    jbi_digest_begin(account->stream);
    account->object_bytes = 0;
}

void jbi_account_object_data(struct dump_account *account, const unsigned char *from, size_t len)
{
    account->contents->raw_size += len;
    account->object_bytes += len;
    jbi_digest_add(account->stream, from, len);
}

void jbi_account_object_end(struct dump_account *account, uint32_t oid)
{
    char hex[SHA256_HEX_SIZE], line[SHA256_HEX_SIZE + 64];
    jbi_digest_end(account->stream, hex);
    snprintf(line, sizeof line, "%u %llu %s\n", oid, (unsigned long long)account->object_bytes,
             hex);
    jbi_digest_add(account->objects, line, strlen(line));
    account->contents->large_objects.count++;
    account->contents->large_objects.bytes += account->object_bytes;
}

void jbi_account_end(struct dump_account *account)
{
    if (account->contents->large_objects.count > 0)
        jbi_digest_end(account->objects, account->contents->large_objects.sha256);
}
