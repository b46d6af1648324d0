/* SPDX-License-Identifier: MIT */
/* The journal of a restore: written whole, read back the same, nothing of a damaged one believed.
 */
#include "repository/journal.h"

#include <sys/stat.h>

#include "fixture.h"

#define ID "20261123_142233"
#define TS "20240708_143022"

static struct repository repository;
static struct jb_error err;

static void begin(void)
{
    err = (struct jb_error){0};
    open_repository(&repository);
}

static void end(void)
{
    jbi_repository_close(&repository);
}

static struct json *state_of(const char *text)
{
    struct json *json = NULL;
    REQUIRE(jbi_json_parse(&json, text, strlen(text), "state", &err) == JB_OK);
    return json;
}

static struct journal sample(struct journal_target targets[2])
{
    targets[0] = (struct journal_target){"postgresql", "journal_db", state_of("{\"oid\": 16384}")};
    targets[1] = (struct journal_target){"codebase", "code", state_of("{\"units\": [1, \"x\"]}")};
    return (struct journal){
        .id = ID,
        .timestamp = TS,
        .safety = "20261123_142234",
        .type = JB_TYPE_DATABASE,
        .environment = "production",
        .phase = JOURNAL_SWAPPING,
        .began_us = 1700000000123456,
        .host = "host1",
        .tool = "jbackup 0.1.0",
        .service = "journal.service",
        .service_was_active = true,
        .down_ms = 345,
        .targets = targets,
        .target_count = 2,
    };
}

static void free_sample(struct journal_target targets[2])
{
    for (int i = 0; i < 2; i++)
        jbi_json_free((struct json *)(uintptr_t)targets[i].state);
}

static void what_is_written_is_read(void)
{
    struct journal_target targets[2];
    struct journal journal = sample(targets), read;
    struct stat st;
    begin();
    CHECK(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_ENOTFOUND);
    CHECK(err.code == 0);
    CHECK(jbi_journal_remove(&repository, &journal, &err) == JB_OK);
    REQUIRE(jbi_journal_write(&repository, &journal, &err) == JB_OK);
    CHECK(fstatat(repository.state_fd, JOURNAL_NAME, &st, 0) == 0 && (st.st_mode & 0777) == 0600);
    REQUIRE(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_OK);
    CHECK_TEXT(read.id, ID);
    CHECK_TEXT(read.timestamp, TS);
    CHECK_TEXT(read.safety, "20261123_142234");
    CHECK_TEXT(read.environment, "production");
    CHECK_TEXT(read.host, "host1");
    CHECK_TEXT(read.service, "journal.service");
    CHECK(read.type == JB_TYPE_DATABASE && read.phase == JOURNAL_SWAPPING);
    CHECK(read.began_us == 1700000000123456 && read.changed_us == journal.changed_us);
    CHECK(read.service_was_active && read.down_ms == 345 && read.target_count == 2);
    CHECK_TEXT(read.targets[0].kind, "postgresql");
    CHECK_TEXT(read.targets[1].name, "code");
    int64_t oid = 0;
    CHECK(jbi_json_int(jbi_json_get(read.targets[0].state, "oid"), &oid) && oid == 16384);
    char *one = jbi_journal_print(&journal), *other = jbi_journal_print(&read);
    REQUIRE(one != NULL && other != NULL);
    CHECK_TEXT(other, one);
    free(one);
    free(other);
    jbi_journal_free(&read);
    CHECK(jbi_journal_remove(&repository, &journal, &err) == JB_OK);
    CHECK(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_ENOTFOUND);
    free_sample(targets);
    end();
}

