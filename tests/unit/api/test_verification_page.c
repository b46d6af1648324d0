/* SPDX-License-Identifier: MIT */
/* The page of jb_verify_system's report. With a folder as argument the program writes the pages
 * that tests/real/page.sh opens in a browser. */
#include "api/verification_page.h"

#include <locale.h>

#include "base/clock.h"
#include "base/report.h"
#include "page_fixture.h"

#define NEWEST INT64_C(1795399200) /* 2026-11-23 02:00 UTC */
#define DAY    86400

/* What a page is made of; zero is the sound installation without a backup. */
struct scene {
    int backups, findings, failed, runs;
    int64_t size, duration_ms;            /* of every backup; 0: they vary */
    bool is_equal, is_hostile, is_proved; /* is_equal: size and duration as said, even 0 */
    int tests;                            /* 0: all nine */
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

static void timestamp_of(char to[TIMESTAMP_SIZE], int index)
{
    jbi_timestamp(to, NEWEST - (int64_t)index * DAY);
}

static void add_figures(const struct scene *scene, int tests)
{
    char at[ISO_TIME_SIZE], newest[TIMESTAMP_SIZE];
    bool is_proved = scene->is_proved && scene->backups > 0;
    jbi_iso_time(at, (NEWEST + 3 * 3600) * 1000000, false);
    timestamp_of(newest, 0);
    figure_text("at", words(scene, at));
    figure_text("host", words(scene, "web1.example.org"));
    figure_text("tool", words(scene, "jbackup 0.1.0"));
    figure_text("project", words(scene, "journal"));
    figure_text("repository", words(scene, "/srv/journal/backups"));
    figure("tests", tests);
    figure("passed", tests - scene->failed);
    figure("failed", scene->failed);
    figure("backups", scene->backups);
    figure("proved", is_proved);
    figure("checked", scene->backups > 1 ? 1 : 0);
    figure("broken", 0);
    figure("unchecked", scene->backups > 2 ? scene->backups - 2 : 0);
    figure_text("newest", scene->backups ? words(scene, newest) : NULL);
    figure_text("newest_at", scene->backups ? at : NULL);
    figure_text("newest_proved", is_proved ? words(scene, newest) : NULL);
    figure_text("proved_at", is_proved ? at : NULL);
    figure("proof_age_s", is_proved ? 3 * 3600 + 5 : -1);
    figure("read_mb_s", 412);
    figure("decoded_mb_s", 1130);
    figure("restored_mb_s", 0);
    figure("restore_estimate_ms", scene->backups ? 754000 : 0);
    figure_text("restore_estimate_of", scene->backups ? words(scene, newest) : NULL);
    figure("duration_ms", 83400);
    figure_text("json", words(scene, "/srv/journal/backups/backup_verification_report_1.json"));
}

static void add_test(const struct scene *scene, int index)
{
    static const char *const did[] = {
        "ran jbackup 0.1.0, pg_dump 15.9 and pg_restore 15.9",
        "connected to postgresql://journal@localhost:5432/journal and read 14 tables; opened "
        "instance/journal.db",
        "backed up 1204 files and 2 databases to a scratch repository, 48.2 MB in 1.4 s",
        "read 38 backups in full, 4.1 GB, and compared every digest",
        "restored the newest backup to a scratch place and compared 14 tables and 1204 files",
        "kept 11 of 14 backups of a scratch repository, as the retention says",
        "counted the backups and the space left for them",
        "ran backup.sh from start to end",
        "asked systemctl for journal-backup.timer: enabled, next at 02:00",
    };
    bool has_failed = index == 4 && scene->failed > 0;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "row", "test");
    jbi_row_text(report, row, "test", words(scene, jb_system_test_name((size_t)index)));
    jbi_row_bool(report, row, "ok", !has_failed && !(index == 7 && scene->failed > 1));
    jbi_row_text(report, row, "level", index == 6 && scene->findings ? "WARNING" : NULL);
    jbi_row_number(report, row, "findings", 0);
    jbi_row_number(report, row, "duration_ms", (int64_t)index * index * 970 + 12);
    jbi_row_text(report, row, "did", has_failed ? "" : words(scene, did[index]));
}

