/* SPDX-License-Identifier: MIT */
/*
 * A ring of jobs: [first, given) are under way, of which [first, taken) were picked up by a thread.
 * Jobs are taken back at first, so in the order in which they were given.
 */
#include "os/pipeline.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/error.h"

#define WORKERS_MAX 32

struct slot {
    void *job;
    bool is_done;
};

struct pipeline_thread {
    struct pipeline *pipeline;
    pthread_t id;
    unsigned number;
};

struct pipeline {
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_result;
    pipeline_work work;
    void *user;
    struct slot *slots;
    unsigned room;
    uint64_t first, taken, given;
    bool is_ending;
    struct pipeline_thread threads[WORKERS_MAX];
    unsigned thread_count;
};

static void *thread_run(void *arg)
{
    struct pipeline_thread *self = arg;
    struct pipeline *pipeline = self->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    for (;;) {
        while (pipeline->taken == pipeline->given && !pipeline->is_ending)
            pthread_cond_wait(&pipeline->has_work, &pipeline->lock);
        if (pipeline->is_ending)
            break;
        struct slot *slot = &pipeline->slots[pipeline->taken++ % pipeline->room];
        pthread_mutex_unlock(&pipeline->lock);
        pipeline->work(pipeline->user, self->number, slot->job);
        pthread_mutex_lock(&pipeline->lock);
        slot->is_done = true;
        pthread_cond_signal(&pipeline->has_result);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

/* Starts the threads with all signals blocked: they belong to the caller's own threads. */
static int threads_start(struct pipeline *pipeline, unsigned workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = 0;
    for (unsigned i = 0; i < workers && why == 0; i++) {
        struct pipeline_thread *thread = &pipeline->threads[i];
        *thread = (struct pipeline_thread){.pipeline = pipeline, .number = i};
        why = pthread_create(&thread->id, NULL, thread_run, thread);
        if (why == 0)
            pipeline->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pipeline->thread_count > 0 ? 0 : why;
}

int jbi_pipeline_new(struct pipeline **out, unsigned workers, unsigned room, pipeline_work work,
                     void *user, struct jb_error *err)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    struct slot *slots = calloc(room, sizeof *slots);
    if (pipeline == NULL || slots == NULL) {
        free(pipeline);
        free(slots);
        return jbi_fail_memory(err);
    }
    pipeline->slots = slots;
    pipeline->room = room;
    pipeline->work = work;
    pipeline->user = user;
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->has_work, NULL);
    pthread_cond_init(&pipeline->has_result, NULL);
    if (threads_start(pipeline, workers < WORKERS_MAX ? workers : WORKERS_MAX) != 0) {
        jbi_pipeline_free(pipeline);
        return jbi_fail(err, JB_EIO, "cannot start a thread");
    }
    *out = pipeline;
    return JB_OK;
}

void jbi_pipeline_submit(struct pipeline *pipeline, void *job)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->slots[pipeline->given++ % pipeline->room] = (struct slot){.job = job};
    pthread_cond_signal(&pipeline->has_work);
    pthread_mutex_unlock(&pipeline->lock);
}

void *jbi_pipeline_next(struct pipeline *pipeline)
{
    if (pipeline->first == pipeline->given)
        return NULL;
    pthread_mutex_lock(&pipeline->lock);
    struct slot *slot = &pipeline->slots[pipeline->first % pipeline->room];
    while (!slot->is_done)
        pthread_cond_wait(&pipeline->has_result, &pipeline->lock);
    pipeline->first++;
    pthread_mutex_unlock(&pipeline->lock);
    return slot->job;
}

void jbi_pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->is_ending = true;
    pthread_cond_broadcast(&pipeline->has_work);
    pthread_mutex_unlock(&pipeline->lock);
    for (unsigned i = 0; i < pipeline->thread_count; i++)
        pthread_join(pipeline->threads[i].id, NULL);
    pthread_cond_destroy(&pipeline->has_work);
    pthread_cond_destroy(&pipeline->has_result);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline->slots);
    free(pipeline);
}

unsigned jbi_worker_count(unsigned jobs)
{
    cpu_set_t set;
    if (jobs == 0)
        jobs = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    return jobs < 1 ? 1 : jobs > WORKERS_MAX ? WORKERS_MAX : jobs;
}
