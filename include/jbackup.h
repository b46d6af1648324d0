/* SPDX-License-Identifier: MIT */
#ifndef JBACKUP_H
#define JBACKUP_H

/*
 * libjbackup: backups of a web application (its databases and its code tree) in ordinary files.
 *
 *     jb_project *project;
 *     struct jb_error err = {0};
 *     jb_report *report = NULL;
 *
 *     if (jb_project_open(&project, "/srv/journal", &err) < 0)
 *         ...                                        err.text says why, err.hint what to do
 *     if (backup_create(project, NULL, &report, &err) < 0)
 *         ...
 *     puts(jb_report_json(report));
 *     jb_report_free(report);
 *     jb_project_close(project);
 *
 * Every verb has one shape: project, options, report, error. Options, report and error may each be
 * NULL. A verb that could not do its work returns a negative jb_code; one that did it returns
 * JB_OK, and bad news are findings in the report.
 *
 * The library does not print, exit, install signal handlers or change the environment or locale.
 * A project handle belongs to one thread at a time; different handles are independent.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JB_VERSION_MAJOR 0
#define JB_VERSION_MINOR 1
#define JB_VERSION_PATCH 0

#if defined(__GNUC__)
#define JB_API      __attribute__((visibility("default")))
#define JB_MUST_USE __attribute__((warn_unused_result))
#else
#define JB_API
#define JB_MUST_USE
#endif

/* The version of the library that runs, e.g. "0.1.0". Static storage. */
JB_API const char *jb_version(void);

/* ---- Errors -------------------------------------------------------------------------------- */

enum jb_code {
    JB_OK = 0,
    JB_EINVAL = -1,       /* usage or configuration; nothing was changed */
    JB_ENOTFOUND = -2,    /* the named project, backup, database or path does not exist */
    JB_EIO = -3,          /* the operating system refused; sys_errno has its number */
    JB_ENOMEM = -4,       /* out of memory */
    JB_ELOCKED = -5,      /* another run holds the repository's lock */
    JB_ECORRUPT = -6,     /* stored or given data is damaged or hostile */
    JB_EDATABASE = -7,    /* a database refused or is damaged */
    JB_ECANCELED = -8,    /* the progress hook asked to stop */
    JB_EROLLEDBACK = -9,  /* failed, and the old state was put back */
    JB_EROLLBACK = -10,   /* failed, and putting the old state back failed too */
    JB_EUNSUPPORTED = -11 /* this build or this version can't do it */
};

/* The caller's, filled by a failing call; the first error wins, so begin with {0}. */
struct jb_error {
    int code;        /* enum jb_code */
    int sys_errno;   /* errno of the failed system call, or 0 */
    char text[1024]; /* what failed, on which object, why; printable, no line break at its end */
    char hint[512];  /* what to do next, or "" */
};

/* ---- Reports ------------------------------------------------------------------------------- */

enum jb_level { JB_INFO = 0, JB_WARNING = 1, JB_ERROR = 2, JB_CRITICAL = 3 };

/* "INFO", "WARNING", "ERROR" or "CRITICAL". Static storage. */
JB_API const char *jb_level_name(int level);

/* The result of one check. Owned by its report. */
struct jb_finding {
    int level;           /* enum jb_level */
    const char *subject; /* the file, table, backup or unit that it speaks of; printable */
    const char *message;
    const char *hint; /* what to do, or "" */
};

/*
 * What a verb answers: findings, figures (named values of the whole) and rows (one record for each
 * backup, file, table ... that the verb speaks of). Each verb below names its figures and rows.
 */
typedef struct jb_report jb_report;

/* Row number of the figures in the two getters below. */
#define JB_FIGURES ((size_t)-1)

JB_API void jb_report_free(jb_report *report); /* NULL is fine */
/* The worst level among the findings; JB_INFO if there are none. */
JB_API int jb_report_verdict(const jb_report *report);
JB_API size_t jb_report_finding_count(const jb_report *report);
/* Borrowed from the report; NULL past the end. */
JB_API const struct jb_finding *jb_report_finding(const jb_report *report, size_t index);
JB_API size_t jb_report_row_count(const jb_report *report);
/* The text of a field, borrowed from the report; NULL if absent or not a text. File names that are
 * not UTF-8 or hold control characters come escaped (\xNN) here. */
JB_API const char *jb_report_text(const jb_report *report, size_t row, const char *key);
/* The number of a field (booleans are 0 and 1); 0 if absent or not a number. */
JB_API int64_t jb_report_number(const jb_report *report, size_t row, const char *key);
/* The whole report as JSON text, borrowed from the report; NULL if out of memory. */
JB_API const char *jb_report_json(jb_report *report);
/* The exit status that the tools give for a verb's result: 0 fine, 1 findings of level ERROR or
 * worse, 2 usage, 3 failed, 4 rolled back, 5 rollback failed, 75 locked. report may be NULL. */
JB_API int jb_exit_status(int code, const jb_report *report);