static const char *category_of(int index)
{
    return index % 30 == 0 ? "monthly" : index % 7 == 0 ? "weekly" : "daily";
}

static void add_backup(const struct scene *scene, int index)
{
    char timestamp[TIMESTAMP_SIZE], at[ISO_TIME_SIZE];
    int64_t unix_s = NEWEST - (int64_t)index * DAY + (index * 7919) % 3000;
    int64_t size = 48200000 - index * INT64_C(81000) + (index * 7919) % 977 * INT64_C(4000);
    int64_t duration_ms = 1400 + (index * 104729) % 1709;
    struct record *row = jbi_report_row(report);
    timestamp_of(timestamp, index);
    jbi_iso_time(at, unix_s * 1000000, false);
    jbi_row_text(report, row, "row", "backup");
    jbi_row_text(report, row, "timestamp", words(scene, timestamp));
    jbi_row_text(report, row, "category", words(scene, category_of(index)));
    jbi_row_text(report, row, "type", words(scene, "full"));
    jbi_row_text(report, row, "created_at", at);
    jbi_row_number(report, row, "created_unix", unix_s);
    jbi_row_number(report, row, "total_size", scene->is_equal ? scene->size : size);
    jbi_row_number(report, row, "duration_ms", scene->is_equal ? scene->duration_ms : duration_ms);
    jbi_row_text(report, row, "label", index == 3 ? words(scene, "before the upgrade") : NULL);
    jbi_row_bool(report, row, "pinned", index == 3);
    jbi_row_text(report, row, "proof",
                 index == 0 && scene->is_proved ? words(scene, "proved")
                 : index == 1                   ? "checked"
                                                : "unchecked");
    jbi_row_text(report, row, "proof_at", index < 2 ? words(scene, at) : NULL);
    jbi_row_text(report, row, "proof_depth", index < 2 ? words(scene, "restore") : NULL);
}

static void add_run(const struct scene *scene, int index)
{
    char timestamp[TIMESTAMP_SIZE], at[ISO_TIME_SIZE];
    struct record *row = jbi_report_row(report);
    timestamp_of(timestamp, index);
    jbi_iso_time(at, (NEWEST - (int64_t)index * DAY + 3600) * 1000000, false);
    jbi_row_text(report, row, "row", "run");
    jbi_row_text(report, row, "at", words(scene, at));
    jbi_row_number(report, row, "at_unix", NEWEST - (int64_t)index * DAY + 3600);
    jbi_row_text(report, row, "timestamp", words(scene, timestamp));
    jbi_row_text(report, row, "depth", words(scene, index % 3 ? "content" : "restore"));
    jbi_row_text(report, row, "result", words(scene, index == 2 ? "incomplete" : "equal"));
    jbi_row_number(report, row, "sample", index == 1 ? 10 : 0);
    jbi_row_number(report, row, "duration_ms", 8400 + index * 100);
    jbi_row_number(report, row, "read_mb_s", 400 + index);
    jbi_row_number(report, row, "decoded_mb_s", 1100 - index);
    jbi_row_number(report, row, "restored_mb_s", index % 3 ? 0 : 240);
}

/* One of each fifty is CRITICAL, then ERROR; the rest WARNING and INFO in turns. */
static void add_finding(const struct scene *scene, int index)
{
    int level = index % 50 == 49                  ? JB_CRITICAL
                : scene->failed && index % 5 == 0 ? JB_ERROR
                                                  : index % 2;
    if (!scene->failed && level > JB_WARNING)
        level = JB_WARNING;
    jbi_finding(report, level, words(scene, "restore: 20261123_020000: public.entry"),
                "%d of 1204 rows differ in %s", index, words(scene, "public.entry"));
    if (index % 2 == 0)
        jbi_finding_hint(report, "restore the backup before it: jbackup-restore %s",
                         words(scene, "20261122_020000"));
}

