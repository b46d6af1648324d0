/* SPDX-License-Identifier: MIT */
/* The texts of a schedule's units. Invariant: the same configuration and place make the same
 * texts; nothing of either that has no place in a unit gets into one. */
#include "api/schedule_units.h"

#include <string.h>

#include "api/schedule_hardening.h"
#include "api/schedule_tmp.h"
#include "base/error.h"
#include "base/text.h"

#define UNIT_NAME_MAX 255
#define DELAY_S       "30"

/* What all units of a project have in common. */
struct making {
    const jb_project *project;
    const struct schedule_place *place;
    struct arena *arena;
    struct schedule_unit *units;
    size_t count;
    const char *project_text; /* its name, in a text */
    const char *folder;       /* as a word of a command */
    const char *repository;   /* as a path */
    struct schedule_tmp tmp;
};

static const char *const duties[] = {
    [SCHEDULE_DAILY] = "daily backup",
    [SCHEDULE_WEEKLY] = "weekly backup",
    [SCHEDULE_MONTHLY] = "monthly backup",
    [SCHEDULE_VERIFY] = "verification of the newest backup",
    [SCHEDULE_MONITOR] = "check of the backups",
};

/* ---- Paths ---- */

/* Without "..", which systemd refuses. */
static const char *without_dots(const char *path, struct arena *arena)
{
    char *to = jbi_arena_alloc(arena, strlen(path) + 2);
    size_t len = 0;
    while (to != NULL && *path != '\0') {
        path += strspn(path, "/");
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            while (len > 0 && to[--len] != '/')
                ;
        } else if (part > 0) {
            to[len++] = '/';
            memcpy(to + len, path, part);
            len += part;
        }
        to[len] = '\0';
        path += part;
    }
    if (to != NULL && len == 0)
        to[0] = '/';
    return to;
}

static const char *path_of(const char *path, struct arena *arena)
{
    const char *plain = without_dots(path, arena);
    return plain ? jbi_unit_path(plain, arena) : NULL;
}

static int check_path(const char *path, struct jb_error *err)
{
    if (*path == '/' && jbi_is_printable(path, strlen(path)))
        return JB_OK;
    jbi_fail(err, JB_EINVAL, "systemd can't be given the path \"%s\"", path);
    jbi_hint(err, *path == '/' ? "a unit has no line breaks and is UTF-8: rename the folder"
                               : "it needs an absolute path");
    return JB_EINVAL;
}

static int check_paths(const struct making *m, struct jb_error *err)
{
    const jb_project *p = m->project;
    const char *const paths[] = {p->folder, p->root, p->backup_dir, m->place->tools};
    int code = JB_OK;
    for (size_t i = 0; code == JB_OK && i < sizeof paths / sizeof *paths; i++)
        code = check_path(paths[i], err);
    for (size_t i = 0; code == JB_OK && i < p->database_count; i++) {
        if (p->databases[i].kind == DATABASE_SQLITE)
            code = check_path(p->databases[i].sqlite.path, err);
    }
    return code;
}

/* ---- A unit ---- */

/* Takes the finished text. */
static int add_unit(struct making *m, const char *name, const struct text *body,
                    struct jb_error *err)
{
    if (name == NULL || body->failed)
        return jbi_fail_memory(err);
    const char *text = jbi_unit_marked(body->at, m->project->folder, m->arena);
    if (text == NULL)
        return jbi_fail_memory(err);
    m->units[m->count++] = (struct schedule_unit){name, text};
    return JB_OK;
}

static void add_head(struct text *body, const struct making *m, const char *what)
{
    jbi_text_addf(body,
                  "[Unit]\nDescription=%s: %s\nDocumentation=man:jbackup-scheduler(1) "
                  "man:jbackup.json(5)\n",
                  m->project_text, what);
}

/* Of what makes or reads backups; the others have something to say where a mount is missing. */
static void add_mounts(struct text *body, const struct making *m)
{
    const jb_project *p = m->project;
    const char *root = path_of(p->root, m->arena);
    body->failed = body->failed || root == NULL;
    if (body->failed)
        return;
    jbi_text_addf(body, "RequiresMountsFor=%s %s", root, m->repository);
    for (size_t i = 0; i < p->database_count && !body->failed; i++) {
        if (p->databases[i].kind != DATABASE_SQLITE)
            continue;
        const char *path = path_of(p->databases[i].sqlite.path, m->arena);
        body->failed = path == NULL;
        jbi_text_addf(body, " %s", path ? path : "");
    }
    jbi_text_adds(body, "\n");
}