/* ---- Projects ------------------------------------------------------------------------------ */

typedef struct jb_project jb_project;

/* Opens the project at path: a folder or its jbackup.json; NULL searches upward from the working
 * directory, past folders that anybody may write to. Reads jbackup.json and .env; writes nothing.
 * On success *out is the caller's, to be closed. Expected codes: JB_ENOTFOUND, JB_EINVAL. */
JB_API JB_MUST_USE int jb_project_open(jb_project **out, const char *path, struct jb_error *err);
/* The same from the text of a jbackup.json; relative paths count from the folder base. */
JB_API JB_MUST_USE int jb_project_parse(jb_project **out, const char *json, const char *base,
                                        struct jb_error *err);
JB_API void jb_project_close(jb_project *project); /* NULL is fine */
/* Uses another repository than the configured one (option --backup-dir of the tools). */
JB_API int jb_project_set_backup_dir(jb_project *project, const char *path, struct jb_error *err);

/* Log lines: level 0 debug, 1 info, 2 warning, 3 error. line is valid during the call only. */
typedef void (*jb_log_hook)(void *user, int level, const char *line);
/* Called on the caller's thread. total is 0 while unknown; unit is "bytes", "files", ...
 * A return value other than 0 cancels at the next safe point: the verb returns JB_ECANCELED. */
typedef int (*jb_progress_hook)(void *user, const char *step, uint64_t done, uint64_t total,
                                const char *unit);
/* Either hook may be NULL. */
JB_API void jb_project_set_hooks(jb_project *project, jb_log_hook log, jb_progress_hook progress,
                                 void *user);

/* Options begin with their size; fill them with their _INIT, then set fields. A zero field means
 * its default. */

enum jb_type { JB_TYPE_FULL = 0, JB_TYPE_DATABASE = 1, JB_TYPE_CODEBASE = 2 };

/* ---- Back up ------------------------------------------------------------------------------- */

struct jb_backup_options {
    size_t size;
    int type;             /* enum jb_type */
    int wait_s;           /* how long to wait for the repository's lock; 0: not at all */
    const char *category; /* "daily", "weekly" or "monthly"; NULL: by the date */
    const char *label;    /* a text kept in the manifest; NULL: none */
    int keep_days;        /* cleanup leaves it alone for so many days; 0: as the retention says */
    int reread;           /* 1: read every file, also what looks unchanged since the last backup */
};
#define JB_BACKUP_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct jb_backup_options), 0, 0, NULL, NULL, 0, 0                                   \
    }

/* Makes one backup: complete and published, or not at all.
 * Files that look unchanged since the last backup (path, type, size, mode, owner, mtime, ctime,
 * inode, device) are not read: their compressed members are copied from it, and the result has the
 * same bytes as if they had been read. Not so with reread and in category "monthly", where each
 * such file that has other content all the same is an ERROR finding; nor from a backup that a
 * verification found different. A SQLite copy is always read, but pieces of it (1 MiB) that are in
 * the last backup's, too, are not compressed again, unless with reread.
 * Figures: timestamp, category, type, path (the manifest), duration_ms, total_size (bytes stored),
 * linked (artifacts that are hard links of an earlier backup's, of any category), files,
 * file_bytes, copied_bytes (of those stored: members that were taken from the last backup).
 * Rows: one per artifact: path, kind, name, size, raw_size, sha256, linked, copied_bytes; of a
 * PostgreSQL dump also from (postgresql://user@host:port/database), server_version, client_version,
 * table_count and encrypted (the connection was).
 * Expected codes: JB_EINVAL, JB_ELOCKED, JB_EDATABASE, JB_EUNSUPPORTED, JB_EIO, JB_ECANCELED. */
JB_API JB_MUST_USE int backup_create(jb_project *project, const struct jb_backup_options *options,
                                     jb_report **report, struct jb_error *err);

/* ---- Verify -------------------------------------------------------------------------------- */

/* How deep a verification goes. */
enum jb_depth {
    JB_DEPTH_CONTENT = 0, /* every member, entry, dump block and page decoded, digests compared */
    JB_DEPTH_BYTES = 1,   /* checksums of the stored files */
    JB_DEPTH_RESTORE = 2  /* content, then restored to a scratch place and compared again */
};

struct jb_verify_options {
    size_t size;
    const char *timestamp; /* NULL: every backup */
    int depth;             /* enum jb_depth */
    int latest; /* 1: only the newest backup; a newer one whose manifest is damaged is an ERROR */
    int sample; /* of code archives only about so many percent; 0: all of it */
    int if_older_days; /* at JB_DEPTH_BYTES: what was read in full and found right within so many
                          days is not read, only looked for; 0: all is read */
};
#define JB_VERIFY_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct jb_verify_options), NULL, 0, 0, 0, 0                                         \
    }

