/* SPDX-License-Identifier: MIT */
/* The page and the metrics of monitor_check's report. With a folder as argument the program writes
 * the pages that tests/real/page.sh opens in a browser. */
#include "api/monitor_page.h"

#include "api/monitor_metrics.h"
#include "base/clock.h"
#include "base/report.h"
#include "page_fixture.h"

#define NEWEST INT64_C(1795399200) /* 2026-11-23 02:00 UTC */
#define DAY    86400

/* What a report is made of; zero is a sound project without a backup. */
struct scene {
    int backups, findings, incidents, samples;
    int bad; /* checks that found something: the first ERROR, the others WARNING */
    bool is_hostile, is_proved;
    const char *only; /* this check alone */
};

static jb_report *report;

static const char *words(const struct scene *scene, const char *plain)
{
    return scene->is_hostile ? HOSTILE : plain;
}

static void figure(const char *key, int64_t number)
{
    jbi_row_number(report, &report->figures, key, number);
}

static void figure_text(const char *key, const char *text)
{
    jbi_row_text(report, &report->figures, key, text);
}

static void add_figures(const struct scene *scene, int checks)
{
    char at[ISO_TIME_SIZE], made[ISO_TIME_SIZE];
    bool has_backup = scene->backups > 0, is_proved = scene->is_proved && has_backup;
    jbi_iso_time(at, (NEWEST + 3 * 3600) * 1000000, false);
    jbi_iso_time(made, NEWEST * 1000000, false);
    figure_text("at", at);
    figure_text("host", words(scene, "web1.example.org"));
    figure_text("tool", words(scene, "jbackup 0.1.0"));
    figure_text("project", words(scene, "journal"));
    figure_text("repository", words(scene, "/srv/journal/backups"));
    figure("checks", checks);
    figure("bad", scene->bad);
    figure_text("newest", has_backup ? words(scene, "20261123_020000") : NULL);
    figure_text("newest_at", has_backup ? made : NULL);
    figure("newest_age_s", has_backup ? 3 * 3600 : -1);
    figure("newest_size", has_backup ? 48200000 : 0);
    figure_text("proved", is_proved ? words(scene, "20261122_020000") : NULL);
    figure_text("proved_at", is_proved ? made : NULL);
    figure("proof_age_s", is_proved ? 3 * DAY : -1);
    figure("backups", scene->backups);
    figure("total_size", scene->backups * INT64_C(48000000));
    figure("stored_size", scene->backups * INT64_C(12000000));
    figure("disk_total", INT64_C(500000000000));
    figure("disk_free", INT64_C(120000000000));
    figure("disk_used_percent", 76);
    figure("disk_full_days", scene->samples > 3 ? 212 : -1);
    figure("incidents", scene->incidents);
    figure("waiting", scene->incidents);
    figure("duration_ms", 834);
    figure_text("json", words(scene, "/srv/journal/backups/backup_health_report_1.json"));
}

static void add_check(const struct scene *scene, size_t index)
{
    struct record *row = jbi_report_row(report);
    bool is_bad = (int)index < scene->bad;
    jbi_row_text(report, row, "row", "check");
    jbi_row_text(report, row, "check", words(scene, jb_monitor_check_name(index)));
    jbi_row_text(report, row, "level", !is_bad ? NULL : index == 0 ? "ERROR" : "WARNING");
    jbi_row_number(report, row, "findings", is_bad);
    jbi_row_text(report, row, "did",
                 is_bad ? "" : words(scene, "read 3 new files of 40 and compared their checksums"));
    jbi_row_number(report, row, "duration_ms", (int64_t)index * 37 + 2);
}

static void add_backup(const struct scene *scene, int index)
{
    char timestamp[TIMESTAMP_SIZE], at[ISO_TIME_SIZE];
    int64_t unix_s = NEWEST - (int64_t)index * DAY + (index * 7919) % 3000;
    struct record *row = jbi_report_row(report);
    jbi_timestamp(timestamp, NEWEST - (int64_t)index * DAY);
    jbi_iso_time(at, unix_s * 1000000, false);
    jbi_row_text(report, row, "row", "backup");
    jbi_row_text(report, row, "timestamp", words(scene, timestamp));
    jbi_row_text(report, row, "category", words(scene, index % 7 == 0 ? "weekly" : "daily"));
    jbi_row_text(report, row, "type", words(scene, "full"));
    jbi_row_text(report, row, "created_at", at);
    jbi_row_number(report, row, "created_unix", unix_s);
    jbi_row_number(report, row, "total_size", 48200000 + index * 7919 % 977 * INT64_C(4000));
    jbi_row_number(report, row, "duration_ms", 1400 + (index * 104729) % 1709);
    jbi_row_text(report, row, "label", index == 3 ? words(scene, "before the upgrade") : NULL);
    jbi_row_bool(report, row, "pinned", index == 3);
    jbi_row_text(report, row, "proof", words(scene, index == 1 ? "proved" : "checked"));
    jbi_row_text(report, row, "proof_at", at);
    jbi_row_text(report, row, "proof_depth", words(scene, "restore"));
}

