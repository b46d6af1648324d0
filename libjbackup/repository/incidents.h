/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_INCIDENTS_H
#define JBI_REPOSITORY_INCIDENTS_H

#include "repository/layout.h"

/*
 * What is wrong, since when, and who was told: .jbackup/incidents.json (0600, atomic), under
 * .jbackup/monitor.lock. An incident is one subject of one check that has findings of at least
 * WARNING; its level is the worst of these.
 *
 *      opened -> (escalated ...) -> (reminded after each cooldown while it lasts) -> resolved
 *
 * A level that falls but not to INFO keeps the incident open, silently; a later rise above the
 * worst level that was told escalates. What can't be judged now (its check did not run) stays as it
 * is. One that is back within a cooldown after it ended flaps: it ends when it was gone for a whole
 * cooldown. A reminder may come a sixtieth early, since those who check are not on the second.
 * Pure but for load and save: times are given.
 *
 *     {"format": 1, "open": [{"key": "freshness: journal", "check": "freshness", "level": "ERROR",
 *       "worst_told": "ERROR" or null, "message": ..., "hint": ..., "opened_at": time,
 *       "changed_at": time, "seen_at": time, "told_at": time or null, "ended_at": null,
 *       "thread": "jbackup-..."}, ...], "ended": [...]}
 *
 * The last places of the open ones are kept free for what is worse: a new WARNING finds none beyond
 * 400, an ERROR beyond 450.
 */
#define INCIDENTS_OPEN_MAX   500
#define INCIDENTS_ENDED_KEPT 500
#define INCIDENT_TEXT_SIZE   1024 /* longer texts are cut */
#define INCIDENTS_SIZE_MAX   (16 << 20)

struct incident {
    const char *key;   /* check, a colon, a space, subject */
    const char *check; /* "freshness" */
    int level, worst_told;
    const char *message, *hint; /* of the worst finding seen last */
    int64_t opened_us, changed_us, seen_us;
    int64_t told_us;    /* 0: never */
    int64_t ended_us;   /* 0: it is open */
    const char *thread; /* of its mails: of all that were told of first together; "": none yet */
};

/* What of its key is the subject. */
const char *jbi_incident_subject(const struct incident *incident);

enum incident_event { INCIDENT_OPENED, INCIDENT_ESCALATED, INCIDENT_REMINDED, INCIDENT_RESOLVED };

struct incident_news {
    enum incident_event event;
    const struct incident *incident;
    int previous_level; /* INCIDENT_ESCALATED */
};

struct incidents {
    struct incident *open, *ended; /* ended: newest first */
    size_t open_count, ended_count;
};

struct incident_rules {
    int64_t cooldown_us;
    int min_level;
};

/* None, or a damaged file (a WARNING finding): an empty one. */
int jbi_incidents_load(struct incidents *out, const struct repository *repository,
                       struct arena *arena, jb_report *report, struct jb_error *err);
/* On a full disk the place of .jbackup/incidents.reserve is used, which is kept for that: without
 * it, the same would be told of at each run just when the disk is what is wrong. */
int jbi_incidents_save(const struct incidents *incidents, const struct repository *repository,
                       struct jb_error *err);
/* The file as text, malloc'd (NULL: out of memory), and its reader: JB_ECORRUPT. */
char *jbi_incidents_print(const struct incidents *incidents);
int jbi_incidents_parse(struct incidents *out, const char *text, size_t len, const char *name,
                        struct arena *arena, struct jb_error *err);

/* What of a finding makes an incident. */
struct incident_sight {
    const char *check, *subject; /* the subject without the check's name */
    int level;
    const char *message, *hint;
};
/* Takes in what was seen at now_us by the checks that ran, changes the incidents, and says what is
 * new, in the order opened, escalated, reminded, resolved, worst first. All is told of once: who
 * saves the incidents has the news in the spool before. A sight of level INFO whose check is not
 * among those that ran is somebody's word that this one subject is well: it ends at once. */
int jbi_incidents_update(struct incidents *incidents, const struct incident_sight *sights,
                         size_t sight_count, const char *const *checks_run, size_t check_count,
                         const struct incident_rules *rules, int64_t now_us, struct arena *arena,
                         struct incident_news **news, size_t *news_count, struct jb_error *err);

/* The lock of whoever checks and alerts. */
int jbi_monitor_lock(const struct repository *repository, int wait_s, int *lock_fd,
                     struct jb_error *err);

#endif
