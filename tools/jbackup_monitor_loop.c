/* SPDX-License-Identifier: MIT */
/* The monitor that runs on. Invariant: whatever a check comes to, the next one follows; SIGTERM and
 * SIGINT end it within a second, wherever it is; SIGHUP reads project and configuration anew and
 * checks at once. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cli_monitor.h"

#define INTERVAL_STANDARD 60 /* minutes, where the configuration can't be read */
#define STEP_MS           500
#define GRACE_MS          700 /* for a check that is told to stop */

static volatile sig_atomic_t is_ended, is_reload_wanted;

/* A check stops where it is asked for progress. One that waits for a silent mail server is not
 * asked, and whatever it does may be cut off anywhere: then the process ends. */
static void on_signal(int number)
{
    static const struct itimerval grace = {.it_value = {0, GRACE_MS * 1000}};
    if (number == SIGALRM)
        _exit(0);
    if (number == SIGHUP)
        is_reload_wanted = 1;
    else if (!is_ended) {
        is_ended = 1;
        setitimer(ITIMER_REAL, &grace, NULL);
    }
}

/* waiting is the mask with which the monitor waits, see wait_until. One that came while the tool
 * began counts, too. */
static void catch_signals(sigset_t *waiting)
{
    struct sigaction note = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &note, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_SETMASK, NULL, waiting);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigdelset(waiting, numbers[i]);
    is_ended = cli_progress(NULL, "", 0, 0, "") != 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int on_progress(void *user, const char *step, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)user, (void)step, (void)done, (void)total, (void)unit;
    notify_alive();
    return is_ended;
}

/* ---- One round ------------------------------------------------------------------------------ */

struct rounds {
    const struct cli *cli;
    jb_project *project;
    jb_project *own; /* the same, once it was read anew */
    int interval_min;
    sigset_t waiting;
};

static void set_hooks(const struct rounds *r, jb_project *project)
{
    jb_project_set_hooks(project, r->cli->is_verbose ? cli_log : NULL, on_progress, NULL);
}

/* One that can't be read leaves the old one in force. */
static void reload(struct rounds *r)
{
    jb_project *fresh = NULL;
    struct jb_error err = {0};
    const char *backup_dir = r->cli->value[CLI_BACKUP_DIR];
    int code = jb_project_open(&fresh, r->cli->value[CLI_PROJECT], &err);
    if (code == JB_OK && backup_dir != NULL)
        code = jb_project_set_backup_dir(fresh, backup_dir, &err);
    if (code < 0) {
        cli_error(r->cli, code, &err);
        jb_project_close(fresh);
        return;
    }
    set_hooks(r, fresh);
    jb_project_close(r->own);
    r->project = r->own = fresh;
}

static int configured_interval(const struct rounds *r)
{
    jb_report *report = NULL;
    struct jb_error err = {0};
    int found = 0;
    if (jb_monitor_config(r->project, NULL, &report, &err) == JB_OK) {
        for (size_t row = 0; row < jb_report_row_count(report); row++) {
            if (strcmp(cli_field(report, row, "key"), "monitoring.check_interval_minutes") == 0)
                found = atoi(cli_field(report, row, "value"));
        }
    }
    jb_report_free(report);
    return found > 0 ? found : INTERVAL_STANDARD;
}

static void tell_round(const struct cli *cli, jb_report *report)
{
    char line[MONITOR_LINE_SIZE], at[64];
    time_t now = time(NULL);
    struct tm local;
    monitor_line(line, report);
    notify_status(line);
    if (cli->value[CLI_JSON] != NULL) {
        const char *json = jb_report_json(report);
        puts(json ? json : "null");
        return;
    }
    cli_findings(cli, report);
    if (cli->value[CLI_QUIET] != NULL)
        return;
    localtime_r(&now, &local);
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%S%z", &local);
    printf("%s %s\n", at, line);
}

static void look(struct rounds *r)
{
    struct jb_monitor_options wanted = JB_MONITOR_OPTIONS_INIT;
    jb_report *report = NULL;
    struct jb_error err = {0};
    wanted.alert = 1;
    notify_status("checking");
    int code = monitor_check(r->project, &wanted, &report, &err);
    if (code == JB_OK) {
        tell_round(r->cli, report);
    } else if (!is_ended) {
        cli_error(r->cli, code, &err);
        notify_status(err.text);
    }
    jb_report_free(report);
    fflush(stdout);
}

/* ---- The rounds ----------------------------------------------------------------------------- */

/* Until the next round or a signal, in steps for the watchdog. The signals are blocked but while it
 * waits, so none gets lost between the look and the wait. */
static void wait_until(const struct rounds *r, int64_t due_ms)
{
    sigset_t before, all = r->waiting;
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGINT);
    sigaddset(&all, SIGHUP);
    sigprocmask(SIG_SETMASK, &all, &before);
    while (!is_ended && !is_reload_wanted) {
        int64_t left_ms = due_ms - now_ms();
        if (left_ms <= 0)
            break;
        if (left_ms > STEP_MS)
            left_ms = STEP_MS;
        struct timespec step = {left_ms / 1000, left_ms % 1000 * 1000000};
        notify_alive();
        ppoll(NULL, 0, &step, &r->waiting);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int monitor_loop(const struct cli *cli, jb_project *project, int interval_min, struct jb_error *err)
{
    struct rounds r = {.cli = cli, .project = project, .interval_min = interval_min};
    (void)err;
    cli_progress_begin(false);
    catch_signals(&r.waiting);
    set_hooks(&r, project);
    notify("READY=1");
    while (!is_ended) {
        int64_t begin_ms = now_ms();
        if (is_reload_wanted) {
            is_reload_wanted = 0;
            reload(&r);
        }
        int minutes = r.interval_min > 0 ? r.interval_min : configured_interval(&r);
        look(&r);
        wait_until(&r, begin_ms + minutes * INT64_C(60000));
    }
    notify("STOPPING=1");
    jb_project_close(r.own);
    return JB_OK;
}
