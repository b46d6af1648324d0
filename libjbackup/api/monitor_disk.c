/* SPDX-License-Identifier: MIT */
/* Is there room for the next backups? */
#include <stdint.h>
#include <sys/statvfs.h>

#include "api/monitor.h"
#include "base/error.h"

static int percent_of(uint64_t used, uint64_t all)
{
    return all > 0 ? (int)((double)used * 100 / (double)all) : 0;
}

int jbi_monitor_measure(const struct monitor_run *run, struct monitor_disk *out,
                        struct jb_error *err)
{
    struct statvfs st;
    if (fstatvfs(run->session.repository.fd, &st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot measure the disk of \"%s\"",
                              run->session.repository.path);
    uint64_t used = (uint64_t)st.f_blocks - st.f_bfree;
    *out = (struct monitor_disk){
        .total = (uint64_t)st.f_blocks * st.f_frsize,
        .free = (uint64_t)st.f_bavail * st.f_frsize,
        .percent = percent_of(used, used + st.f_bavail),
        .inode_percent = percent_of(st.f_files - st.f_ffree, st.f_files),
    };
    out->used = out->total - out->free;
    return JB_OK;
}

static void hint_room(struct monitor_task *task)
{
    jbi_finding_hint(task->report,
                     "\"jbackup cleanup --dry-run\" says what the retention would remove, \"du -xh "
                     "--max-depth=2 '%s' | sort -h\" what takes room; keep fewer backups, or put "
                     "them on a larger disk",
                     task->run->session.project->backup_dir);
}

/* Beyond the threshold, and halfway from there to full. */
static int level_of(const struct monitor_run *run, int percent)
{
    int threshold = run->config.disk_usage_threshold;
    if (percent <= threshold)
        return JB_INFO;
    return percent > threshold + (100 - threshold) / 2 ? JB_ERROR : JB_WARNING;
}

static void check_room(struct monitor_task *task, const struct monitor_disk *disk)
{
    const struct catalog *catalog = &task->run->session.catalog;
    uint64_t newest = catalog->count > 0 ? catalog->backups[0].total_size : 0;
    int level = level_of(task->run, disk->percent);
    char free[16], total[16], needed[16];
    jbi_human_size(free, disk->free);
    jbi_human_size(total, disk->total);
    jbi_text_addf(&task->did, "the disk of the repository is %d%% full, %s of %s are free",
                  disk->percent, free, total);
    if (disk->free < newest)
        jbi_finding(task->report, JB_CRITICAL, "space",
                    "the disk of the repository has %s free, and the newest backup took %s: there "
                    "is no room for the next one",
                    free, jbi_human_size(needed, newest));
    else if (level > JB_INFO)
        jbi_finding(task->report, level, "space",
                    "the disk of the repository is %d%% full (%d%% are allowed), %s of %s are free",
                    disk->percent, task->run->config.disk_usage_threshold, free, total);
    else
        return;
    hint_room(task);
}

static void check_inodes(struct monitor_task *task, const struct monitor_disk *disk)
{
    int level = level_of(task->run, disk->inode_percent);
    if (level == JB_INFO)
        return;
    jbi_finding(task->report, level, "inodes",
                "the disk of the repository has %d%% of its inodes in use: it can be full of files "
                "while there is room for bytes",
                disk->inode_percent);
    jbi_finding_hint(task->report,
                     "\"du --inodes -x --max-depth=2 '%s' | sort -n\" says where "
                     "they are",
                     task->run->session.project->backup_dir);
}

static void check_forecast(struct monitor_task *task)
{
    const struct monitor_run *run = task->run;
    double days = jbi_disk_days_left(run->samples, run->sample_count);
    if (days < 0 || run->config.disk_full_days == 0 || days > run->config.disk_full_days)
        return;
    jbi_finding(task->report, JB_WARNING, "forecast",
                "as it has grown lately, the disk of the repository will be full in %.0f days",
                days);
    hint_room(task);
}

/* Where the repository can't be written, days are not remembered, and there is no forecast. */
static int remember(struct monitor_run *run, const struct monitor_disk *disk, struct jb_error *err)
{
    const struct disk_sample now = {run->now_us, disk->used, disk->total};
    struct jb_error why = {0};
    int code = jbi_disk_history_add(&run->session.repository, &now, &run->session.arena, &why);
    if (code == JB_OK)
        code = jbi_disk_history_load(&run->session.repository, &run->session.arena, &run->samples,
                                     &run->sample_count, &why);
    return code == JB_ENOMEM ? jbi_fail_memory(err) : JB_OK;
}

int jbi_monitor_disk(struct monitor_task *task, struct jb_error *err)
{
    struct monitor_disk disk;
    int code = jbi_monitor_measure(task->run, &disk, err);
    if (code == JB_OK)
        code = remember(task->run, &disk, err);
    if (code < 0)
        return code;
    check_room(task, &disk);
    check_inodes(task, &disk);
    check_forecast(task);
    return JB_OK;
}