/* Reads every artifact in full: checksums, every member and entry of an archive decoded, file
 * digests against the index, every SQLite copy opened and its tables compared, every block of a
 * PostgreSQL dump decoded and its tables compared. At JB_DEPTH_RESTORE all is restored, too: a
 * dump into a new database on its server, or, where that can't be, on a throw-away one of our own,
 * a SQLite database and the code into a temporary folder; and compared in all that a backup says.
 * What was found is kept beside the backup (proof_TS.json) with its date.
 * Figures: backups, artifacts, files, tables, bytes_read, bytes_restored, duration_ms, depth,
 * sample, bad (backups with an ERROR), incomplete (how many of these only have what could not be
 * compared), read_mb_s, decoded_mb_s, restored_mb_s (MB of 1,000,000 bytes per
 * second; 0: not done, or too fast to tell), skipped (artifacts that were read of late, so not now;
 * not among artifacts).
 * Rows: one per backup: timestamp, category, type, ok, result ("equal", "different", "incomplete",
 * "skipped": equal as far as it was read now, which is kept as no proof), depth, artifacts (all),
 * files, tables, duration_ms, restored_in (of PostgreSQL: where; or null), skipped.
 * No backup at all is an ERROR finding, never a pass; so is a manifest that can't be read, which
 * counts as a bad backup without a row, and what could not be compared. A speed under half of what
 * is usual on this host is a WARNING. Expected codes: JB_EINVAL, JB_ENOTFOUND, JB_ECANCELED. */
JB_API JB_MUST_USE int backup_verify(jb_project *project, const struct jb_verify_options *options,
                                     jb_report **report, struct jb_error *err);

/* ---- Test the installation ----------------------------------------------------------------- */

/* The names of the tests, in the order in which they run: "executable", "database", "backup",
 * "integrity", "restore", "cleanup", "stats", "shell", "systemd"; NULL past the end. */
JB_API const char *jb_system_test_name(size_t index);

struct jb_system_options {
    size_t size;
    const char *test;      /* only this one; NULL: all */
    const char *timestamp; /* integrity and restore: only this backup; NULL: as below */
    int depth;             /* integrity: enum jb_depth */
    int latest;            /* integrity: only the newest backup, not every one */
    int all;               /* restore: every backup, not only the newest with each component */
    int sample;            /* integrity: as in struct jb_verify_options */
    int write_report;      /* 1: the result is also written into the repository */
    const char *program;   /* the tool jbackup; NULL: as found on PATH */
    const char *shell;     /* backup.sh; NULL: the project's, else beside program, else on PATH */
};
#define JB_SYSTEM_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct jb_system_options), NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL                    \
    }

/* Tests that backups are made, kept and can be restored here: each test does the real thing, in a
 * place of its own where it writes; the user's backups are read only (what backup_verify found of
 * them is kept with them). A test without an ERROR finding has passed; one that could not run has
 * one. Subjects of findings begin with the test's name.
 * Figures: at, host, tool, project, repository; tests, passed, failed; backups, proved, checked,
 * unchecked, broken (how many of them are); newest, newest_at, newest_proved, proved_at,
 * proof_age_s (null and -1: none); read_mb_s, decoded_mb_s, restored_mb_s (of what integrity and
 * restore did now; 0: they did not, or in no time), restore_estimate_ms of the backup
 * restore_estimate_of (how long restoring all of it takes; 0 and null: not known); duration_ms;
 * json, html: the files written, or null. Rows: with row = "test": test, ok, level (the worst,
 * null: no finding), findings, duration_ms, did (what was done, a sentence). With row = "backup",
 * newest first: timestamp, category, type, created_at, created_unix (seconds), total_size,
 * duration_ms (its making), label, pinned, proof, proof_at, proof_depth as in jb_list. With row =
 * "run", newest first, the verifications that are remembered, at most 100: at, at_unix, timestamp,
 * depth, result, sample, duration_ms, read_mb_s, decoded_mb_s, restored_mb_s. With write_report:
 * backup_verification_report_TS.json, this report, and the same as a page
 * (.html) that needs nothing else, both with mode 0600.
 * Programs: those of the other verbs; the tool jbackup, backup.sh, sh and systemctl.
 * Expected codes: JB_EINVAL, JB_ENOTFOUND (that backup), JB_EIO, JB_ECANCELED. */
JB_API JB_MUST_USE int jb_verify_system(jb_project *project,
                                        const struct jb_system_options *options, jb_report **report,
                                        struct jb_error *err);

/* ---- Restore ------------------------------------------------------------------------------- */

struct jb_restore_options {
    size_t size;
    const char *timestamp; /* required */
    const char *to;        /* a folder, absent or empty; made if absent. NULL: in place */
    const char *path;      /* only this file or folder of the code; NULL: everything */
    const char *database;  /* only this database, by name; NULL: everything */
    int type;              /* enum jb_type */

