/* SPDX-License-Identifier: MIT */
/* Every figure and field that jbackup.h names is there, and the JSON says what the getters say. */
#include <jansson.h>

#include "fixture.h"

#define FIELDS_MAX 16

static const struct verb {
    const char *name;
    const char *figures[FIELDS_MAX];
    const char *fields[FIELDS_MAX]; /* of row 0 */
} verbs[] = {
    {"backup",
     {"timestamp", "category", "type", "path", "duration_ms", "total_size", "linked", "files",
      "file_bytes"},
     {"path", "kind", "name", "size", "raw_size", "sha256", "linked", "copied_bytes"}},
    {"verify",
     {"backups", "artifacts", "files", "tables", "bytes_read", "duration_ms", "bad"},
     {"timestamp", "category", "type", "ok", "artifacts", "files", "tables"}},
    {"restore",
     {"timestamp", "to", "files", "file_bytes", "databases", "duration_ms"},
     {"database", "path"}},
    {"list",
     {NULL},
     {"timestamp", "category", "type", "created_at", "total_size", "label", "pinned", "keep_until",
      "git_commit", "databases", "files", "freed"}},
    {"show",
     {"timestamp", "category", "type", "created_at", "total_size", "label", "pinned", "git_commit",
      "databases", "files", "freed", "host", "tool", "duration_ms", "git_branch", "git_dirty"},
     {"row", "path", "kind", "name", "size", "raw_size", "sha256"}},
    {"files",
     {"timestamp", "files", "file_bytes"},
     {"path", "type", "size", "mode", "uid", "gid", "mtime", "sha256", "link"}},
    {"find",
     {"backups", "matches"},
     {"timestamp", "path", "type", "size", "mtime", "sha256", "version"}},
    {"diff",
     {"from", "to", "added", "removed", "changed"},
     {"change", "what", "path", "from_size", "to_size"}},
    {"stats",
     {"backups", "total_size", "stored_size", "disk_free", "disk_total", "newest", "oldest",
      "repository"},
     {"category", "backups", "total_size", "freed", "newest", "oldest"}},
    {"cleanup",
     {"kept", "removed", "freed", "dry_run"},
     {"timestamp", "category", "keep", "reason", "total_size", "freed"}},
    {"pin", {"timestamp", "pinned"}, {NULL}},
    {"unpin", {"timestamp", "pinned"}, {NULL}},
    {"remove", {"timestamp", "freed", "dry_run"}, {NULL}},
};

static void call(const char *verb, const char *from, const char *to)
{
    struct jb_restore_options restore = JB_RESTORE_OPTIONS_INIT;
    struct jb_backup_ref ref = JB_BACKUP_REF_INIT;
    struct jb_find_options find = JB_FIND_OPTIONS_INIT;
    struct jb_diff_options diff = JB_DIFF_OPTIONS_INIT;
    struct jb_change_options change = JB_CHANGE_OPTIONS_INIT;
    restore.timestamp = ref.timestamp = change.timestamp = diff.from = from;
    restore.to = in_folder("to");
    find.pattern = "app.py";
    diff.to = to;
    free_report();
    int code = strcmp(verb, "backup") == 0    ? backup_create(project, NULL, &report, &err)
               : strcmp(verb, "verify") == 0  ? backup_verify(project, NULL, &report, &err)
               : strcmp(verb, "restore") == 0 ? restore_safe(project, &restore, &report, &err)
               : strcmp(verb, "list") == 0    ? jb_list(project, NULL, &report, &err)
               : strcmp(verb, "show") == 0    ? jb_show(project, &ref, &report, &err)
               : strcmp(verb, "files") == 0   ? jb_files(project, &ref, &report, &err)
               : strcmp(verb, "find") == 0    ? jb_find(project, &find, &report, &err)
               : strcmp(verb, "diff") == 0    ? jb_diff(project, &diff, &report, &err)
               : strcmp(verb, "stats") == 0   ? jb_stats(project, NULL, &report, &err)
               : strcmp(verb, "cleanup") == 0 ? jb_cleanup(project, NULL, &report, &err)
               : strcmp(verb, "pin") == 0     ? jb_pin(project, &change, &report, &err)
               : strcmp(verb, "unpin") == 0   ? jb_unpin(project, &change, &report, &err)
                                              : jb_remove(project, &change, &report, &err);
    REQUIRE(tell(code) == JB_OK);
}

