/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_EXCHANGE_NAMES_H
#define JBI_SOURCE_EXCHANGE_NAMES_H

#include "source/exchange.h"

/* The folders that hold an item on both sides; -1: there is no such folder. */
struct exchange_names {
    int live_fd, aside_fd;
    const char *name;
};

int jbi_names_open(struct exchange_names *names, const struct exchange_sides *sides,
                   const char *path, struct jb_error *err);
void jbi_names_close(struct exchange_names *names);

/* A rename that overwrites nothing. */
int jbi_names_move(int from_fd, const char *from, int to_fd, const char *to, struct jb_error *err);
/* Both change places, at once if the file system can. */
int jbi_names_exchange(const struct exchange_names *names, int beside_fd, struct jb_error *err);
/* Ends an exchange by three renames that was cut off: the one between goes where it is missing. */
int jbi_names_settle(const struct exchange *exchange, const struct exchange_sides *sides,
                     struct jb_error *err);
bool jbi_names_are_between(const struct exchange_sides *sides);

#endif
