/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_PIPELINE_H
#define JBI_OS_PIPELINE_H

#include <jbackup.h>
#include <stdbool.h>

/*
 * Work done by several threads, taken back in the order in which it was given. The caller's thread
 * gives and takes; the threads only run work(). All signals are blocked in them.
 *
 *     submit(job) ----> [ queue ] ---> work() on any thread ---> [ done ] ---> next(): oldest job
 */
struct pipeline;
typedef void (*pipeline_work)(void *user, unsigned worker, void *job);

/* room is how many jobs may be under way at once; the caller never submits more. */
int jbi_pipeline_new(struct pipeline **out, unsigned workers, unsigned room, pipeline_work work,
                     void *user, struct jb_error *err);
void jbi_pipeline_submit(struct pipeline *pipeline, void *job);
void *
jbi_pipeline_next(struct pipeline *pipeline); /* waits for the oldest job; NULL: none is left */
/* Waits for what is running. NULL is fine. */
void jbi_pipeline_free(struct pipeline *pipeline);

/* jobs as configured, 0 meaning as many as this process may use; at least 1, at most 32. */
unsigned jbi_worker_count(unsigned jobs);

#endif
