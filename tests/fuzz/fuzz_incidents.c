/* SPDX-License-Identifier: MIT */
/* The reader of incidents.json. What is accepted is read back equal from what is printed of it, and
 * a run of checks over it stays within its limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "repository/incidents.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_round_trip(const struct incidents *incidents, struct arena *arena)
{
    struct incidents again;
    char *text = jbi_incidents_print(incidents);
    expect(text != NULL &&
           jbi_incidents_parse(&again, text, strlen(text), "again", arena, NULL) == JB_OK);
    char *same = jbi_incidents_print(&again);
    expect(same != NULL && strcmp(text, same) == 0);
    free(text);
    free(same);
}

static void check_run(struct incidents *incidents, struct arena *arena)
{
    static const char *const checks[] = {"freshness", "job"};
    const struct incident_sight sight = {"freshness", "journal", JB_ERROR, "old", ""};
    const struct incident_rules rules = {(int64_t)3600 * 1000000, JB_WARNING};
    struct incident_news *news;
    size_t count;
    expect(jbi_incidents_update(incidents, &sight, 1, checks, 2, &rules, 1750000000000000, arena,
                                &news, &count, NULL) == JB_OK);
    expect(incidents->open_count <= INCIDENTS_OPEN_MAX && count <= INCIDENTS_OPEN_MAX);
    expect(incidents->ended_count <= INCIDENTS_ENDED_KEPT);
    for (size_t i = 0; i < count; i++)
        expect(strpbrk(news[i].incident->thread, "<>\r\n ") == NULL &&
               jbi_incident_subject(news[i].incident) != NULL);
    check_round_trip(incidents, arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = {0};
    struct incidents incidents;
    struct jb_error err = {0};
    char *text = calloc(1, size + 1);
    expect(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    int code = jbi_incidents_parse(&incidents, text, size, "fuzz", &arena, &err);
    expect(code == err.code);
    expect(code == JB_OK || (incidents.open_count == 0 && incidents.ended_count == 0));
    if (code == JB_OK) {
        check_round_trip(&incidents, &arena);
        check_run(&incidents, &arena);
    }
    jbi_arena_free(&arena);
    free(text);
    return 0;
}