static void compose(const struct scene *scene)
{
    int tests = scene->tests ? scene->tests : 9;
    jb_report_free(report);
    jbi_text_free(&page);
    report = jbi_report_new();
    REQUIRE(report != NULL);
    for (int i = 0; i < tests; i++)
        add_test(scene, i);
    for (int i = 0; i < scene->backups; i++)
        add_backup(scene, i);
    for (int i = 0; i < scene->runs; i++)
        add_run(scene, i);
    for (int i = 0; i < scene->findings; i++)
        add_finding(scene, i);
    add_figures(scene, tests);
    REQUIRE(!report->failed);
    jbi_verification_page(report, &page);
    REQUIRE(!page.failed && page.at != NULL);
}

static void done(void)
{
    jb_report_free(report);
    jbi_text_free(&page);
    report = NULL;
}

static void balance_is_noticed(void)
{
    CHECK(is_balanced("<!DOCTYPE html><a b='>'><meta c><style>a>b{}</style><d/>x</a>"));
    CHECK(!is_balanced("<a><b></a></b>"));
    CHECK(!is_balanced("<a>"));
    CHECK(!is_balanced("</a>"));
    CHECK(!is_balanced("<a b='>"));
    CHECK(!is_balanced("<a <b></b></a>"));
}

/* ---- Verdict and proof ---------------------------------------------------------------------- */

static void verdict_of_a_sound_installation(void)
{
    compose(&(struct scene){.backups = 3, .is_proved = true, .runs = 3});
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict ok'>");
    CHECK_HAS(page.at, "<h1>Everything passed: 9 of 9 tests</h1>");
    CHECK_HAS(page.at, "was restored and found equal <strong>3 hours</strong> before this report");
    CHECK_HAS(page.at, "<p>No findings.</p>");
    CHECK_HAS(page.at, "web1.example.org");
    CHECK_HAS(page.at, "/srv/journal/backups");
    CHECK_HAS(page.at, "jbackup 0.1.0");
    CHECK_HAS(page.at, "12 min 34 s");
    CHECK_HAS(page.at, "1130 MB/s");
    CHECK_HAS(page.at, "<small>not measured now</small>");
    CHECK(count_of("badge ok'>passed<") == 9);
    CHECK(count_of("badge ok'>equal<") == 2 && count_of("badge warn'>incomplete<") == 1);
    done();
}

static void verdict_of_failures(void)
{
    compose(&(struct scene){.backups = 3, .failed = 2, .findings = 50});
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict bad'>");
    CHECK_HAS(page.at, "<h1>2 of 9 tests failed</h1>");
    CHECK_HAS(page.at, "<p>Failed: <strong>restore, shell</strong>.");
    CHECK_HAS(page.at, "No backup has been proved by a restore.");
    CHECK_HAS(page.at, "<b>What to do:</b> restore the backup before it");
    CHECK(count_of("badge bad'>failed<") == 2);
    CHECK(count_of("<small>nothing that could be told</small>") == 1);
    CHECK(strstr(page.at, ">CRITICAL<") < strstr(page.at, ">ERROR<"));
    CHECK(strstr(page.at, ">ERROR<") < strstr(page.at, ">WARNING<"));
    CHECK(strstr(page.at, ">WARNING<") < strstr(page.at, ">INFO<"));
    done();
}

static void verdict_with_warnings(void)
{
    compose(&(struct scene){.backups = 1, .findings = 3});
    CHECK_HAS(page.at, "<header class='verdict warn'>");
    CHECK_HAS(page.at, "<h1>Everything passed, with warnings: 9 of 9 tests</h1>");
    CHECK(count_of("badge warn'>passed, warnings<") == 1);
    done();
}

static void one_test_is_not_everything(void)
{
    compose(&(struct scene){.backups = 1, .tests = 1});
    CHECK_HAS(page.at, "<h1>What was tested passed: 1 of 1 test</h1>");
    CHECK_HAS(page.at, "Only 1 of the 9 tests was run");
    done();
}

static void errors_without_a_failed_test(void)
{
    compose(&(struct scene){.backups = 1});
    jbi_finding(report, JB_ERROR, "a", "b");
    page.len = 0;
    jbi_verification_page(report, &page);
    CHECK_HAS(page.at, "<header class='verdict bad'>");
    CHECK_HAS(page.at, "<h1>9 of 9 tests passed, but there are errors</h1>");
    done();
}

