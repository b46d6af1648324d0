/* SPDX-License-Identifier: MIT */
/* The monitor day after day: however often it looks, alerts and is reloaded, memory and descriptors
 * stay as they were. */
#include <dirent.h>
#include <malloc.h>

#include "fixture.h"

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define ROUNDS 1500 /* each takes so much longer */
static size_t heap_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes();
}
#else
#define ROUNDS 10000
static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}
#endif

#define WARM_UP     200
#define HEAP_SLACK  65536 /* what the libraries below keep, more or less of it */
#define PAGES_SLACK 1024  /* 4 MiB */

static size_t descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;
    REQUIRE(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* Resident pages; 0 where a sanitizer keeps what was freed. */
static long resident(void)
{
    long size = 0, pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    REQUIRE(statm != NULL && fscanf(statm, "%ld %ld", &size, &pages) == 2);
    fclose(statm);
#ifdef __SANITIZE_ADDRESS__
    pages = 0;
#endif
    return pages;
}

static void configure(const char *key, const char *value)
{
    struct jb_monitor_config_options wanted = JB_MONITOR_CONFIG_OPTIONS_INIT;
    wanted.key = key;
    wanted.value = value;
    err = (struct jb_error){0};
    REQUIRE(tell(jb_monitor_config(project, &wanted, NULL, &err)) == JB_OK);
}

static size_t seen;

static void on_finding(void *user, const char *check, const struct jb_finding *finding)
{
    (void)user;
    seen += strncmp(finding->subject, check, strlen(check)) == 0;
}

static void one_round(void)
{
    struct jb_monitor_options wanted = JB_MONITOR_OPTIONS_INIT;
    wanted.alert = 1;
    wanted.finding = on_finding;
    err = (struct jb_error){0};
    REQUIRE(tell(monitor_check(project, &wanted, &report, &err)) == JB_OK);
    REQUIRE(jb_report_json(report) != NULL);
    free_report();
}

/* A repository in memory, where there is such a place: a disk would have to be waited for. */
static const char *move_repository(void)
{
    static char folder[] = "/dev/shm/jbackup-test-XXXXXX";
    if (mkdtemp(folder) == NULL)
        return NULL;
    REQUIRE(jb_project_set_backup_dir(project, textf("%s/backups", folder), &err) == JB_OK);
    return folder;
}

static void stays_as_it_was(void)
{
    begin();
    const char *folder = move_repository();
    backup();
    free_report();
    configure("services", "false");
    configure("journal", "false");
    configure("email_enabled", "false");
    for (int i = 0; i < WARM_UP; i++)
        one_round();
    size_t heap = heap_bytes(), fds = descriptors();
    long pages = resident();
    seen = 0;
    for (int i = 0; i < ROUNDS; i++)
        one_round();
    CHECK(seen >= ROUNDS); /* the backup is small: there was something to tell each time */
    CHECK(descriptors() == fds);
    CHECK(heap_bytes() <= heap + HEAP_SLACK);
    CHECK(resident() <= pages + PAGES_SLACK);
    printf("# %d rounds: heap %zu to %zu bytes, %ld to %ld pages, %zu descriptors\n", ROUNDS, heap,
           heap_bytes(), pages, resident(), fds);
    end();
    CHECK(folder == NULL || shell(textf("rm -r '%s'", folder)));
}

int main(void)
{
    RUN(stays_as_it_was);
    return check_end();
}