static void expect_fields(const char *verb, json_t *record, const char *const names[FIELDS_MAX])
{
    for (size_t i = 0; i < FIELDS_MAX && names[i] != NULL; i++) {
        if (json_object_get(record, names[i]) == NULL)
            printf("# %s lacks %s\n", verb, names[i]);
        CHECK(json_object_get(record, names[i]) != NULL);
    }
}

static void expect_same(json_t *record, size_t row)
{
    const char *key;
    json_t *value;
    json_object_foreach(record, key, value)
    {
        const char *text = jb_report_text(report, row, key);
        int64_t number = jb_report_number(report, row, key);
        if (json_is_string(value))
            CHECK_TEXT(text, json_string_value(value));
        else
            CHECK(text == NULL);
        if (json_is_integer(value))
            CHECK(number == json_integer_value(value));
        else
            CHECK(number == json_is_true(value));
    }
}

static void expect_all(const struct verb *verb)
{
    json_error_t why;
    json_t *all = json_loads(jb_report_json(report), JSON_REJECT_DUPLICATES, &why);
    REQUIRE(all != NULL);
    json_t *figures = json_object_get(all, "figures"), *rows = json_object_get(all, "rows");
    json_t *findings = json_object_get(all, "findings");
    CHECK_TEXT(json_string_value(json_object_get(all, "verdict")),
               jb_level_name(jb_report_verdict(report)));
    CHECK(json_array_size(rows) == jb_report_row_count(report));
    CHECK(json_array_size(findings) == jb_report_finding_count(report));
    expect_fields(verb->name, figures, verb->figures);
    expect_same(figures, JB_FIGURES);
    if (verb->fields[0] != NULL)
        expect_fields(verb->name, json_array_get(rows, 0), verb->fields);
    for (size_t i = 0; i < json_array_size(rows); i++)
        expect_same(json_array_get(rows, i), i);
    for (size_t i = 0; i < json_array_size(findings); i++)
        CHECK_TEXT(json_string_value(json_object_get(json_array_get(findings, i), "message")),
                   jb_report_finding(report, i)->message);
    CHECK(jb_report_finding(report, json_array_size(findings)) == NULL);
    CHECK(jb_report_text(report, json_array_size(rows), "path") == NULL);
    json_decref(all);
}

static void every_verb_answers_as_the_header_says(void)
{
    begin();
    const char *first = backup_of(JB_TYPE_FULL, "daily", "label");
    write_text("app/app.py", "changed\n");
    const char *second = backup();
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        call(verbs[i].name, first, second);
        expect_all(&verbs[i]);
    }
    end();
}

static void exit_statuses(void)
{
    static const int wanted[][2] = {
        {JB_OK, 0},        {JB_EINVAL, 2},      {JB_ENOTFOUND, 2}, {JB_EIO, 3},
        {JB_ENOMEM, 3},    {JB_ELOCKED, 75},    {JB_ECORRUPT, 3},  {JB_EDATABASE, 3},
        {JB_ECANCELED, 3}, {JB_EROLLEDBACK, 4}, {JB_EROLLBACK, 5}, {JB_EUNSUPPORTED, 3},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        CHECK(jb_exit_status(wanted[i][0], NULL) == wanted[i][1]);
    CHECK_TEXT(jb_level_name(JB_CRITICAL), "CRITICAL");
    CHECK_TEXT(jb_level_name(4), "UNKNOWN");
    CHECK_TEXT(jb_version(),
               textf("%d.%d.%d", JB_VERSION_MAJOR, JB_VERSION_MINOR, JB_VERSION_PATCH));
    jb_report_free(NULL);
}

int main(void)
{
    RUN(every_verb_answers_as_the_header_says);
    RUN(exit_statuses);
    return check_end();
}