    /* In place only: */
    const char *environment;   /* "staging", "test" ... of the configuration; NULL: production */
    int confirm;               /* 1: production may be replaced */
    int plan;                  /* 1: only tell what would be done */
    int without_safety_backup; /* 1: even if the present state can't be backed up */
    int discard_old;           /* 1: don't keep the old state for a rollback */
    int wait_s;                /* for another run */
};
#define JB_RESTORE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_restore_options), NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0, 0          \
    }

/*
 * With to: restores a backup into an empty place: the code with its tree, a database at its place
 * in that tree or, if it has none there, under databases/; without the code, databases alone. A
 * PostgreSQL database is laid out, not loaded: <name>.dump, with its <name>.sql and globals.sql
 * beside it if the backup has them, and an INFO finding whose hint loads it. Every file is compared
 * with its digest on the way. A place that is not empty is refused; on failure what was written is
 * removed again.
 * Figures: timestamp, to, files, file_bytes, databases, duration_ms.
 * Rows: one per database: database, path (below to).
 *
 * In place: replaces code and databases, all or none of them, in these steps: what can be told
 * beforehand is checked; everything is restored beside what lives and compared, while the service
 * runs; the present state is backed up (of production); the service is stopped; old and new are
 * exchanged; the service is started; all is verified. A failure puts the old state back:
 * JB_EROLLEDBACK, or JB_EROLLBACK if that failed, too. Until the service is stopped it may be
 * canceled, and nothing is changed then. Killed at any moment, the next restore, or jb_recover,
 * puts the old state back. Code that the backup leaves out (excluded, repositories) stays as it is,
 * and so do jbackup.json and .env in the root, which say how things are here today. The old state
 * is kept beside until the next backup of production, jb_discard_old or the exchange of another
 * restore. A restore
 * of production needs confirm; without it, and with plan, nothing is changed. Figures: timestamp,
 * environment, root, service, service_active, health, space_needed, space_free (on the disk of the
 * root), last_restore_ms (how long restoring this backup took last, 0: not known), confirm_needed,
 * done, safety (a timestamp), down_ms (how long the service was down), duration_ms. Rows: with row
 * = "replace", one per thing: kind ("codebase", "sqlite", "postgresql"), name, place, size (bytes
 * to come), way ("exchange", or "in place": a PostgreSQL database that the login may neither make
 * anew nor rename, which a WARNING finding says beforehand; it is emptied and restored in one
 * transaction while the service is stopped, and a dump of the old state is kept); when it is done
 * also with row = "kept": name, place (of the old state). The report is handed over with
 * JB_EROLLEDBACK and JB_EROLLBACK, too (why, as findings), and with JB_EINVAL for want of confirm
 * (the plan).
 *
 * Programs: those of the other verbs; systemctl, or the commands that the configuration names.
 * Expected codes: JB_EINVAL, JB_ENOTFOUND, JB_ECORRUPT, JB_EIO, JB_EDATABASE, JB_EUNSUPPORTED,
 * JB_ELOCKED, JB_ECANCELED, JB_EROLLEDBACK, JB_EROLLBACK.
 */
JB_API JB_MUST_USE int restore_safe(jb_project *project, const struct jb_restore_options *options,
                                    jb_report **report, struct jb_error *err);

struct jb_recover_options {
    size_t size;
    int wait_s; /* for another run */
};
#define JB_RECOVER_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_recover_options), 0                                                       \
    }

/* The last restore in place. Figures: state ("none", "open": one began and has not ended; "kept":
 * it stands, and the old state is kept), phase, id, timestamp, safety, type, environment, began_at,
 * service, running (another process is at it right now). Rows: with row = "target": kind, name,
 * place (of the old state that is kept; null: not known). An open one that nobody is at is a
 * CRITICAL finding. */
JB_API JB_MUST_USE int jb_restore_state(jb_project *project,
                                        const struct jb_recover_options *options,
                                        jb_report **report, struct jb_error *err);
/* Ends what a crash left: puts the old state back, or goes on removing what was to be removed.
 * Figures: recovered (0: there was nothing to do), timestamp, state ("old", "new" or null),
 * duration_ms. JB_EROLLBACK: it could not be done; it may be called again. */
JB_API JB_MUST_USE int jb_recover(jb_project *project, const struct jb_recover_options *options,
                                  jb_report **report, struct jb_error *err);
/* Goes back to the state before the last restore in place, while that is kept; what has been
 * written since is lost. JB_ENOTFOUND: nothing is kept. Figures: timestamp, environment, down_ms,
 * duration_ms. */
JB_API JB_MUST_USE int jb_rollback(jb_project *project, const struct jb_recover_options *options,
                                   jb_report **report, struct jb_error *err);
/* Removes the old state that the last restore in place has kept. JB_ENOTFOUND: nothing is kept.
 * Figures: timestamp, duration_ms. */
JB_API JB_MUST_USE int jb_discard_old(jb_project *project, const struct jb_recover_options *options,
                                      jb_report **report, struct jb_error *err);

/* ---- The service --------------------------------------------------------------------------- */

enum jb_service_action {
    JB_SERVICE_LOOK = 0,
    JB_SERVICE_START = 1,
    JB_SERVICE_STOP = 2,
    JB_SERVICE_RESTART = 3
};