/* An empty report passes nothing and is still a page. */
static void nothing_is_never_a_pass(void)
{
    report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_verification_page(report, &page);
    expect_sound();
    CHECK_HAS(page.at, "<header class='verdict bad'>");
    CHECK_HAS(page.at, "<h1>No test was run: nothing is known</h1>");
    done();
}

static void an_older_proof_is_told_apart(void)
{
    compose(&(struct scene){.backups = 2});
    jb_report *of = report;
    for (struct field *field = of->figures.first; field != NULL; field = field->next) {
        if (strcmp(field->key, "newest_proved") == 0)
            field->text = "20261101_020000";
        if (strcmp(field->key, "proof_age_s") == 0)
            field->number = 22 * DAY;
        if (strcmp(field->key, "broken") == 0)
            field->number = 1;
    }
    page.len = 0;
    jbi_verification_page(report, &page);
    CHECK_HAS(page.at, "has not been proved by a restore. The newest that has, <code>"
                       "20261101_020000</code>, was restored and found equal <strong>22 days");
    CHECK_HAS(page.at, "<p><strong>1 backup</strong> of 2 is broken.</p>");
    CHECK_HAS(page.at, "<header class='verdict warn'>");
    done();
}

/* ---- Contents ------------------------------------------------------------------------------- */

static void no_backup_is_said(void)
{
    compose(&(struct scene){0});
    expect_sound();
    CHECK(count_of("class='mark") == 0 && count_of("<svg") == 0);
    CHECK_HAS(page.at, "<p>There are no backups yet.</p>");
    CHECK_HAS(page.at,
              "<p class='note bad'>There are no backups yet: there is nothing to restore.");
    CHECK_HAS(page.at, "No earlier verifications are remembered.");
    done();
}

static void one_backup_is_a_mark_in_each_chart(void)
{
    compose(&(struct scene){.backups = 1, .is_proved = true});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 2);
    CHECK(count_of("x='50.000%' y=") == 2);
    CHECK_HAS(page.at, "<p>1 backup of 23 Nov 2026.</p>");
    CHECK_HAS(page.at, "</svg>monthly (1)</li>");
    CHECK_HAS(page.at, ">23 Nov 2026</text>");
    done();
}

static void many_backups_are_all_marked(void)
{
    compose(&(struct scene){.backups = 400, .is_proved = true, .runs = 100});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 800);
    CHECK(count_of("<use class='mark daily'") == 2 * 330);
    CHECK_HAS(page.at, "</svg>daily (330)</li>");
    CHECK_HAS(page.at, "<p>400 backups from 20 Oct 2025 to 23 Nov 2026.</p>");
    CHECK_HAS(page.at, "And 350 older ones.");
    CHECK_HAS(page.at, "And 75 earlier ones.");
    CHECK(count_of("<th scope='row'>2") == 75);
    done();
}

static void equal_values_have_an_axis(void)
{
    compose(&(struct scene){.backups = 5, .is_equal = true, .size = 5000000, .duration_ms = 2000});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 10);
    CHECK_HAS(page.at, ">6 MB</text>");
    CHECK_HAS(page.at, ">2 s</text>");
    compose(&(struct scene){.backups = 5, .is_equal = true});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 10);
    CHECK_HAS(page.at, ">0 B</text>");
    CHECK_HAS(page.at, ">0 ms</text>");
    compose(&(struct scene){
        .backups = 5, .is_equal = true, .size = INT64_MAX, .duration_ms = INT64_MAX});
    expect_sound();
    CHECK(count_of("<use class='mark ") == 10);
    compose(&(struct scene){
        .backups = 5, .is_equal = true, .size = INT64_MIN, .duration_ms = INT64_MIN});
    expect_sound();
    CHECK(strstr(page.at, "y='-") == NULL);
    done();
}

