/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_MONITOR_CONFIG_KEYS_H
#define JBI_REPOSITORY_MONITOR_CONFIG_KEYS_H

#include "adapter/json.h"
#include "repository/monitor_config.h"

/* The keys of backup_monitor_config.json, in the order in which the file has them. */

struct monitor_key;

/* What a value may be. */
struct monitor_kind {
    const char *expected; /* "a whole number", for messages */
    /* From JSON into the configuration, at to. JB_EINVAL: why's text says what it must be, and
     * shows nothing that may be secret. */
    int (*take)(const struct monitor_key *key, const struct json *value, struct arena *arena,
                void *to, struct jb_error *why);
    /* Into object under that name; is_shown: without what may be secret. false: out of memory. */
    bool (*put)(struct json *object, const char *name, const void *from, bool is_shown);
    /* The same of what a person typed, whether it is fit or not. */
    bool (*put_typed)(struct json *object, const char *name, const char *text);
};

struct monitor_key {
    const char *section, *name, *full; /* full: with the section before it, and a dot */
    const struct monitor_kind *kind;
    size_t offset; /* in struct monitor_config */
    int least, most;
};

#define MONITOR_KEYS_MAX (sizeof((struct monitor_config *)0)->sources / sizeof(const char *))

extern const struct monitor_key jbi_monitor_keys[]; /* ends with a NULL name */

void jbi_monitor_config_standard(struct monitor_config *out);

#endif