static void add_sample(int index, int samples)
{
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "row", "disk");
    jbi_row_number(report, row, "at_unix", NEWEST - (int64_t)(samples - index) * DAY);
    jbi_row_number(report, row, "used", INT64_C(300000000000) + index * INT64_C(200000000));
    jbi_row_number(report, row, "total", INT64_C(500000000000));
}

static void add_incident(const struct scene *scene, int index)
{
    char at[ISO_TIME_SIZE];
    struct record *row = jbi_report_row(report);
    jbi_iso_time(at, (NEWEST - index * INT64_C(3600)) * 1000000, false);
    jbi_row_text(report, row, "row", "incident");
    jbi_row_text(report, row, "key", words(scene, "systemd: journal-backup-daily.timer"));
    jbi_row_text(report, row, "check", words(scene, "systemd"));
    jbi_row_text(report, row, "level", index % 2 ? "WARNING" : "ERROR");
    jbi_row_text(report, row, "message", words(scene, "the timer is not enabled"));
    jbi_row_text(report, row, "opened_at", at);
    jbi_row_text(report, row, "told_at", index % 3 ? at : NULL);
}

static void add_finding(const struct scene *scene, int index)
{
    jbi_finding(report, index == 0 ? JB_ERROR : JB_WARNING, words(scene, "freshness: newest"),
                "the newest backup is %d hours old, %s", 27 + index, words(scene, "older than 26"));
    jbi_finding_hint(report, "make one: %s", words(scene, "jbackup backup"));
}

static void compose(const struct scene *scene)
{
    int checks = 0;
    jb_report_free(report);
    jbi_text_free(&page);
    report = jbi_report_new();
    REQUIRE(report != NULL);
    for (size_t i = 0; jb_monitor_check_name(i) != NULL; i++) {
        if (scene->only != NULL && strcmp(scene->only, jb_monitor_check_name(i)) != 0)
            continue;
        add_check(scene, i);
        checks++;
    }
    for (int i = 0; i < scene->backups; i++)
        add_backup(scene, i);
    for (int i = 0; i < scene->samples; i++)
        add_sample(i, scene->samples);
    for (int i = 0; i < scene->incidents; i++)
        add_incident(scene, i);
    for (int i = 0; i < scene->findings; i++)
        add_finding(scene, i);
    add_figures(scene, checks);
    REQUIRE(!report->failed);
    jbi_monitor_page(report, &page);
    REQUIRE(!page.failed && page.at != NULL);
}

static void done(void)
{
    jb_report_free(report);
    jbi_text_free(&page);
    report = NULL;
}

/* ---- The page ------------------------------------------------------------------------------- */

static void all_is_well(void)
{
    compose(&(struct scene){.backups = 3, .is_proved = true, .samples = 10});
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict ok'>");
    CHECK_HAS(page.at, "<h1>Everything is fine: 12 of 12 checks</h1>");
    CHECK_HAS(page.at, "<code>20261123_020000</code> was made <strong>3 hours</strong> before");
    CHECK_HAS(page.at, "<code>20261122_020000</code>, was restored and found equal <strong>3 days");
    CHECK_HAS(page.at, "<dt>Disk</dt><dd>76% <small>used");
    CHECK_HAS(page.at, "<dt>Disk full in</dt><dd>212 days");
    CHECK_HAS(page.at, "<p>No findings.</p>");
    CHECK_HAS(page.at, "<h2 id='incidents'>Open incidents</h2>\n<p>None.</p>");
    CHECK(count_of("badge ok'>fine<") == 12);
    CHECK(count_of("<svg class='plot'") == 4);
    CHECK(count_of("<circle class='mark") == 3 + 10);
    done();
}

