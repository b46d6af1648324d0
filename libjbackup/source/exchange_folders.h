/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_EXCHANGE_FOLDERS_H
#define JBI_SOURCE_EXCHANGE_FOLDERS_H

#include "source/exchange.h"

/* Gives the owner the right to change the folders that withhold it; who can't will hear it from
 * the rename. */
void jbi_folders_open_up(const struct exchange *exchange, const struct exchange_sides *sides);
/* Gives them back mode and time, on whichever side they are. */
int jbi_folders_settle(const struct exchange *exchange, const struct exchange_sides *sides,
                       struct jb_error *err);
/* All renames reach the disk. */
int jbi_folders_sync(const struct exchange *exchange, const struct exchange_sides *sides,
                     struct jb_error *err);

#endif
