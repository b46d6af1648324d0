/* SPDX-License-Identifier: MIT */
/*
 * What a page for an administrator needs to know of a project, as one JSON object on standard
 * output:
 *
 *     cc admin.c $(pkg-config --cflags --libs libjbackup) -o admin
 *     ./admin /srv/journal
 *
 * {"version", "ok", "backups", "proofs", "restore", "disk"}: the reports of jb_list, jb_show of the
 * newest backup (its rows with row = "proof"), jb_restore_state and jb_stats; in the place of one
 * that could not be had {"error": {"code", "text", "hint"}}. Nothing is changed. The exit status is
 * the worst of them.
 */
#include <jbackup.h>
#include <stdio.h>

/* timestamp: of the newest backup; NULL: there is none. */
typedef int (*look)(jb_project *project, const char *timestamp, jb_report **report,
                    struct jb_error *err);

static int backups(jb_project *project, const char *timestamp, jb_report **report,
                   struct jb_error *err)
{
    (void)timestamp;
    return jb_list(project, NULL, report, err);
}

static int proofs(jb_project *project, const char *timestamp, jb_report **report,
                  struct jb_error *err)
{
    struct jb_backup_ref backup = JB_BACKUP_REF_INIT;
    backup.timestamp = timestamp;
    return jb_show(project, &backup, report, err);
}

static int restore(jb_project *project, const char *timestamp, jb_report **report,
                   struct jb_error *err)
{
    (void)timestamp;
    return jb_restore_state(project, NULL, report, err);
}

static int disk(jb_project *project, const char *timestamp, jb_report **report,
                struct jb_error *err)
{
    (void)timestamp;
    return jb_stats(project, NULL, report, err);
}

static void print_text(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < ' ')
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_error(const struct jb_error *err)
{
    printf("{\"error\": {\"code\": %d, \"text\": ", err->code);
    print_text(err->text);
    printf(", \"hint\": ");
    print_text(err->hint);
    printf("}}");
}

/* The report stays with the caller, who frees it. */
static int print_look(jb_project *project, const char *timestamp, const char *name, look look_at,
                      jb_report **report)
{
    struct jb_error err = {0};
    int code = look_at(project, timestamp, report, &err);
    const char *json = code == JB_OK ? jb_report_json(*report) : NULL;

    printf(",\n\"%s\": ", name);
    if (json != NULL)
        printf("%s", json);
    else
        print_error(&err);
    return jb_exit_status(code, *report);
}

static int print_all(jb_project *project)
{
    static const struct {
        const char *name;
        look look_at;
    } rest[] = {{"proofs", proofs}, {"restore", restore}, {"disk", disk}};
    jb_report *list = NULL;
    int worst = print_look(project, NULL, "backups", backups, &list);

    const char *newest = list != NULL ? jb_report_text(list, 0, "timestamp") : NULL;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        jb_report *report = NULL;
        if (rest[i].look_at == proofs && newest == NULL)
            continue;
        int status = print_look(project, newest, rest[i].name, rest[i].look_at, &report);
        worst = status > worst ? status : worst;
        jb_report_free(report);
    }
    jb_report_free(list);
    return worst;
}

int main(int argc, char **argv)
{
    struct jb_error err = {0};
    jb_project *project = NULL;

    if (argc > 2) {
        fprintf(stderr, "usage: admin [PROJECT]\n");
        return 2;
    }
    int code = jb_project_open(&project, argc > 1 ? argv[1] : NULL, &err);
    if (code < 0) {
        print_error(&err);
        putchar('\n');
        return jb_exit_status(code, NULL);
    }
    printf("{\"version\": ");
    print_text(jb_version());
    int status = print_all(project);
    printf(",\n\"ok\": %s}\n", status == 0 ? "true" : "false");
    jb_project_close(project);
    return fflush(stdout) == 0 ? status : 3;
}