struct jb_service_options {
    size_t size;
    int action; /* enum jb_service_action */
};
#define JB_SERVICE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_service_options), 0                                                       \
    }

/* The application's service, as "service" of jbackup.json names it; where it names none, looking
 * says so by nulls, and all else is JB_ENOTFOUND. A start ends when it is up and has stayed so for
 * a second, a stop when it is down; both are fine if it is so already. While a restore in place has
 * not ended all but looking is JB_ELOCKED. Figures: service (its unit, or the program that starts
 * it), manager ("system", "user" or "commands"), active. Programs: systemctl, or the commands that
 * the configuration names. Expected codes: JB_EINVAL, JB_ENOTFOUND, JB_ELOCKED, JB_EIO. */
JB_API JB_MUST_USE int jb_service(jb_project *project, const struct jb_service_options *options,
                                  jb_report **report, struct jb_error *err);

/* ---- Monitor ------------------------------------------------------------------------------- */

/* The names of the checks, in the order in which they run: "freshness", "proof", "integrity",
 * "size", "systemd", "disk", "database", "restore", "permissions", "clock", "versions", "delivery";
 * NULL past the end. */
JB_API const char *jb_monitor_check_name(size_t index);

/* Called for each finding as soon as its check has ended, on the caller's thread; borrowed during
 * the call. */
typedef void (*jb_finding_hook)(void *user, const char *check, const struct jb_finding *finding);

struct jb_monitor_options {
    size_t size;
    const char *check; /* only this one; NULL: all */
    int alert; /* 1: incidents are opened, escalated and ended, and alerts are sent; 0: only look */
    int write_report; /* 1: also backup_health_report_TS.json and .html in the repository */
    const char
        *prometheus; /* also a text file of metrics, written atomically; NULL: as configured */
    jb_finding_hook finding; /* may be NULL */
    void *user;              /* of finding */
};
#define JB_MONITOR_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_monitor_options), NULL, 0, 0, NULL, NULL, NULL                            \
    }

/* Whether the project could be restored right now, to a point that is recent enough, judged by what
 * lies in the repository. Without a repository there is one CRITICAL finding. Subjects of findings
 * begin with the check's name, a colon and a space, and stay the same while the trouble does.
 * backup_monitor_config.json is made on first use. Stored files are read in turns, each within
 * reread_days, new ones at once; what was found of them is kept with them.
 * Figures: at, host, tool, project, repository; checks, bad (checks with a finding of WARNING or
 * worse); newest, newest_at, newest_age_s, newest_size, newest_type; proved, proved_at, proof_age_s
 * (null and -1: none); backups, total_size, stored_size, disk_total, disk_free, disk_used_percent,
 * disk_full_days (-1: not known); artifacts_read, bytes_read (by integrity, now); incidents (open),
 * alerts (put into the spool now), waiting (in the spool); duration_ms; json, html: files written,
 * or null. Rows: with row = "check": check, level (the worst, null: no finding), findings, did
 * (what was seen, a sentence), duration_ms. With row = "backup", newest first, at most 400: as in
 * jb_verify_system. With row = "disk", oldest first: at, at_unix, used, total. With row =
 * "incident", the open ones: key, check, level, message, opened_at, told_at. Programs: systemctl,
 * pg_dump --version. Expected codes: JB_EINVAL (options, configuration), JB_ELOCKED (another check
 * alerts), JB_EIO, JB_ECANCELED. */
JB_API JB_MUST_USE int monitor_check(jb_project *project, const struct jb_monitor_options *options,
                                     jb_report **report, struct jb_error *err);

struct jb_monitor_config_options {
    size_t size;
    const char *key;   /* set this one (in the file); NULL: only show */
    const char *value; /* to this; lists: separated by commas; "null": none */
};
#define JB_MONITOR_CONFIG_OPTIONS_INIT                                                             \
    {                                                                                              \
        sizeof(struct jb_monitor_config_options), NULL, NULL                                       \
    }
/* The effective values of backup_monitor_config.json (made if it is absent) and of mail. Rows: key,
 * value (JSON; of secrets only whether they are set), standard (the default), source ("default", a
 * file, "environment"). Figures: path. JB_EINVAL: no such key, or an impossible value; nothing is
 * changed then. */
JB_API JB_MUST_USE int jb_monitor_config(jb_project *project,
                                         const struct jb_monitor_config_options *options,
                                         jb_report **report, struct jb_error *err);

struct jb_history_options {
    size_t size;
    int days; /* back; 0: 30 */
};
#define JB_HISTORY_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_history_options), 0                                                       \
    }
/* What was wrong when, newest first. Rows: key, check, level (the worst told), message, opened_at,
 * ended_at (null: it lasts), duration_s. Figures: open, ended. */
JB_API JB_MUST_USE int jb_monitor_history(jb_project *project,
                                          const struct jb_history_options *options,
                                          jb_report **report, struct jb_error *err);

