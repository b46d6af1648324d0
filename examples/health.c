/* SPDX-License-Identifier: MIT */
/*
 * The health of the backups as JSON, for a page of one's own: what each check found as it comes, on
 * standard error, then one object on standard output.
 *
 *     cc health.c $(pkg-config --cflags --libs libjbackup) -o health
 *     ./health /srv/journal
 *
 * The exit status is 0 if all is well, 1 if something is wrong, 2 if it could not be told.
 */
#include <jbackup.h>
#include <stdio.h>

/* What the library calls for each finding; the number of bad ones is kept in user. */
static void on_finding(void *user, const char *check, const struct jb_finding *finding)
{
    int *bad = user;

    *bad += finding->level >= JB_WARNING;
    fprintf(stderr, "%s, %s: %s\n", check, jb_level_name(finding->level), finding->message);
    if (finding->hint[0] != '\0')
        fprintf(stderr, "  %s\n", finding->hint);
}

int main(int argc, char **argv)
{
    struct jb_monitor_options options = JB_MONITOR_OPTIONS_INIT;
    struct jb_error err = {0};
    jb_project *project = NULL;
    jb_report *report = NULL;
    int bad = 0;

    options.finding = on_finding;
    options.user = &bad;
    if (jb_project_open(&project, argc > 1 ? argv[1] : NULL, &err) < 0 ||
        monitor_check(project, &options, &report, &err) < 0) {
        fprintf(stderr, "%s\n%s\n", err.text, err.hint);
        jb_project_close(project);
        return 2;
    }
    const char *json = jb_report_json(report);
    if (json != NULL)
        puts(json);
    jb_report_free(report);
    jb_project_close(project);
    return json == NULL ? 2 : bad > 0;
}
