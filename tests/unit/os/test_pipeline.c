/* SPDX-License-Identifier: MIT */
#include "os/pipeline.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "../check.h"

#define JOBS 500

struct job {
    unsigned number, answer, worker;
    bool signals_blocked;
};

static void square(void *user, unsigned worker, void *at)
{
    struct job *job = at;
    sigset_t blocked;
    const unsigned *factor = user;
    if (job->number % 7 == 0)
        usleep(300); /* later jobs overtake this one */
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    job->signals_blocked = sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM);
    job->answer = job->number * *factor;
    job->worker = worker;
}

static void run(unsigned workers, unsigned room)
{
    struct pipeline *pipeline;
    unsigned factor = 3, taken = 0;
    struct job *jobs = calloc(JOBS, sizeof *jobs);
    REQUIRE(jobs != NULL);
    REQUIRE(jbi_pipeline_new(&pipeline, workers, room, square, &factor, NULL) == JB_OK);
    CHECK(jbi_pipeline_next(pipeline) == NULL);
    for (unsigned given = 0; taken < JOBS;) {
        if (given < JOBS && given - taken < room) {
            jobs[given].number = given;
            jbi_pipeline_submit(pipeline, &jobs[given++]);
            continue;
        }
        struct job *job = jbi_pipeline_next(pipeline);
        REQUIRE(job == &jobs[taken]);
        CHECK(job->answer == 3 * taken && job->worker < workers && job->signals_blocked);
        taken++;
    }
    CHECK(jbi_pipeline_next(pipeline) == NULL);
    jbi_pipeline_free(pipeline);
    free(jobs);
}

static void gives_jobs_back_in_order(void)
{
    run(1, 1);
    run(1, 5);
    run(2, 6);
    run(8, 18);
    run(32, 3);
}

static void may_be_left_with_jobs_under_way(void)
{
    struct pipeline *pipeline;
    unsigned factor = 1;
    struct job jobs[20] = {0};
    for (int i = 0; i < 50; i++) {
        REQUIRE(jbi_pipeline_new(&pipeline, 3, 20, square, &factor, NULL) == JB_OK);
        for (int j = 0; j < i % 21; j++)
            jbi_pipeline_submit(pipeline, &jobs[j]);
        jbi_pipeline_free(pipeline);
    }
    jbi_pipeline_free(NULL);
}

static void the_callers_signals_stay(void)
{
    sigset_t before, after;
    struct pipeline *pipeline;
    unsigned factor = 1;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    REQUIRE(jbi_pipeline_new(&pipeline, 100, 4, square, &factor, NULL) == JB_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++)
        CHECK(sigismember(&before, i) == sigismember(&after, i));
    jbi_pipeline_free(pipeline);
}

static void counts_workers(void)
{
    CHECK(jbi_worker_count(0) >= 1 && jbi_worker_count(0) <= 32);
    CHECK(jbi_worker_count(1) == 1 && jbi_worker_count(7) == 7);
    CHECK(jbi_worker_count(4000000000u) == 32);
}

int main(void)
{
    RUN(gives_jobs_back_in_order);
    RUN(may_be_left_with_jobs_under_way);
    RUN(the_callers_signals_stay);
    RUN(counts_workers);
    return check_end();
}
