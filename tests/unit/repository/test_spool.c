/* SPDX-License-Identifier: MIT */
/* What waits to be sent: in order, whole, once, and not without limit. */
#include "repository/spool.h"

#include <pthread.h>

#include "fixture.h"

#define SPOOL "spool"

static struct repository repository;
static struct jb_error err;
static uint64_t *numbers;
static size_t count;

static void begin(void)
{
    err = (struct jb_error){0};
    open_repository(&repository);
}

static struct spool_entry a_mail(const char *what, const char *body)
{
    return (struct spool_entry){.made_us = 1720441822000001,
                                .way = "mail",
                                .what = what,
                                .body = body,
                                .body_len = strlen(body)};
}

static uint64_t add(const char *what)
{
    struct spool_entry entry = a_mail(what, "Subject: x\r\n\r\nbody\r\n");
    err = (struct jb_error){0};
    if (jbi_spool_add(&repository, &entry, &fixture_arena, &err) != JB_OK)
        printf("# %s\n", err.text);
    CHECK(err.code == 0);
    return entry.number;
}

static void look(void)
{
    err = (struct jb_error){0};
    CHECK(jbi_spool_list(&repository, &fixture_arena, &numbers, &count, &err) == JB_OK);
}

static int load(uint64_t number, struct spool_entry *out)
{
    err = (struct jb_error){0};
    int code = jbi_spool_load(&repository, number, &fixture_arena, out, &err);
    CHECK(code == err.code);
    return code;
}

static const char *file_of(uint64_t number)
{
    return jbi_arena_printf(&fixture_arena, SPOOL "/%016llu.json", (unsigned long long)number);
}

static void what_is_added_is_read(void)
{
    const char *body = "Subject: =?UTF-8?B?w6Q=?=\r\n\r\n\"quoted\" \xc3\xa4 \\ \t.\r\n";
    struct spool_entry entry = a_mail("disk of \xc3\xa4\n full", body), read;
    struct stat st;
    begin();
    look();
    CHECK(count == 0 && !is_there(repository.state_fd, SPOOL));
    REQUIRE(jbi_spool_add(&repository, &entry, &fixture_arena, &err) == JB_OK);
    look();
    CHECK(count == 1 && numbers[0] == entry.number && entry.number > 0);
    CHECK(fstatat(repository.state_fd, SPOOL, &st, 0) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(fstatat(repository.state_fd, file_of(entry.number), &st, 0) == 0 &&
          (st.st_mode & 0777) == 0600);
    REQUIRE(load(entry.number, &read) == JB_OK);
    CHECK_TEXT(read.body, body);
    CHECK(read.body_len == strlen(body) && read.number == entry.number);
    CHECK_TEXT(read.way, "mail");
    CHECK_TEXT(read.what, "disk of \xc3\xa4\\x0a full");
    CHECK(read.made_us == entry.made_us && read.tried_us == 0 && read.tries == 0);
    CHECK(read.error == NULL);
    jbi_repository_close(&repository);
}

static void they_stay_in_order(void)
{
    struct spool_entry read;
    uint64_t made[20];
    begin();
    for (int i = 0; i < 20; i++)
        made[i] = add(jbi_arena_printf(&fixture_arena, "mail %d", i));
    look();
    REQUIRE(count == 20);
    for (size_t i = 0; i < 20; i++) {
        CHECK(numbers[i] == made[i] && (i == 0 || made[i] > made[i - 1]));
        CHECK(load(made[i], &read) == JB_OK);
        CHECK_TEXT(read.what, jbi_arena_printf(&fixture_arena, "mail %zu", i));
    }
    for (size_t i = 0; i < 20; i++)
        CHECK(jbi_spool_remove(&repository, made[i], &err) == JB_OK);
    CHECK(jbi_spool_remove(&repository, made[0], &err) == JB_OK); /* absent is fine */
    look();
    CHECK(count == 0);
    CHECK(add("later") > made[19]);
    CHECK(load(made[0], &read) == JB_ENOTFOUND);
    jbi_repository_close(&repository);
}

static void tries_are_noted(void)
{
    struct spool_entry entry, read;
    begin();
    uint64_t number = add("mail");
    REQUIRE(load(number, &entry) == JB_OK);
    entry.tries = 3;
    entry.tried_us = 1720441822000005;
    entry.error = "refused\x01";
    CHECK(jbi_spool_note(&repository, &entry, &err) == JB_OK);
    REQUIRE(load(number, &read) == JB_OK);
    CHECK(read.tries == 3 && read.tried_us == entry.tried_us);
    CHECK_TEXT(read.error, "refused\\x01");
    CHECK_TEXT(read.body, entry.body);
    CHECK(jbi_spool_remove(&repository, number, &err) == JB_OK);
    CHECK(jbi_spool_note(&repository, &entry, &err) == JB_ENOTFOUND); /* it does not come back */
    look();
    CHECK(count == 0);
    jbi_repository_close(&repository);
}

static void a_damaged_one_is_not_believed(void)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"format\": 2}",
        "{\"format\":1,\"made_us\":1,\"tried_us\":0,\"tries\":0,\"way\":\"mail\",\"what\":\"x\","
        "\"error\":null,\"body\":\"\"}",
        "{\"format\":1,\"made_us\":-1,\"tried_us\":0,\"tries\":0,\"way\":\"mail\",\"what\":\"x\","
        "\"error\":null,\"body\":\"b\"}",
        "{\"format\":1,\"made_us\":1,\"tried_us\":0,\"tries\":0,\"way\":7,\"what\":\"x\","
        "\"error\":null,\"body\":\"b\"}",
        "{\"format\":1,\"made_us\":1,\"tried_us\":0,\"tries\":0,\"way\":\"mail\",\"what\":\"x\","
        "\"body\":\"b\"}",
        "{\"format\":1,\"made_us\":1,\"tried_us\":0,\"tries\":0,\"way\":\"mail\","
        "\"what\":\"\\u001b[31m\",\"error\":null,\"body\":\"b\"}",
        "{\"format\":1,\"made_us\":1,\"tried_us\":0,\"tries\":0,\"way\":\"mail\",\"what\":\"x\","
        "\"error\":null,\"body\":\"a\\u0000b\"}",
    };
    struct spool_entry read;
    begin();
    uint64_t good = add("good");
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        write_file(repository.state_fd, file_of(7), damaged[i]);
        CHECK(load(7, &read) == JB_ECORRUPT);
        CHECK_HAS(err.text, "0000000000000007.json is damaged");
    }
    look();
    CHECK(count == 2 && numbers[0] == 7 && numbers[1] == good);
    CHECK(load(good, &read) == JB_OK);
    CHECK(unlinkat(repository.state_fd, file_of(7), 0) == 0);
    CHECK(symlinkat("/etc/passwd", repository.state_fd, file_of(7)) == 0);
    CHECK(load(7, &read) == JB_ECORRUPT);
    CHECK(jbi_spool_remove(&repository, 7, &err) == JB_OK);
    write_file(repository.state_fd, SPOOL "/notes.txt", "x");
    write_file(repository.state_fd, SPOOL "/12.json", "x");
    write_file(repository.state_fd, SPOOL "/.0000000000000008.json.tmp", "x");
    look();
    CHECK(count == 1);
    jbi_repository_close(&repository);
}

