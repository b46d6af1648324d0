/* SPDX-License-Identifier: MIT */
/* Different project handles in different threads at once: backed up, verified, restored aside and
 * in place. Nothing is left open, no child is left over, and nothing said. */
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "fixture.h"

#define THREADS 4

struct worker {
    char app[256], to[256], backups[256], timestamp[32];
    int failures;
};

/* A service that runs while there is a file. */
#define RUNNING                                                                                    \
    "{\"databases\": [\"sqlite:///instance/journal.db\"], \"service\": {"                          \
    "\"start\": [\"touch\", \"../running%d\"], \"stop\": [\"rm\", \"../running%d\"], "             \
    "\"status\": [\"test\", \"-e\", \"../running%d\"]}}"

#define EXPECT(condition) worker->failures += !(condition)

static void make_and_look(struct worker *worker, jb_project *own)
{
    jb_report *made = NULL;
    struct jb_error why = {0};
    EXPECT(backup_create(own, NULL, &made, &why) == JB_OK);
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.timestamp = made ? jb_report_text(made, JB_FIGURES, "timestamp") : NULL;
    if (options.timestamp != NULL)
        snprintf(worker->timestamp, sizeof worker->timestamp, "%s", options.timestamp);
    options.to = worker->to;
    jb_report *got = NULL;
    EXPECT(restore_safe(own, &options, &got, &why) == JB_OK);
    jb_report_free(got);
    jb_report_free(made);
    got = NULL;
    EXPECT(backup_verify(own, NULL, &got, &why) == JB_OK);
    EXPECT(got != NULL && jb_report_verdict(got) == JB_INFO);
    jb_report_free(got);
    got = NULL;
    EXPECT(jb_list(own, NULL, &got, &why) == JB_OK && jb_report_row_count(got) >= 1);
    EXPECT(got != NULL && jb_report_json(got) != NULL);
    jb_report_free(got);
    EXPECT(jb_stats(own, NULL, NULL, &why) == JB_OK);
    EXPECT(jb_cleanup(own, NULL, NULL, &why) == JB_OK);
}

static bool has_code(const struct worker *worker)
{
    char path[300];
    snprintf(path, sizeof path, "%s/app.py", worker->app);
    return access(path, F_OK) == 0;
}

/* The living application loses a file, gets it back, and loses it again. */
static void restore_in_place(struct worker *worker, jb_project *own)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *got = NULL;
    char path[300];
    snprintf(path, sizeof path, "%s/app.py", worker->app);
    EXPECT(unlink(path) == 0);
    options.timestamp = worker->timestamp;
    options.confirm = 1;
    EXPECT(restore_safe(own, &options, &got, &why) == JB_OK && has_code(worker));
    EXPECT(got != NULL && jb_report_number(got, JB_FIGURES, "service_active") == 1);
    jb_report_free(got);
    got = NULL;
    EXPECT(jb_rollback(own, NULL, NULL, &why) == JB_OK && !has_code(worker));
    EXPECT(jb_restore_state(own, NULL, &got, &why) == JB_OK);
    EXPECT(got != NULL && jb_report_verdict(got) == JB_INFO);
    jb_report_free(got);
    worker->failures += why.code != 0;
}

static void *work(void *user)
{
    struct worker *worker = user;
    jb_project *own;
    EXPECT(jb_project_open(&own, worker->app, NULL) == JB_OK);
    if (worker->failures > 0)
        return NULL;
    EXPECT(jb_project_set_backup_dir(own, worker->backups, NULL) == JB_OK);
    make_and_look(worker, own);
    restore_in_place(worker, own);
    snprintf(worker->to + strlen(worker->to), 8, "-again");
    make_and_look(worker, own);
    jb_project_close(own);
    return NULL;
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static void work_at_once(void)
{
    struct worker workers[THREADS] = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        snprintf(workers[i].app, sizeof workers[i].app, "%s/app%d", check_folder(), i);
        snprintf(workers[i].to, sizeof workers[i].to, "%s/to%d", check_folder(), i);
        snprintf(workers[i].backups, sizeof workers[i].backups, "%s/b%d", check_folder(), i);
        REQUIRE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        CHECK(workers[i].failures == 0);
    }
}

static void four_projects_at_once_and_nothing_left(void)
{
    make_app();
    /* Several members, so that the pools of workers have something to do. */
    REQUIRE(shell(textf("head -c 5000000 /dev/urandom > %s", in_folder("app/photo"))));
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(shell(textf("cp -a %s %s%d", in_folder("app"), in_folder("app"), i)));
        write_text(textf("app%d/jbackup.json", i), textf(RUNNING, i, i, i));
        write_text(textf("running%d", i), "");
    }
    size_t before = open_files();
    fflush(NULL);
    int out = dup(1), errors = dup(2);
    int said = open(in_folder("said"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(out >= 0 && errors >= 0 && said >= 0);
    dup2(said, 1);
    dup2(said, 2);
    work_at_once();
    struct stat st;
    REQUIRE(fstat(said, &st) == 0);
    fflush(NULL);
    dup2(out, 1);
    dup2(errors, 2);
    close(out);
    close(errors);
    close(said);
    CHECK(st.st_size == 0);
    CHECK(open_files() == before);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

int main(void)
{
    /* glibc guards what it knows of the zone by a lock that ThreadSanitizer does not see; with a
     * zone that is named and known already nothing is written under it. */
    setenv("TZ", "UTC0", 1);
    tzset();
    RUN(four_projects_at_once_and_nothing_left);
    return check_end();
}