struct jb_test_mail_options {
    size_t size;
    const char *recipient; /* NULL: those of the configuration */
};
#define JB_TEST_MAIL_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct jb_test_mail_options), NULL                                                  \
    }
/* Sends one mail now and says what came of it. Figures: server, port, from, tls, step (where it
 * failed; null), reply, accepted, refused, duration_ms. JB_EIO: it was not taken by all; the report
 * is handed over then, too. */
JB_API JB_MUST_USE int jb_test_mail(jb_project *project, const struct jb_test_mail_options *options,
                                    jb_report **report, struct jb_error *err);

struct jb_alert_options {
    size_t size;
    const char *subject; /* required: the unit or job that failed; names the incident */
    const char *message; /* required: what happened */
    int level;           /* enum jb_level; JB_INFO: it is well again, which resolves the incident */
};
#define JB_ALERT_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(struct jb_alert_options), NULL, NULL, 0                                             \
    }
/* Opens (or ends) an incident of the check "job" by the caller's word and sends what is to be told,
 * at once or by the spool. Figures: told (1: an alert was made), waiting. */
JB_API JB_MUST_USE int jb_alert(jb_project *project, const struct jb_alert_options *options,
                                jb_report **report, struct jb_error *err);

/* ---- Schedule ------------------------------------------------------------------------------ */

struct jb_schedule_options {
    size_t size;
    int user;           /* 1: of this user's systemd; 0: of the system's */
    int dry_run;        /* say what would be done, do nothing */
    int force;          /* install: replace units that were edited by hand */
    const char *tools;  /* the folder of the tools; NULL: where jbackup is found on PATH */
    const char *run_as; /* of the system's: this user; NULL: as configured, else who owns the
                           repository, else the root of the code */
};
#define JB_SCHEDULE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(struct jb_schedule_options), 0, 0, 0, NULL, NULL                                    \
    }

/* The units of the project's schedules as they would be installed: nothing is changed. Figures:
 * folder (where they go), run_as (null: it is the user's), project (its folder), tools. Rows: unit,
 * path, text, state ("absent", "same", "different": made by us for another configuration, "edited":
 * by hand, "foreign": not ours). */
JB_API JB_MUST_USE int jb_schedule_units(jb_project *project,
                                         const struct jb_schedule_options *options,
                                         jb_report **report, struct jb_error *err);
/* Writes and enables the units; checked by systemd's own parser first. All or none. Units that we
 * did not make are left alone (JB_EINVAL if one has a name of ours); ones that were edited by hand
 * are kept, with their difference as a WARNING, unless force. Figures: folder, run_as, changed.
 * Rows: unit, path, change ("new", "changed", "same", "kept", "removed"), text (with dry_run), next
 * (of a timer, when it is done), diff (of a kept one). Programs: systemctl, systemd-analyze.
 * JB_EUNSUPPORTED: there is no systemd here. */
JB_API JB_MUST_USE int jb_schedule_install(jb_project *project,
                                           const struct jb_schedule_options *options,
                                           jb_report **report, struct jb_error *err);
/* Stops, disables and removes the units that jb_schedule_install made for this project, their links
 * and timer stamps. Figures: folder, changed. Rows: unit, path, change. */
JB_API JB_MUST_USE int jb_schedule_uninstall(jb_project *project,
                                             const struct jb_schedule_options *options,
                                             jb_report **report, struct jb_error *err);
/* How the schedules do. What is wrong is a finding with the unit as subject: not installed,
 * disabled, never ran, last run failed, no linger, edited by hand, tool moved. Figures: manager
 * ("system", "user", "cron" or null: none), in_force. Rows: schedule, unit, at (the expression),
 * enabled, active, next, last, result ("ok", "findings", "failed", "running", null: never),
 * duration_ms, timestamp (the backup that the last run made), by, error. */
JB_API JB_MUST_USE int jb_schedule_status(jb_project *project,
                                          const struct jb_schedule_options *options,
                                          jb_report **report, struct jb_error *err);

struct jb_perform_options {
    size_t size;
    const char *schedule; /* required: "daily", "weekly", "monthly", "verify" */
    int if_due; /* 1: only if the last run began before the newest time of the schedule; 0: now */
    const char *by; /* who asks: "timer", "cron", "hand" (NULL) */
    int wait_s;     /* for another run */
};
#define JB_PERFORM_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_perform_options), NULL, 0, NULL, 0                                        \
    }
/* What a schedule does: its backup and cleanup, or its verification; the run is recorded in the
 * repository. Figures: schedule, performed (0: it was not due), timestamp, duration_ms; and with
 * them the figures and findings of the verbs called. Codes as of these. */
JB_API JB_MUST_USE int jb_schedule_perform(jb_project *project,
                                           const struct jb_perform_options *options,
                                           jb_report **report, struct jb_error *err);
