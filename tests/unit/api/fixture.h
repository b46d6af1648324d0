/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_API_FIXTURE_H
#define TESTS_UNIT_API_FIXTURE_H

/* A small application in the test's folder (app/), its repository (backups/), and the verbs called
 * in one line. Tests call what they need of it. */
#include <dirent.h>
#include <fcntl.h>
#include <jbackup.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "../check.h"

#define MAYBE __attribute__((unused)) static

#define CONFIG                                                                                     \
    "{\"name\": \"journal\", \"backup_dir\": \"../backups\",\n"                                    \
    " \"databases\": [\"sqlite:///instance/journal.db\"]}\n"

static jb_project *project;
static struct jb_error err;
static jb_report *report;

/* A path or another text, good for the next eight calls. */
__attribute__((format(printf, 1, 2))) MAYBE const char *textf(const char *format, ...)
{
    static char texts[8][4096];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof texts[0], format, args);
    va_end(args);
    return text;
}

MAYBE const char *in_folder(const char *name)
{
    return textf("%s/%s", check_folder(), name);
}

MAYBE void write_bytes(const char *path, const void *from, size_t len)
{
    /* In a repository others may read nothing, else that is a finding. */
    mode_t mode = strstr(path, "/backups/") != NULL ? 0600 : 0644;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, from, len) == (ssize_t)len);
    close(fd);
}

/* name counts from the test's folder; folders are not made. */
MAYBE void write_text(const char *name, const char *text)
{
    write_bytes(in_folder(name), text, strlen(text));
}

/* The bytes of a file, malloc'd and with a NUL behind. */
MAYBE char *read_bytes(const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(fstat(fd, &st) == 0);
    char *bytes = malloc((size_t)st.st_size + 1);
    REQUIRE(bytes != NULL);
    REQUIRE(read(fd, bytes, (size_t)st.st_size) == st.st_size);
    bytes[st.st_size] = '\0';
    *len = (size_t)st.st_size;
    close(fd);
    return bytes;
}

MAYBE void make_folder(const char *name)
{
    REQUIRE(mkdir(in_folder(name), 0755) == 0);
}

MAYBE bool is_there(const char *name)
{
    struct stat st;
    return lstat(in_folder(name), &st) == 0;
}

/* Entries of a folder; a missing one has none. */
MAYBE size_t entries(const char *name)
{
    DIR *dir = opendir(in_folder(name));
    size_t count = 0;
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir != NULL)
        closedir(dir);
    return count;
}

MAYBE void sql(const char *name, const char *statements)
{
    sqlite3 *db;
    char *why = NULL;
    REQUIRE(sqlite3_open(in_folder(name), &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_exec(db, statements, NULL, NULL, &why) != SQLITE_OK)
        printf("# %s\n", why);
    REQUIRE(why == NULL);
    sqlite3_close(db);
}

MAYBE bool shell(const char *command)
{
    return system(command) == 0;
}

MAYBE void free_report(void)
{
    jb_report_free(report);
    report = NULL;
    err = (struct jb_error){0};
}

/* app/ with a few files of each kind, and a database of two tables. */
MAYBE void make_app(void)
{
    make_folder("app");
    make_folder("app/instance");
    make_folder("app/static");
    make_folder("app/static/empty");
    write_text("app/app.py", "print('journal')\n");
    write_text("app/instance/settings.cfg", "KEY=1\n");
    write_text("app/static/logo.svg", "<svg/>\n");
    write_text("app/static/odd\n\xff name", "odd\n");
    REQUIRE(symlink("../app.py", in_folder("app/static/link")) == 0);
    REQUIRE(link(in_folder("app/app.py"), in_folder("app/static/same.py")) == 0);
    REQUIRE(chmod(in_folder("app/app.py"), 0750) == 0);
    REQUIRE(chmod(in_folder("app/instance"), 0710) == 0);
    sql("app/instance/journal.db",
        "CREATE TABLE entry(id INTEGER PRIMARY KEY, text);"
        "INSERT INTO entry(text) VALUES('one'), ('two'), ('three');"
        "CREATE TABLE user(name TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO user VALUES('ann');");
}

MAYBE void open_with(const char *config)
{
    write_text("app/jbackup.json", config);
    if (jb_project_open(&project, in_folder("app"), &err) != JB_OK)
        printf("# %s\n", err.text);
    REQUIRE(err.code == 0);
}

MAYBE void begin(void)
{
    err = (struct jb_error){0};
    make_app();
    open_with(CONFIG);
}

MAYBE void end(void)
{
    free_report();
    jb_project_close(project);
    project = NULL;
}

/* Prints why a verb failed; the test goes on with what is asked next. */
MAYBE int tell(int code)
{
    if (code < 0)
        printf("# %d: %s\n", code, err.text);
    return code;
}

/* One backup; its timestamp is good for the next sixteen. */
MAYBE const char *backup_of(int type, const char *category, const char *label)
{
    static char kept[16][32];
    static unsigned next;
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    options.type = type;
    options.category = category;
    options.label = label;
    free_report();
    REQUIRE(tell(backup_create(project, &options, &report, &err)) == JB_OK);
    const char *timestamp = jb_report_text(report, JB_FIGURES, "timestamp");
    return strcpy(kept[next++ % 16], timestamp ? timestamp : "");
}

MAYBE const char *backup(void)
{
    return backup_of(JB_TYPE_FULL, "daily", NULL);
}

/* The number of backups that jb_list shows; report is that list. */
MAYBE size_t listed(void)
{
    free_report();
    REQUIRE(tell(jb_list(project, NULL, &report, &err)) == JB_OK);
    return jb_report_row_count(report);
}

/* Whether a finding of that level or worse has the text in its subject. */
MAYBE bool has_finding(int level, const char *subject)
{
    const struct jb_finding *finding;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++) {
        if (finding->level >= level && strstr(finding->subject, subject) != NULL)
            return true;
    }
    return false;
}

MAYBE void print_findings(void)
{
    const struct jb_finding *finding;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++)
        printf("#   %s %s: %s\n", jb_level_name(finding->level), finding->subject,
               finding->message);
}

/* Verifies everything; report is the result. */
MAYBE int verify(void)
{
    free_report();
    return tell(backup_verify(project, NULL, &report, &err));
}

MAYBE size_t row_where(const char *key, const char *value)
{
    for (size_t i = 0; i < jb_report_row_count(report); i++) {
        const char *text = jb_report_text(report, i, key);
        if (text != NULL && strcmp(text, value) == 0)
            return i;
    }
    return (size_t)-2;
}

#endif