/* Instants that no clock shows stay within the plot, and the axis ends. */
static void wild_instants_stay_in_the_plot(void)
{
    static const int64_t instants[] = {INT64_MIN, -1, 0, NEWEST, INT64_MAX};
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
        for (size_t j = i; j < sizeof instants / sizeof *instants; j++) {
            compose(&(struct scene){.backups = 2});
            for (size_t row = 0; row < 2; row++)
                for (struct field *f = report->rows[9 + row]->first; f != NULL; f = f->next)
                    if (strcmp(f->key, "created_unix") == 0)
                        f->number = instants[row == 0 ? j : i];
            page.len = 0;
            jbi_verification_page(report, &page);
            expect_sound();
            CHECK(count_of(" x='-") == count_of("<text x='-8'"));
            CHECK(count_of("<use class='mark ") == 4);
        }
    }
    done();
}

static void findings_beyond_the_room_are_counted(void)
{
    compose(&(struct scene){.backups = 1, .failed = 1, .findings = 1000});
    expect_sound();
    CHECK(count_of("<b>What to do:</b>") > 0);
    CHECK(count_of("badge bad'>CRITICAL<") == 20 && count_of("badge bad'>ERROR<") == 180);
    CHECK(count_of("badge warn'>WARNING<") == 0);
    CHECK_HAS(page.at, "800 more findings are not shown here: 20 ERROR, 380 WARNING, 400 INFO.");
    done();
}

static void hostile_texts_are_escaped(void)
{
    compose(&(struct scene){.backups = 60,
                            .findings = 300,
                            .failed = 2,
                            .runs = 30,
                            .is_hostile = true,
                            .is_proved = true});
    expect_sound();
    CHECK_HAS(page.at, "&#60;script&#62;evil()&#60;/script&#62;&#34;&#39;&#62;&#60;img src");
    CHECK_HAS(page.at, "&#38;amp;\\x01\\x80\\u202e");
    CHECK(strstr(page.at, "onerror='") == NULL);
    CHECK(strstr(page.at, "\xe2\x80\xae") == NULL);
    CHECK_HAS(page.at, "</svg>other (60)</li>");
    done();
}

/* Under a locale with a decimal comma, if there is one, the page is the same. */
static void the_locale_is_not_looked_at(void)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    compose(&(struct scene){.backups = 40, .is_proved = true, .runs = 3});
    struct text before = page;
    page = (struct text){0};
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        if (setlocale(LC_ALL, locales[i]) != NULL)
            break;
    jbi_verification_page(report, &page);
    setlocale(LC_ALL, "C");
    CHECK(before.len == page.len && memcmp(before.at, page.at, page.len) == 0);
    jbi_text_free(&before);
    done();
}

/* ---- Pages for a browser -------------------------------------------------------------------- */

static int write_page(const char *folder, const char *name, const struct scene *scene)
{
    char path[4096];
    compose(scene);
    snprintf(path, sizeof path, "%s/%s.html", folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    REQUIRE(fwrite(page.at, 1, page.len, file) == page.len && fclose(file) == 0);
    done();
    return 0;
}

static int write_pages(const char *folder)
{
    return write_page(folder, "none", &(struct scene){.failed = 2, .findings = 3}) |
           write_page(folder, "one",
                      &(struct scene){.backups = 1, .is_proved = true, .runs = 1, .tests = 1}) |
           write_page(folder, "many",
                      &(struct scene){.backups = 400, .is_proved = true, .runs = 100}) |
           write_page(folder, "hostile",
                      &(struct scene){.backups = 60,
                                      .findings = 300,
                                      .failed = 2,
                                      .runs = 30,
                                      .is_hostile = true,
                                      .is_proved = true});
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    if (argc > 1)
        return write_pages(argv[1]);
    RUN(balance_is_noticed);
    RUN(verdict_of_a_sound_installation);
    RUN(verdict_of_failures);
    RUN(verdict_with_warnings);
    RUN(one_test_is_not_everything);
    RUN(errors_without_a_failed_test);
    RUN(nothing_is_never_a_pass);
    RUN(an_older_proof_is_told_apart);
    RUN(no_backup_is_said);
    RUN(one_backup_is_a_mark_in_each_chart);
    RUN(many_backups_are_all_marked);
    RUN(equal_values_have_an_axis);
    RUN(wild_instants_stay_in_the_plot);
    RUN(findings_beyond_the_room_are_counted);
    RUN(hostile_texts_are_escaped);
    RUN(the_locale_is_not_looked_at);
    return check_end();
}
