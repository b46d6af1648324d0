/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_MONITOR_CONFIG_H
#define JBI_REPOSITORY_MONITOR_CONFIG_H

#include "repository/layout.h"

/*
 * backup_monitor_config.json in the repository (0600: a webhook's URL may be a secret). One table
 * names every key, its section, kind, limits and default, and drives reading, printing, setting and
 * the man page's list:
 *
 *     {"monitoring": {"max_backup_age_hours": 26, "min_backup_size_mb": 1,
 * "check_interval_minutes": 60, "disk_usage_threshold": 85, "max_proof_age_days": 8, "reread_days":
 * 7, "size_drop_percent": 50, "disk_full_days": 14, "services": true, "database": true},
 *      "alerting": {"email_enabled": true, "email_recipients": [], "alert_cooldown_minutes": 60,
 *        "min_level": "WARNING", "webhook_url": null, "webhook_format": "json", "ping_url": null,
 *        "prometheus_file": null, "journal": true}}
 */
#define MONITOR_CONFIG_NAME    "backup_monitor_config.json"
#define MONITOR_RECIPIENTS_MAX 50

enum webhook_format { WEBHOOK_JSON, WEBHOOK_SLACK, WEBHOOK_NTFY };

struct monitor_config {
    int max_backup_age_hours;   /* 1 to 87600 */
    int64_t min_backup_size;    /* bytes; in the file MB of 1,000,000, also 0.5 */
    int check_interval_minutes; /* 1 to 10080 */
    int disk_usage_threshold;   /* percent, 1 to 100 */
    int max_proof_age_days;     /* 0: proofs are not asked for */
    int reread_days;            /* within which every artifact is read again; 0: never */
    int size_drop_percent;      /* 0: not looked at */
    int disk_full_days;         /* forecast: a WARNING if it is full within so many days */
    bool services, database;    /* whether those are checked */
    bool email_enabled;
    const char **email_recipients;
    size_t recipient_count;
    int alert_cooldown_minutes; /* 1 to 10080 */
    int min_level;              /* enum jb_level: what is alerted */
    const char *webhook_url;    /* NULL: none */
    enum webhook_format webhook_format;
    const char *ping_url;        /* dead man's switch; NULL: none */
    const char *prometheus_file; /* NULL: none */
    bool journal;                /* findings go to systemd's journal, where there is one */
    const char *sources[32];     /* by number of the key: "default" or the file's name */
};

/* Reads it; absent: the defaults (*is_there false). JB_EINVAL names file, line and key: unknown
 * key, wrong type, impossible value. */
int jbi_monitor_config_load(struct monitor_config *out, const struct repository *repository,
                            struct arena *arena, bool *is_there, struct jb_error *err);
/* From text, for tests and fuzzing, too; text[len] is NUL. */
int jbi_monitor_config_parse(struct monitor_config *out, const char *text, size_t len,
                             const char *name, struct arena *arena, struct jb_error *err);
/* Writes the file with the defaults if it is absent. */
int jbi_monitor_config_make(const struct repository *repository, struct jb_error *err);
/* Sets one key ("max_backup_age_hours", or with its section before it and a dot) to the value that
 * value says (a list: separated by commas; null: "null" or ""); what else stands in the file stays.
 * Read back before it replaces the old one. */
int jbi_monitor_config_set(const struct repository *repository, const char *key, const char *value,
                           struct jb_error *err);
/* Number, full name ("monitoring.max_backup_age_hours"), effective value as JSON text (URLs without
 * what may be secret in them), and default of a key; false past the end. */
bool jbi_monitor_config_key(const struct monitor_config *config, size_t number, struct arena *arena,
                            const char **name, const char **value, const char **standard);

#endif