static void what_cannot_wait_is_refused(void)
{
    begin();
    size_t len = SPOOL_ENTRY_MAX;
    char *body = malloc(len + 1);
    memset(body, 'x', len);
    body[len] = '\0';
    struct spool_entry entry = a_mail("long", body);
    CHECK(jbi_spool_add(&repository, &entry, &fixture_arena, &err) == JB_EINVAL);
    free(body);
    err = (struct jb_error){0};
    entry = a_mail("bad", "\xff");
    CHECK(jbi_spool_add(&repository, &entry, &fixture_arena, &err) == JB_EINVAL);
    entry = a_mail("cut", "ab");
    entry.body_len = 3;
    CHECK(jbi_spool_add(&repository, &entry, &fixture_arena, NULL) == JB_EINVAL);
    entry = a_mail("empty", "");
    CHECK(jbi_spool_add(&repository, &entry, &fixture_arena, NULL) == JB_EINVAL);
    write_file(repository.state_fd, "x", "");
    look();
    CHECK(count == 0);
    jbi_repository_close(&repository);
}

static void the_oldest_make_room(void)
{
    begin();
    uint64_t first = add("first");
    for (uint64_t i = 1; i < SPOOL_MAX + 5; i++)
        write_file(repository.state_fd, file_of(first + i), "{}");
    uint64_t last = add("last");
    look();
    CHECK(count == SPOOL_MAX && numbers[SPOOL_MAX - 1] == last);
    CHECK(numbers[0] == first + 6);
    jbi_repository_close(&repository);
}

static void one_sends_at_a_time(void)
{
    int fd = -1, other = -1;
    begin();
    REQUIRE(jbi_spool_lock(&repository, &fd, &err) == JB_OK);
    CHECK(jbi_spool_lock(&repository, &other, &err) == JB_ELOCKED && other < 0);
    CHECK(add("meanwhile") > 0); /* who adds need not wait for who sends */
    close(fd);
    err = (struct jb_error){0};
    CHECK(jbi_spool_lock(&repository, &other, &err) == JB_OK);
    close(other);
    jbi_repository_close(&repository);
}

static void *add_ten(void *user)
{
    struct arena arena = {0};
    size_t *good = user;
    for (int i = 0; i < 10; i++) {
        struct spool_entry entry = a_mail("mail", "body");
        *good += jbi_spool_add(&repository, &entry, &arena, NULL) == JB_OK;
    }
    jbi_arena_free(&arena);
    return NULL;
}

static void nobody_takes_anothers_number(void)
{
    pthread_t threads[4];
    size_t good[4] = {0};
    begin();
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, add_ten, &good[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    look();
    CHECK(good[0] + good[1] + good[2] + good[3] == 40 && count == 40);
    jbi_repository_close(&repository);
}

static void without_a_state_nothing_waits(void)
{
    struct repository none = {.path = (char *)(uintptr_t) "/nowhere", .fd = -1, .state_fd = -1};
    struct spool_entry entry = a_mail("x", "x");
    int fd;
    err = (struct jb_error){0};
    CHECK(jbi_spool_list(&none, &fixture_arena, &numbers, &count, &err) == JB_OK && count == 0);
    CHECK(jbi_spool_load(&none, 1, &fixture_arena, &entry, NULL) == JB_ENOTFOUND);
    CHECK(jbi_spool_lock(&none, &fd, NULL) == JB_ENOTFOUND);
    CHECK(jbi_spool_remove(&none, 1, &err) == JB_OK);
}

int main(void)
{
    RUN(what_is_added_is_read);
    RUN(they_stay_in_order);
    RUN(tries_are_noted);
    RUN(a_damaged_one_is_not_believed);
    RUN(what_cannot_wait_is_refused);
    RUN(the_oldest_make_room);
    RUN(one_sends_at_a_time);
    RUN(nobody_takes_anothers_number);
    RUN(without_a_state_nothing_waits);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