struct jb_run_options {
    size_t size;
    const char *schedule; /* required: a name as above, or "monitor" */
    int user;    /* 1: only this user's systemd is asked; 0: the system's, then the user's */
    int no_wait; /* 1: start it and be done; what systemd does not start is waited for */
    int wait_s;  /* for another run */
};
#define JB_RUN_OPTIONS_INIT                                                                        \
    {                                                                                              \
        sizeof(struct jb_run_options), NULL, 0, 0, 0                                               \
    }
/* Runs a schedule now: its service by systemd where that is installed, so in the same sandbox and
 * with the same log, else as jb_schedule_perform (or monitor_check) does. A run by systemd that
 * failed is an ERROR finding. Canceled, it goes on, and JB_ECANCELED is the answer. Figures:
 * schedule, manager ("system", "user", null: none), unit, waited, result ("ok", "findings",
 * "failed"; null: not waited for), timestamp, error, duration_ms; with them those of the verbs
 * called, if no manager did it. Rows: line (of the journal, of a failure). Programs: systemctl,
 * journalctl. */
JB_API JB_MUST_USE int jb_schedule_run(jb_project *project, const struct jb_run_options *options,
                                       jb_report **report, struct jb_error *err);
/* The schedules as a crontab fragment with the same meaning: figure text. options->tools as above.
 * JB_EINVAL: a time that cron can't be told. */
JB_API JB_MUST_USE int jb_schedule_crontab(jb_project *project,
                                           const struct jb_schedule_options *options,
                                           jb_report **report, struct jb_error *err);

/* ---- Look ---------------------------------------------------------------------------------- */

struct jb_list_options {
    size_t size;
    const char *category; /* only this one; NULL: all */
};
#define JB_LIST_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(struct jb_list_options), NULL                                                       \
    }

/* The backups, newest first.
 * Rows: timestamp, category, type, created_at, total_size, label, pinned, keep_until (when cleanup
 * may have it; null: as the retention says), freed (bytes that its removal alone would free: what
 * other backups share with it stays), git_commit, databases (names, separated by commas),
 * files; and what verifications of it found: proof, which is
 * "unchecked", "checked" (found equal by its bytes or content), "proved" (found equal when it was
 * restored) or "broken" (until as deep a verification, of all of it, finds it equal), proof_at
 * (when that was found, or null) and proof_depth ("bytes", "content", "restore", or null).
 * A damaged manifest is an ERROR finding, damaged proofs are a WARNING. */
JB_API JB_MUST_USE int jb_list(jb_project *project, const struct jb_list_options *options,
                               jb_report **report, struct jb_error *err);

struct jb_backup_ref {
    size_t size;
    const char *timestamp; /* required */
};
#define JB_BACKUP_REF_INIT                                                                         \
    {                                                                                              \
        sizeof(struct jb_backup_ref), NULL                                                         \
    }

/* One backup. Figures: those of a jb_list row, and host, tool, duration_ms, git_branch, git_dirty
 * (-1 unknown), path, manifest (the manifest itself, in the JSON only).
 * Rows: one per artifact (path, kind, name, size, raw_size, sha256; of a PostgreSQL database
 * server_version, encoding, snapshot_time, too) with field row = "artifact", then one per table
 * (database, schema, name, table_rows, sha256) with row = "table"; SQLite has no schema. Last
 * one per verification that is remembered, newest first, with row = "proof": at, depth, result
 * ("equal", "different", or "incomplete": something could not be compared), sample (percent), host,
 * tool, duration_ms, files, tables, bytes_read, bytes_restored, findings (how many are kept). */
JB_API JB_MUST_USE int jb_show(jb_project *project, const struct jb_backup_ref *backup,
                               jb_report **report, struct jb_error *err);

/* What lies in the code archive (none: JB_ENOTFOUND). Rows: path, type (file, folder, symlink,
 * hardlink, fifo), size, mode (number), uid, gid, mtime (ISO 8601 with offset), sha256, link.
 * Figures: timestamp, files, file_bytes. */
JB_API JB_MUST_USE int jb_files(jb_project *project, const struct jb_backup_ref *backup,
                                jb_report **report, struct jb_error *err);

struct jb_find_options {
    size_t size;
    const char *pattern; /* required: a shell pattern; without a slash it matches the base name */
};
#define JB_FIND_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(struct jb_find_options), NULL                                                       \
    }

/* Which backups hold which versions of a file. Rows, newest backup first: timestamp, path, type,
 * size, mtime, sha256, version (1 for the oldest content of that path, counted up; 0 if it has no
 * content). Figures: backups (searched), matches. */
JB_API JB_MUST_USE int jb_find(jb_project *project, const struct jb_find_options *options,
                               jb_report **report, struct jb_error *err);

struct jb_diff_options {
    size_t size;
    const char *from; /* required: the timestamp of one backup */
    const char *to;   /* required: of the other */
};
#define JB_DIFF_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(struct jb_diff_options), NULL, NULL                                                 \
    }