static void what_is_wrong_comes_first(void)
{
    compose(&(struct scene){.backups = 2, .bad = 3, .findings = 3, .incidents = 2});
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict bad'>");
    CHECK_HAS(page.at, "<h1>ERROR: 3 of 12 checks found something wrong</h1>");
    CHECK_HAS(page.at, "<p>Look at: <strong>freshness, proof, integrity</strong>.");
    CHECK_HAS(page.at, "<b>What to do:</b> make one: jbackup backup");
    CHECK_HAS(page.at, "<p class='note bad'>The newest backup ");
    CHECK_HAS(page.at, "No backup has been proved by a restore.");
    CHECK_HAS(page.at, "systemd: journal-backup-daily.timer</th>");
    CHECK_HAS(page.at, "last told <time");
    CHECK(count_of("<small>nothing that could be told</small>") == 3);
    done();
}

static void one_check_is_not_everything(void)
{
    compose(&(struct scene){.backups = 1, .only = "disk"});
    expect_sound();
    CHECK_HAS(page.at, "<h1>What was looked at is fine: 1 of 1 check</h1>");
    CHECK_HAS(page.at, "Only 1 of the 12 checks was run");
    done();
}

static void nothing_is_never_fine(void)
{
    report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_monitor_page(report, &page);
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict bad'>");
    CHECK_HAS(page.at, "<h1>No check was run: nothing is known</h1>");
    CHECK_HAS(page.at, "There are no backups: there is nothing to restore.");
    CHECK(strstr(page.at, "<svg") == NULL);
    done();
}

static void many_backups_are_all_marked(void)
{
    compose(&(struct scene){.backups = 400, .is_proved = true, .samples = 400, .incidents = 300});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 800);
    CHECK(count_of("<circle class='mark ") == 800);
    CHECK_HAS(page.at, "And 350 older ones.");
    CHECK_HAS(page.at, "And 200 more.");
    done();
}

static void hostile_texts_are_escaped(void)
{
    compose(&(struct scene){.backups = 60,
                            .bad = 2,
                            .findings = 30,
                            .incidents = 3,
                            .samples = 2,
                            .is_hostile = true,
                            .is_proved = true});
    expect_sound();
    CHECK_HAS(page.at, "&#60;script&#62;evil()&#60;/script&#62;&#34;&#39;&#62;&#60;img src");
    CHECK(strstr(page.at, "\xe2\x80\xae") == NULL);
    done();
}

/* Instants that no clock shows stay within the plot, and the axis ends. */
static void wild_instants_stay_in_the_plot(void)
{
    static const int64_t instants[] = {INT64_MIN, -1, 0, NEWEST, INT64_MAX};
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
        compose(&(struct scene){.backups = 2, .samples = 2});
        for (size_t row = 0; row < report->row_count; row++)
            for (struct field *f = report->rows[row]->first; f != NULL; f = f->next)
                if (row % 2 == 0 && (strcmp(f->key, "created_unix") == 0 ||
                                     strcmp(f->key, "at_unix") == 0 || strcmp(f->key, "used") == 0))
                    f->number = instants[i];
        page.len = 0;
        jbi_monitor_page(report, &page);
        expect_sound();
        CHECK(strstr(page.at, "cx='-") == NULL && strstr(page.at, "cy='-") == NULL);
        CHECK(count_of("<circle class='mark ") == 4);
    }
    done();
}

/* ---- Metrics -------------------------------------------------------------------------------- */

static struct text metrics;

static void measure(const struct scene *scene)
{
    compose(scene);
    jbi_text_free(&metrics);
    jbi_monitor_metrics(report, &metrics);
    REQUIRE(!metrics.failed);
}

static bool has_promtool(void)
{
    return system("command -v promtool >/dev/null") == 0;
}

static bool promtool_agrees(void)
{
    char path[128], command[300];
    snprintf(path, sizeof path, "%s/jbackup.prom", check_folder());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL && fputs(metrics.at, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "promtool check metrics <%s >%s.log 2>&1", path, path);
    int status = system(command);
    snprintf(command, sizeof command, "sed 's/^/# /' %s.log", path);
    return system(command) == 0 && status == 0;
}