/* The system's manager only: a user's knows nothing of these units. */
static void add_needs(struct text *body, const struct making *m, enum service_duty duty)
{
    bool has_server = false;
    for (size_t i = 0; i < m->project->database_count; i++)
        has_server = has_server || m->project->databases[i].kind == DATABASE_POSTGRESQL;
    if (m->place->manager == SYSTEMD_USER)
        return;
    if (duty == DUTY_BACKUP || duty == DUTY_VERIFY)
        add_mounts(body, m);
    jbi_text_addf(body, "Wants=network-online.target\nAfter=network-online.target%s\n",
                  has_server ? " postgresql.service" : "");
}

/* A program whose name has quotes or backslashes is refused by systemd, but not by a shell, to
 * which it is an argument. */
static void add_command(struct text *body, const struct making *m, const char *tool,
                        const char *arguments)
{
    static const char by_shell[] = "/bin/sh -c \"exec \\\"$$0\\\" \\\"$$@\\\"\" ";
    const char *path = jbi_arena_printf(m->arena, "%s/%s", m->place->tools, tool);
    bool is_odd = strpbrk(m->place->tools, "\"'\\") != NULL;
    const char *program = path == NULL ? NULL
                          : is_odd     ? jbi_unit_word(path, m->arena)
                                       : jbi_unit_path(path, m->arena);
    body->failed = body->failed || program == NULL;
    if (!body->failed)
        jbi_text_addf(body, "ExecStart=%s%s %s --project %s\n", is_odd ? by_shell : "", program,
                      arguments, m->folder);
}

static void add_service(struct text *body, const struct making *m, const char *tool,
                        const char *arguments, enum service_duty duty)
{
    static const char *const limits[] = {"12h", "24h", "15min", "5min"};
    const struct schedule_place *place = m->place;
    jbi_text_adds(body, "\n[Service]\nType=oneshot\n");
    add_command(body, m, tool, arguments);
    if (duty == DUTY_MONITOR)
        jbi_text_adds(body, "# findings: they are alerted by then\nSuccessExitStatus=1\n");
    if (place->manager == SYSTEMD_SYSTEM && place->user != NULL)
        jbi_text_addf(body, "User=%s\n", place->user);
    if (place->manager == SYSTEMD_SYSTEM && place->group != NULL)
        jbi_text_addf(body, "Group=%s\n", place->group);
    if (place->path != NULL) {
        const char *setting = jbi_arena_printf(m->arena, "PATH=%s", place->path);
        const char *word = setting ? jbi_unit_path(setting, m->arena) : NULL;
        body->failed = body->failed || word == NULL;
        jbi_text_addf(body, "Environment=%s\n", word ? word : "");
    }
    jbi_text_addf(body,
                  "TimeoutStartSec=%s\n# whatever else runs comes first\nNice=10\n"
                  "IOSchedulingClass=best-effort\nIOSchedulingPriority=7\nCPUWeight=20\n"
                  "IOWeight=20\n",
                  limits[duty]);
    jbi_schedule_harden(body, place, duty, m->repository, &m->tmp);
}

/* ---- Timers ---- */

/* Every so many minutes by the clock where they divide an hour or a day. */
static void add_every(struct text *body, int minutes)
{
    int hours = minutes / 60;
    if (minutes < 60 && 60 % minutes == 0)
        jbi_text_addf(body, "OnCalendar=*-*-* *:00/%d:00\n", minutes);
    else if (minutes == 60)
        jbi_text_adds(body, "OnCalendar=*-*-* *:00:00\n");
    else if (minutes % 60 == 0 && hours < 24 && 24 % hours == 0)
        jbi_text_addf(body, "OnCalendar=*-*-* 00/%d:00:00\n", hours);
    else if (hours == 24 && minutes % 60 == 0)
        jbi_text_adds(body, "OnCalendar=*-*-* 00:00:00\n");
    else
        jbi_text_addf(body, "OnActiveSec=1min\nOnUnitActiveSec=%dmin\n", minutes);
}

static void add_calendar(struct text *body, const struct making *m, enum schedule schedule)
{
    bool failed = false;
    const char *at = m->project->schedules[schedule].at;
    if (at == NULL) {
        add_every(body, m->place->monitor_minutes);
        return;
    }
    const char *second =
        schedule != SCHEDULE_MONITOR ? jbi_schedule_second_time(at, m->arena, &failed) : NULL;
    jbi_text_addf(body, "OnCalendar=%s\n", at);
    if (second != NULL)
        jbi_text_addf(body,
                      "# for the day on which the clock passes that over; on others it finds the "
                      "work done\nOnCalendar=%s\n",
                      second);
    body->failed = body->failed || failed;
}