/* What differs. Rows: change (added, removed, changed), path, or table and database; what (content,
 * mode, owner, time, type, link, rows, ... joined by commas), from_size, to_size (or from_rows,
 * to_rows). A table of PostgreSQL is schema.name; its large objects count as one table, "large
 * objects"; sequences are not compared. A row with a database and no table is of its schema
 * (definitions: the names of what differs in it, if known), or of a database that only one of the
 * two holds. What is not compared is a WARNING finding: a component
 * that only one of them holds; all but the tables where a dump is as pg_dump made it.
 * Figures: from, to, added, removed, changed. */
JB_API JB_MUST_USE int jb_diff(jb_project *project, const struct jb_diff_options *options,
                               jb_report **report, struct jb_error *err);

struct jb_diff_live_options {
    size_t size;
    const char *timestamp; /* required */
    const char *path;      /* only this file or folder of the code; NULL: everything */
    const char *database;  /* only this database, by name; NULL: everything */
    int type;              /* enum jb_type */
};
#define JB_DIFF_LIVE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct jb_diff_live_options), NULL, NULL, NULL, 0                                   \
    }

/* What a restore in place would change: the live system held against a backup. Nothing is written
 * to either; SQLite databases are copied to a temporary folder in /var/tmp first, PostgreSQL is
 * read in one read-only transaction. Rows as of jb_diff, from the live system to the backup: added
 * (a restore adds it), removed (it takes it away), changed, with content or type in what if it
 * replaces it, else only mode, owner, time or link. All files of the recorded size are read;
 * extended attributes are not compared; what a restore leaves alone has no row, and if the backup
 * has it, an INFO finding. Tables have other content, too, if their rows come in another order. The
 * row of a schema has definitions, the names of what differs. A row with a sequence has from_value
 * and to_value. What could not be read is an ERROR finding, a file that changed or vanished
 * meanwhile, or what a restore would refuse, a WARNING. Figures: from ("live"), to (the backup),
 * result ("equal", "different", or "incomplete": something could not be compared), added, removed,
 * changed (rows); of them files_added, files_removed, files_replaced, files_metadata (entries of
 * the code) and in_databases; files, databases, tables (compared), not_compared, bytes_read (of
 * files), duration_ms. Programs: pg_dump. Expected codes: JB_EINVAL, JB_ENOTFOUND, JB_ECORRUPT,
 * JB_EIO, JB_ECANCELED. */
JB_API JB_MUST_USE int jb_diff_live(jb_project *project, const struct jb_diff_live_options *options,
                                    jb_report **report, struct jb_error *err);

struct jb_stats_options {
    size_t size;
};
#define JB_STATS_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(struct jb_stats_options)                                                            \
    }

/* Figures: backups, total_size (sum over the backups), stored_size (bytes on disk, hard links
 * counted once), disk_free, disk_total, newest, oldest, repository. Rows: one per category:
 * category, backups, total_size, freed (bytes that the removal of all of them would free), newest,
 * oldest. */
JB_API JB_MUST_USE int jb_stats(jb_project *project, const struct jb_stats_options *options,
                                jb_report **report, struct jb_error *err);

/* ---- Keep and remove ----------------------------------------------------------------------- */

struct jb_cleanup_options {
    size_t size;
    int dry_run; /* say what would be removed, remove nothing */
    int wait_s;
};
#define JB_CLEANUP_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct jb_cleanup_options), 0, 0                                                    \
    }

/* Applies the retention of the project. Never removes a pinned backup, nor one before the end of
 * its keep_days, nor the newest good one of a component, nor a file that jbackup did not make. Good
 * means that its files are there with their sizes; backup_verify reads them. Rows: timestamp,
 * category, keep, reason, total_size, freed (bytes that its removal frees). Figures: kept, removed,
 * freed, dry_run. */
JB_API JB_MUST_USE int jb_cleanup(jb_project *project, const struct jb_cleanup_options *options,
                                  jb_report **report, struct jb_error *err);

struct jb_change_options {
    size_t size;
    const char *timestamp; /* required */
    int wait_s;
    int dry_run; /* jb_remove: say what would be freed, remove nothing; else JB_EINVAL */
};
#define JB_CHANGE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct jb_change_options), NULL, 0, 0                                               \
    }

/* Removes one backup; a pinned one is refused with JB_EINVAL. Figures: timestamp, freed,
 * dry_run. */
JB_API JB_MUST_USE int jb_remove(jb_project *project, const struct jb_change_options *options,
                                 jb_report **report, struct jb_error *err);
/* Keeps one backup from cleanup and removal, or no longer; unpin ends its keep_days, too. Figures:
 * timestamp, pinned. */
JB_API JB_MUST_USE int jb_pin(jb_project *project, const struct jb_change_options *options,
                              jb_report **report, struct jb_error *err);
JB_API JB_MUST_USE int jb_unpin(jb_project *project, const struct jb_change_options *options,
                                jb_report **report, struct jb_error *err);

#ifdef __cplusplus
}
#endif

#endif
