/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_FOLLOWER_H
#define JBI_OS_FOLLOWER_H

#include <jbackup.h>

/*
 * A thread that works its way along something that grows, a file say, while the caller goes on:
 *
 *     0 ......... done ......... told           tell() never waits, wait() does until done is told
 *
 * All signals are blocked in it.
 */
struct follower;
/* Works on [from, to), which is never empty, and follows what was worked on before. 0, or an errno:
 * then nothing more is worked on. */
typedef int (*follower_work)(void *user, uint64_t from, uint64_t to);

/* work is called with step at most. */
int jbi_follower_new(struct follower **out, uint64_t step, follower_work work, void *user,
                     struct jb_error *err);
void jbi_follower_tell(struct follower *follower, uint64_t end);
int jbi_follower_wait(struct follower *follower); /* 0, or what work gave */
/* Waits for what is running; what is left then is not worked on. NULL is fine. */
void jbi_follower_free(struct follower *follower);

#endif
