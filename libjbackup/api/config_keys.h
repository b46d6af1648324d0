/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_CONFIG_KEYS_H
#define JBI_API_CONFIG_KEYS_H

#include "adapter/json.h"
#include "api/project.h"

/* How the keys of a jbackup.json are read. Errors are JB_EINVAL and name file, line and key. */

#define CONFIG_DEPTH 5

struct config {
    struct jb_project *project;
    struct environment *environment; /* whose keys are read; NULL: production, the project's */
    const char *text;
    const char *name; /* of the file, for messages */
    const char *base;
    const char *sections[CONFIG_DEPTH]; /* the keys of the objects that are read */
    size_t depth;
    void *object; /* what the keys of the innermost one fill in */
};

struct key {
    const char *name;
    int (*take)(const struct config *, const char *key, const struct json *value,
                struct jb_error *);
};

/* Where the key stands: "jbackup.json, line 3". */
const char *jbi_config_where(const struct config *config, const char *key);
int jbi_config_wrong_type(const struct config *config, const char *key, const struct json *value,
                          const char *expected, struct jb_error *err);

int jbi_config_text(const struct config *config, const char *key, const struct json *value,
                    const char **out, struct jb_error *err);
int jbi_config_path(const struct config *config, const char *key, const struct json *value,
                    const char **out, struct jb_error *err);
int jbi_config_flag(const struct config *config, const char *key, const struct json *value,
                    bool *out, struct jb_error *err);
int jbi_config_number(const struct config *config, const char *key, const struct json *value,
                      int least, int most, int *out, struct jb_error *err);
/* Adds the URLs to the project's databases. */
int jbi_config_databases(const struct config *config, const char *key, const struct json *value,
                         struct jb_error *err);

/* The object at key, by the table of its keys, which ends with a NULL; they fill object in. */
int jbi_config_section(const struct config *config, const char *key, const struct json *value,
                       const struct key *known, void *object, struct jb_error *err);

/* Of service, of health, of environments and of schedule. */
int jbi_config_service(const struct config *config, const char *key, const struct json *value,
                       struct jb_error *err);
int jbi_config_service_timeout(const struct config *config, const char *key,
                               const struct json *value, struct jb_error *err);
int jbi_config_health(const struct config *config, const char *key, const struct json *value,
                      struct jb_error *err);
int jbi_config_environments(const struct config *config, const char *key, const struct json *value,
                            struct jb_error *err);
int jbi_config_schedule(const struct config *config, const char *key, const struct json *value,
                        struct jb_error *err);
/* When all is read: a time limit alone is no service. */
void jbi_config_finish_service(struct jb_project *project);

#endif
