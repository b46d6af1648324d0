/* SPDX-License-Identifier: MIT */
#include "repository/disk_history.h"

#include "fixture.h"
#include "os/file.h"

#define DAY INT64_C(86400000000)
#define NOW INT64_C(1700000000000000)
#define GB  UINT64_C(1000000000)

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

static void add(int64_t at_us, uint64_t used)
{
    const struct disk_sample sample = {at_us, used, 100 * GB};
    REQUIRE(jbi_disk_history_add(&repository, &sample, &fixture_arena, &err) == JB_OK);
}

static size_t load(struct disk_sample **samples)
{
    size_t count;
    REQUIRE(jbi_disk_history_load(&repository, &fixture_arena, samples, &count, &err) == JB_OK);
    return count;
}

static void one_sample_a_day(void)
{
    struct disk_sample *samples;
    begin();
    CHECK(load(&samples) == 0);
    for (int i = 0; i < 3; i++) {
        add(NOW + i * DAY, (uint64_t)i * GB);
        add(NOW + i * DAY + 60000000, (uint64_t)i * GB + 1);
    }
    CHECK(load(&samples) == 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(samples[i].used == i * GB + 1 && samples[i].total == 100 * GB);
    CHECK(samples[0].at_us == NOW + 60000000 && samples[2].at_us == NOW + 2 * DAY + 60000000);
    end();
}

static void old_ones_make_room(void)
{
    struct disk_sample *samples;
    begin();
    for (int i = 0; i < DISK_SAMPLES_KEPT + 5; i++)
        add(NOW + i * DAY, GB);
    CHECK(load(&samples) == DISK_SAMPLES_KEPT);
    CHECK(samples[0].at_us == NOW + 5 * DAY);
    end();
}

/* When a clock that was wrong is right again, what it wrote is dropped. */
static void the_future_is_dropped(void)
{
    struct disk_sample *samples;
    begin();
    add(NOW, GB);
    add(NOW + 900 * DAY, GB);
    add(NOW + DAY, 2 * GB);
    CHECK(load(&samples) == 2 && samples[1].used == 2 * GB);
    end();
}

static void put(const char *text)
{
    REQUIRE(jbi_file_write_atomic(repository.state_fd, "disk.json", text, strlen(text), 0600,
                                  &err) == JB_OK);
}

static void a_damaged_file_is_no_history(void)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"samples\": 3}",
        "{\"samples\": [1, null, {}]}",
        "{\"samples\": [{\"at\": \"yesterday\", \"used\": 1, \"total\": 2}]}",
        "{\"samples\": [{\"at\": \"2024-01-01T00:00:00+00:00\", \"used\": -1, \"total\": 2}]}",
        "{\"samples\": [{\"at\": \"2024-01-01T00:00:00+00:00\", \"used\": 3, \"total\": 2}]}"};
    struct disk_sample *samples;
    begin();
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        put(damaged[i]);
        CHECK(load(&samples) == 0);
    }
    add(NOW, GB);
    CHECK(load(&samples) == 1);
    /* Of several, those that can be read count, in the order of their times. */
    put("{\"samples\": [{\"at\": \"2024-01-02T00:00:00+00:00\", \"used\": 2, \"total\": 9}, 7,"
        " {\"at\": \"2024-01-01T00:00:00+00:00\", \"used\": 1, \"total\": 9}]}");
    CHECK(load(&samples) == 2 && samples[0].used == 1 && samples[1].used == 2);
    end();
}

static bool is_about(double got, double want)
{
    bool ok = got > want - 0.01 && got < want + 0.01;
    if (!ok)
        printf("# %f, not %f\n", got, want);
    return ok;
}

static void the_forecast(void)
{
    struct disk_sample samples[40] = {{0}};
    CHECK(jbi_disk_days_left(samples, 0) < 0);
    for (int i = 0; i < 40; i++)
        samples[i] = (struct disk_sample){NOW + i * DAY, 10 * GB + (uint64_t)i * GB, 100 * GB};
    CHECK(jbi_disk_days_left(samples, 2) < 0);
    CHECK(is_about(jbi_disk_days_left(samples, 3), 88));
    CHECK(is_about(jbi_disk_days_left(samples, 40), 51));
    /* Only the last 30 days count: before, it stood still. */
    for (int i = 0; i < 8; i++)
        samples[i].used = 20 * GB;
    CHECK(is_about(jbi_disk_days_left(samples, 40), 51));
    /* Each night's backup and cleanup: the line goes through the middle. */
    for (int i = 0; i < 40; i++)
        samples[i].used = (uint64_t)(20 + i + (i % 2 ? 3 : -3)) * GB;
    CHECK(jbi_disk_days_left(samples, 40) > 30 && jbi_disk_days_left(samples, 40) < 42);
    for (int i = 0; i < 40; i++)
        samples[i].used = (uint64_t)(80 - i) * GB;
    CHECK(jbi_disk_days_left(samples, 40) < 0);
    for (int i = 0; i < 40; i++)
        samples[i].used = 50 * GB;
    CHECK(jbi_disk_days_left(samples, 40) < 0);
    /* Another disk: what was before it says nothing. */
    for (int i = 0; i < 40; i++)
        samples[i] = (struct disk_sample){NOW + i * DAY, (uint64_t)(i + 1) * GB,
                                          i < 38 ? 50 * GB : 500 * GB};
    CHECK(jbi_disk_days_left(samples, 40) < 0);
    /* All at one time. */
    for (int i = 0; i < 40; i++)
        samples[i] = (struct disk_sample){NOW, (uint64_t)i * GB, 100 * GB};
    CHECK(jbi_disk_days_left(samples, 40) < 0);
    /* Full already. */
    for (int i = 0; i < 40; i++)
        samples[i] = (struct disk_sample){NOW + i * DAY, (uint64_t)(61 + i) * GB, 100 * GB};
    CHECK(is_about(jbi_disk_days_left(samples, 40), 0));
}

int main(void)
{
    RUN(one_sample_a_day);
    RUN(old_ones_make_room);
    RUN(the_future_is_dropped);
    RUN(a_damaged_file_is_no_history);
    RUN(the_forecast);
    return check_end();
}