/* The journal of a restore that stands waits beside the next one's, and is back when that goes. */
static void an_earlier_one_waits(void)
{
    struct journal_target targets[2];
    struct journal first = sample(targets), second = first, read;
    begin();
    first.phase = JOURNAL_DONE;
    memcpy(second.id, "20261124_080000", TIMESTAMP_SIZE);
    REQUIRE(jbi_journal_write(&repository, &first, &err) == JB_OK);
    REQUIRE(jbi_journal_set_aside(&repository, &first, &err) == JB_OK);
    CHECK(first.is_earlier && jbi_journal_is_there(&repository));
    REQUIRE(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_OK);
    CHECK(read.is_earlier);
    CHECK_TEXT(read.id, ID);
    jbi_journal_free(&read);
    REQUIRE(jbi_journal_write(&repository, &second, &err) == JB_OK);
    first.phase = JOURNAL_DISCARDING;
    REQUIRE(jbi_journal_write(&repository, &first, &err) == JB_OK);
    REQUIRE(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_OK);
    CHECK(!read.is_earlier);
    CHECK_TEXT(read.id, "20261124_080000");
    jbi_journal_free(&read);
    REQUIRE(jbi_journal_remove(&repository, &second, &err) == JB_OK);
    REQUIRE(jbi_journal_load(&read, &repository, &fixture_arena, &err) == JB_OK);
    CHECK(!read.is_earlier && read.phase == JOURNAL_DISCARDING);
    CHECK_TEXT(read.id, ID);
    REQUIRE(jbi_journal_remove(&repository, &read, &err) == JB_OK);
    jbi_journal_free(&read);
    CHECK(!jbi_journal_is_there(&repository));
    CHECK(jbi_journal_remove(&repository, &first, &err) == JB_OK);
    free_sample(targets);
    end();
}

static void only_done_is_closed(void)
{
    struct journal journal = {0};
    for (int phase = JOURNAL_STAGING; phase <= JOURNAL_DISCARDING; phase++) {
        journal.phase = (enum journal_phase)phase;
        CHECK(jbi_journal_is_open(&journal) == (phase != JOURNAL_DONE));
    }
    CHECK_TEXT(jbi_journal_phase_name(JOURNAL_DONE), "done");
    CHECK_TEXT(jbi_journal_phase_name(JOURNAL_DISCARDING), "discarding");
}

/* The text with a part replaced; the reader must refuse it and name the key. */
static void refuse(const char *text, const char *from, const char *to, const char *named)
{
    struct journal read;
    const char *at = strstr(text, from);
    REQUIRE(at != NULL);
    char *other = malloc(strlen(text) + strlen(to) + 1);
    REQUIRE(other != NULL);
    size_t before = (size_t)(at - text);
    memcpy(other, text, before);
    strcpy(other + before, to);
    strcat(other, at + strlen(from));
    err = (struct jb_error){0};
    int code = jbi_journal_parse(&read, other, strlen(other), "restore.json", &fixture_arena, &err);
    CHECK(code == err.code && (code == JB_ECORRUPT || code == JB_EUNSUPPORTED));
    CHECK_HAS(err.text, named);
    CHECK(read.root == NULL && read.target_count == 0);
    free(other);
}

static void damage_is_named(void)
{
    struct journal_target targets[2];
    struct journal journal = sample(targets), read;
    char *text = jbi_journal_print(&journal);
    REQUIRE(text != NULL);
    refuse(text, "\"format\": 1", "\"format\": 2", "format 2");
    refuse(text, ID, "20261323_142233", "id");
    refuse(text, "\"" TS "\"", "7", "timestamp");
    refuse(text, "\"20261123_142234\"", "\"x\"", "safety");
    refuse(text, "\"swapping\"", "\"flying\"", "phase");
    refuse(text, "\"database\"", "\"some\"", "type");
    refuse(text, "\"down_ms\": 345", "\"down_ms\": -1", "down_ms");
    refuse(text, "\"service_was_active\": true", "\"service_was_active\": 1", "service_was_active");
    refuse(text, "\"kind\": \"codebase\"", "\"kind\": null", "kind");
    refuse(text, "\"state\": {", "\"state\": 3, \"x\": {", "state");
    refuse(text, "}", "", "restore.json");
    for (size_t len = 0; len < strlen(text); len++)
        CHECK(jbi_journal_parse(&read, text, len, "restore.json", &fixture_arena, NULL) ==
              JB_ECORRUPT);
    free(text);
    free_sample(targets);
}

int main(void)
{
    RUN(what_is_written_is_read);
    RUN(an_earlier_one_waits);
    RUN(only_done_is_closed);
    RUN(damage_is_named);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
