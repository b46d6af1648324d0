/* SPDX-License-Identifier: MIT */
/* How full the repository's disk was, day by day. Invariant: samples are in the order of their
 * times, one a local day, and what can't be read is taken for no history. */
#include "repository/disk_history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define DISK_NAME      "disk.json" /* in .jbackup/ */
#define DISK_SIZE_MAX  (1u << 20)
#define FORECAST_DAYS  30
#define FORECAST_LEAST 3 /* samples */
#define FORECAST_MOST  36500.0
#define DAY_US         ((int64_t)86400 * 1000000)

/* ---- Reading and writing -------------------------------------------------------------------- */

static bool read_sample(const struct json *json, struct disk_sample *out)
{
    const char *at = jbi_json_text(jbi_json_get(json, "at"));
    int64_t used, total;
    if (at == NULL || !jbi_iso_time_parse(at, &out->at_us) ||
        !jbi_json_int(jbi_json_get(json, "used"), &used) ||
        !jbi_json_int(jbi_json_get(json, "total"), &total) || used < 0 || total < used)
        return false;
    out->used = (uint64_t)used;
    out->total = (uint64_t)total;
    return true;
}

static int in_time(const void *left, const void *right)
{
    const struct disk_sample *a = left, *b = right;
    return a->at_us < b->at_us ? -1 : a->at_us > b->at_us;
}

int jbi_disk_history_load(const struct repository *repository, struct arena *arena,
                          struct disk_sample **out, size_t *count, struct jb_error *err)
{
    scope_free char *text = NULL;
    scope_json *root = NULL;
    size_t len = 0;
    *out = NULL;
    *count = 0;
    if (repository->state_fd < 0)
        return JB_OK;
    int code = jbi_file_read(repository->state_fd, DISK_NAME, DISK_SIZE_MAX, &text, &len, NULL);
    if (code == JB_OK)
        code = jbi_json_parse(&root, text, len, DISK_NAME, NULL);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    const struct json *samples = jbi_json_get(root, "samples");
    size_t length = jbi_json_is_array(samples) ? jbi_json_length(samples) : 0;
    if (length == 0)
        return JB_OK;
    *out = jbi_arena_alloc(arena, length * sizeof **out);
    if (*out == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < length; i++)
        *count += read_sample(jbi_json_at(samples, i), &(*out)[*count]);
    if (*count > 1)
        qsort(*out, *count, sizeof **out, in_time);
    return JB_OK;
}

static int write_samples(const struct repository *repository, const struct disk_sample *samples,
                         size_t count, struct jb_error *err)
{
    scope_json *root = jbi_json_object();
    struct json *list = jbi_json_array();
    bool ok = jbi_json_set(root, "samples", list);
    for (size_t i = 0; i < count && ok; i++) {
        char at[ISO_TIME_SIZE];
        struct json *one = jbi_json_object();
        jbi_iso_time(at, samples[i].at_us, false);
        ok = jbi_json_push(list, one) && jbi_json_set_text(one, "at", at) &&
             jbi_json_set_int(one, "used", (int64_t)samples[i].used) &&
             jbi_json_set_int(one, "total", (int64_t)samples[i].total);
    }
    scope_free char *text = ok ? jbi_json_print(root, 0) : NULL;
    if (text == NULL)
        return jbi_fail_memory(err);
    return jbi_file_write_atomic(repository->state_fd, DISK_NAME, text, strlen(text), 0600, err);
}

static bool is_same_day(int64_t a_us, int64_t b_us)
{
    char a[TIMESTAMP_SIZE], b[TIMESTAMP_SIZE];
    jbi_timestamp(a, a_us / 1000000);
    jbi_timestamp(b, b_us / 1000000);
    return strncmp(a, b, 8) == 0;
}

int jbi_disk_history_add(const struct repository *repository, const struct disk_sample *sample,
                         struct arena *arena, struct jb_error *err)
{
    struct disk_sample *old;
    size_t count, kept = 0;
    if (repository->state_fd < 0)
        return jbi_fail(err, JB_EIO, "the repository can't be written");
    int code = jbi_disk_history_load(repository, arena, &old, &count, err);
    if (code < 0)
        return code;
    struct disk_sample *all = jbi_arena_alloc(arena, (count + 1) * sizeof *all);
    if (all == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        bool is_future = old[i].at_us > sample->at_us; /* of a clock that was wrong */
        if (!is_future && !is_same_day(old[i].at_us, sample->at_us))
            all[kept++] = old[i];
    }
    all[kept++] = *sample;
    size_t over = kept > DISK_SAMPLES_KEPT ? kept - DISK_SAMPLES_KEPT : 0;
    return write_samples(repository, all + over, kept - over, err);
}

/* ---- Forecast ------------------------------------------------------------------------------- */

/* The slope of the line through the samples, in bytes a day. */
static double growth_of(const struct disk_sample *samples, size_t count)
{
    double mean_x = 0, mean_y = 0, above = 0, below = 0;
    const int64_t begin_us = samples[0].at_us;
    for (size_t i = 0; i < count; i++) {
        mean_x += (double)(samples[i].at_us - begin_us) / (double)DAY_US / (double)count;
        mean_y += (double)samples[i].used / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double x = (double)(samples[i].at_us - begin_us) / (double)DAY_US - mean_x;
        above += x * ((double)samples[i].used - mean_y);
        below += x * x;
    }
    return below > 0 ? above / below : 0;
}

double jbi_disk_days_left(const struct disk_sample *samples, size_t count)
{
    size_t first = 0;
    if (count == 0)
        return -1;
    const struct disk_sample *last = &samples[count - 1];
    /* What was measured of a disk of another size is of another disk. */
    for (size_t i = 0; i < count; i++) {
        if (samples[i].at_us < last->at_us - FORECAST_DAYS * DAY_US ||
            samples[i].total != last->total)
            first = i + 1;
    }
    if (count - first < FORECAST_LEAST)
        return -1;
    double growth = growth_of(samples + first, count - first);
    double room = (double)(last->total - last->used);
    if (growth <= 0 || room / growth > FORECAST_MOST)
        return -1;
    return room / growth;
}