static void metrics_are_in_base_units(void)
{
    measure(&(struct scene){.backups = 9, .is_proved = true, .samples = 10, .bad = 2});
    CHECK_HAS(metrics.at, "# TYPE jbackup_verdict gauge\njbackup_verdict{project=\"journal\"} 0\n");
    CHECK_HAS(metrics.at, "\njbackup_check_level{project=\"journal\",check=\"freshness\"} 2\n");
    CHECK_HAS(metrics.at, "\njbackup_check_level{project=\"journal\",check=\"proof\"} 1\n");
    CHECK_HAS(metrics.at, "\njbackup_check_level{project=\"journal\",check=\"delivery\"} 0\n");
    CHECK_HAS(metrics.at,
              "\njbackup_check_duration_seconds{project=\"journal\",check=\"freshness\"}"
              " 0.002\n");
    CHECK_HAS(metrics.at, "\njbackup_check_run_duration_seconds{project=\"journal\"} 0.834\n");
    CHECK_HAS(metrics.at, "\njbackup_newest_backup_timestamp_seconds{project=\"journal\"} "
                          "1795399200\n");
    CHECK_HAS(metrics.at, "\njbackup_disk_full_seconds{project=\"journal\"} 18316800\n");
    CHECK_HAS(metrics.at, "\njbackup_category_newest_size_bytes{project=\"journal\","
                          "category=\"weekly\"} 48200000\n");
    CHECK(strstr(metrics.at, "category=\"monthly\"") == NULL);
    done();
}

static void metrics_of_nothing(void)
{
    measure(&(struct scene){0});
    CHECK(strstr(metrics.at, "newest_backup_timestamp") == NULL);
    CHECK(strstr(metrics.at, "disk_full_seconds") == NULL);
    CHECK_HAS(metrics.at, "\njbackup_backups{project=\"journal\"} 0\n");
    done();
}

static void metrics_of_hostile_names(void)
{
    measure(&(struct scene){.backups = 3, .is_hostile = true});
    CHECK_HAS(metrics.at, "project=\"<script>evil()</script>\\\"'><img src=x "
                          "onerror='evil()'>&amp;\\\\x01\\\\x80");
    done();
    report = jbi_report_new();
    REQUIRE(report != NULL);
    figure_text("project", "a\"b\\c\nd");
    report->figures.first->text = "a\"b\\c\nd";
    jbi_text_free(&metrics);
    jbi_monitor_metrics(report, &metrics);
    CHECK_HAS(metrics.at, "{project=\"a\\\"b\\\\c\\nd\"}");
    done();
}

static void promtool_takes_them(void)
{
    static const struct scene scenes[] = {
        {.backups = 9, .is_proved = true, .samples = 10, .bad = 2},
        {0},
        {.backups = 3, .is_hostile = true},
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        measure(&scenes[i]);
        CHECK(promtool_agrees());
        done();
    }
    report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_text_free(&metrics);
    jbi_monitor_metrics(report, &metrics);
    CHECK(promtool_agrees());
    done();
}

/* ---- Pages for a browser -------------------------------------------------------------------- */

static void write_page(const char *folder, const char *name, const struct scene *scene)
{
    char path[4096];
    compose(scene);
    snprintf(path, sizeof path, "%s/%s.html", folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    REQUIRE(fwrite(page.at, 1, page.len, file) == page.len && fclose(file) == 0);
    done();
}

static int write_pages(const char *folder)
{
    write_page(folder, "health-none", &(struct scene){.bad = 2, .findings = 3, .incidents = 2});
    write_page(folder, "health-one",
               &(struct scene){.backups = 1, .samples = 1, .is_proved = true, .only = "disk"});
    write_page(folder, "health-many",
               &(struct scene){.backups = 400, .samples = 400, .is_proved = true});
    write_page(folder, "health-hostile",
               &(struct scene){.backups = 60,
                               .bad = 2,
                               .findings = 300,
                               .incidents = 30,
                               .samples = 30,
                               .is_hostile = true,
                               .is_proved = true});
    return 0;
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    if (argc > 1)
        return write_pages(argv[1]);
    RUN(all_is_well);
    RUN(what_is_wrong_comes_first);
    RUN(one_check_is_not_everything);
    RUN(nothing_is_never_fine);
    RUN(many_backups_are_all_marked);
    RUN(hostile_texts_are_escaped);
    RUN(wild_instants_stay_in_the_plot);
    RUN(metrics_are_in_base_units);
    RUN(metrics_of_nothing);
    RUN(metrics_of_hostile_names);
    if (has_promtool())
        RUN(promtool_takes_them);
    else
        printf("ok %d - what promtool says # SKIP promtool is not installed\n",
               ++check_state.number);
    jbi_text_free(&metrics);
    return check_end();
}
