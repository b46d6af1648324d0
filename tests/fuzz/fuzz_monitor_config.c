/* SPDX-License-Identifier: MIT */
/* The reader of backup_monitor_config.json. What is accepted is within its limits, and every key of
 * it can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "repository/monitor_config.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_limits(const struct monitor_config *config)
{
    expect(config->max_backup_age_hours >= 1 && config->max_backup_age_hours <= 87600);
    expect(config->min_backup_size >= 0 && config->disk_usage_threshold <= 100);
    expect(config->recipient_count <= MONITOR_RECIPIENTS_MAX);
    for (size_t i = 0; i < config->recipient_count; i++)
        expect(strpbrk(config->email_recipients[i], "\r\n <>") == NULL);
    expect(config->webhook_url == NULL || strpbrk(config->webhook_url, "\r\n") == NULL);
    expect(config->prometheus_file == NULL || config->prometheus_file[0] == '/');
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = {0};
    struct monitor_config config;
    struct jb_error err = {0};
    char *text = calloc(1, size + 1);
    const char *name, *value, *standard;
    expect(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    int code = jbi_monitor_config_parse(&config, text, size, "fuzz", &arena, &err);
    expect(code == err.code);
    check_limits(&config);
    for (size_t i = 0; jbi_monitor_config_key(&config, i, &arena, &name, &value, &standard); i++) {
        expect(value[0] != '?' && config.sources[i] != NULL);
        expect(code == JB_OK || strcmp(value, standard) == 0);
    }
    jbi_arena_free(&arena);
    free(text);
    return 0;
}