static int make_timer(struct making *m, enum schedule schedule, const char *unit,
                      struct jb_error *err)
{
    scope_text body = {0};
    add_head(&body, m, duties[schedule]);
    jbi_text_adds(&body, "\n[Timer]\n");
    add_calendar(&body, m, schedule);
    jbi_text_adds(&body, "# what was missed while the machine was off is made up for\n"
                         "Persistent=true\nRandomizedDelaySec=" DELAY_S "\nFixedRandomDelay=true\n"
                         "AccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n");
    return add_unit(m, jbi_arena_printf(m->arena, "%s.timer", unit), &body, err);
}

/* ---- The whole ---- */

/* "journal-backup-alert@", what stands before the unit that failed. */
static const char *alert_unit(const struct making *m)
{
    const char *name = jbi_systemd_escape(m->project->name, m->arena);
    return name ? jbi_arena_printf(m->arena, "%s-backup-alert@", name) : NULL;
}

static int make_alert(struct making *m, const char *alert, struct jb_error *err)
{
    scope_text body = {0};
    add_head(&body, m, "alert that %i failed");
    add_needs(&body, m, DUTY_ALERT);
    add_service(&body, m, "jbackup-scheduler", "alert %i", DUTY_ALERT);
    return add_unit(m, jbi_arena_printf(m->arena, "%s.service", alert), &body, err);
}

static int make_schedule(struct making *m, enum schedule schedule, const char *alert,
                         struct jb_error *err)
{
    scope_text body = {0};
    const char *unit = jbi_schedule_unit(m->project->name, schedule, m->arena);
    const char *failed_name = jbi_arena_printf(m->arena, "%s%%n.service", alert);
    const char *perform =
        jbi_arena_printf(m->arena, "perform --type %s", jbi_schedule_name(schedule));
    if (unit == NULL || failed_name == NULL || perform == NULL)
        return jbi_fail_memory(err);
    if (strlen(alert) + strlen(unit) + 2 * strlen(".service") > UNIT_NAME_MAX)
        return jbi_fail(err, JB_EINVAL,
                        "the project's name is too long for units of systemd: \"%s\"",
                        m->project->name);
    bool is_monitor = schedule == SCHEDULE_MONITOR;
    enum service_duty duty = is_monitor                    ? DUTY_MONITOR
                             : schedule == SCHEDULE_VERIFY ? DUTY_VERIFY
                                                           : DUTY_BACKUP;
    add_head(&body, m, duties[schedule]);
    jbi_text_addf(&body, "OnFailure=%s\n", failed_name);
    add_needs(&body, m, duty);
    add_service(&body, m, is_monitor ? "jbackup-monitor" : "jbackup-scheduler",
                is_monitor ? "check --alert" : perform, duty);
    int code = add_unit(m, jbi_arena_printf(m->arena, "%s.service", unit), &body, err);
    return code == JB_OK ? make_timer(m, schedule, unit, err) : code;
}

static int make_all(struct making *m, struct jb_error *err)
{
    m->units = jbi_arena_alloc(m->arena, (2 * SCHEDULE_COUNT + 1) * sizeof *m->units);
    m->project_text = jbi_unit_text(m->project->name, m->arena);
    m->folder = jbi_unit_word(m->project->folder, m->arena);
    m->repository = path_of(m->project->backup_dir, m->arena);
    bool is_known = jbi_schedule_tmp(&m->tmp, m->project, m->place->tools, m->arena);
    const char *alert = alert_unit(m);
    if (m->units == NULL || m->project_text == NULL || m->folder == NULL || m->repository == NULL ||
        alert == NULL || !is_known)
        return jbi_fail_memory(err);
    int code = JB_OK;
    for (int i = 0; code == JB_OK && i < SCHEDULE_COUNT; i++) {
        if (m->project->schedules[i].is_on)
            code = make_schedule(m, (enum schedule)i, alert, err);
    }
    return code == JB_OK ? make_alert(m, alert, err) : code;
}

int jbi_schedule_units(const jb_project *project, const struct schedule_place *place,
                       struct arena *arena, struct schedule_unit **out, size_t *count,
                       struct jb_error *err)
{
    struct making m = {.project = project, .place = place, .arena = arena};
    int code = check_paths(&m, err);
    if (code == JB_OK && place->monitor_minutes < 1)
        code =
            jbi_fail(err, JB_EINVAL, "a check every %d minutes can't be", place->monitor_minutes);
    if (code == JB_OK)
        code = make_all(&m, err);
    *out = m.units;
    *count = code == JB_OK ? m.count : 0;
    return code;
}
