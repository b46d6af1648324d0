/* SPDX-License-Identifier: MIT */
/* One thread behind one counter. Invariant: [0, done) has been worked on, done <= told. */
#include "os/follower.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

struct follower {
    pthread_mutex_t lock;
    pthread_cond_t is_told, is_done;
    pthread_t thread;
    follower_work work;
    void *user;
    uint64_t step, done, told;
    int failed; /* an errno */
    bool is_ending;
};

static bool has_work(const struct follower *follower)
{
    return follower->done < follower->told && follower->failed == 0;
}

static void *follower_run(void *arg)
{
    struct follower *follower = arg;
    pthread_mutex_lock(&follower->lock);
    while (!follower->is_ending) {
        if (!has_work(follower)) {
            pthread_cond_signal(&follower->is_done);
            pthread_cond_wait(&follower->is_told, &follower->lock);
            continue;
        }
        uint64_t from = follower->done, left = follower->told - from;
        uint64_t to = from + (left < follower->step ? left : follower->step);
        pthread_mutex_unlock(&follower->lock);
        int failed = follower->work(follower->user, from, to);
        pthread_mutex_lock(&follower->lock);
        follower->failed = failed;
        follower->done = to;
    }
    pthread_mutex_unlock(&follower->lock);
    return NULL;
}

static int thread_start(struct follower *follower)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&follower->thread, NULL, follower_run, follower);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

static void release(struct follower *follower)
{
    pthread_cond_destroy(&follower->is_told);
    pthread_cond_destroy(&follower->is_done);
    pthread_mutex_destroy(&follower->lock);
    free(follower);
}

int jbi_follower_new(struct follower **out, uint64_t step, follower_work work, void *user,
                     struct jb_error *err)
{
    struct follower *follower = calloc(1, sizeof *follower);
    if (follower == NULL)
        return jbi_fail_memory(err);
    follower->step = step;
    follower->work = work;
    follower->user = user;
    pthread_mutex_init(&follower->lock, NULL);
    pthread_cond_init(&follower->is_told, NULL);
    pthread_cond_init(&follower->is_done, NULL);
    if (thread_start(follower) != 0) {
        release(follower);
        return jbi_fail(err, JB_EIO, "cannot start a thread");
    }
    *out = follower;
    return JB_OK;
}

void jbi_follower_tell(struct follower *follower, uint64_t end)
{
    pthread_mutex_lock(&follower->lock);
    follower->told = end;
    pthread_cond_signal(&follower->is_told);
    pthread_mutex_unlock(&follower->lock);
}

int jbi_follower_wait(struct follower *follower)
{
    pthread_mutex_lock(&follower->lock);
    while (has_work(follower))
        pthread_cond_wait(&follower->is_done, &follower->lock);
    int failed = follower->failed;
    pthread_mutex_unlock(&follower->lock);
    return failed;
}

void jbi_follower_free(struct follower *follower)
{
    if (follower == NULL)
        return;
    pthread_mutex_lock(&follower->lock);
    follower->is_ending = true;
    pthread_cond_signal(&follower->is_told);
    pthread_mutex_unlock(&follower->lock);
    pthread_join(follower->thread, NULL);
    release(follower);
}
