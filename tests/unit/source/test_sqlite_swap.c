/* SPDX-License-Identifier: MIT */
/* SQLite databases put in place of living ones and back, with processes that are killed at each
 * call of it, applications that crashed or won't let go, and things that lie in the way. */
#include "swap_calls.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/report.h"
#include "base/text.h"
#include "check.h"
#include "os/file.h"
#include "source/sqlite_swap.h"

#define TS "20260102_030405"
#define ID "20260203_040506"

enum state { PLAIN, HOT_WAL, HOT_JOURNAL, ABSENT, STATES };
static const char *const state_names[STATES] = {"plain", "hot wal", "hot journal", "absent"};
static const int state_rows[STATES] = {3, 5, 3, -1}; /* without its companions it has others */

/* The database live, backed up before its later rows; what the folder was is in start. */
static struct {
    struct hooks hooks;
    struct arena arena;
    struct source_job job;
    struct artifact artifact;
    struct sqlite_source live;
    char live_path[PATH_MAX];
    int category_fd, folder_fd;
    const char *file;
    struct jb_error err;
} the;

static const char *in_folder(const char *name)
{
    static char paths[4][2 * PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", check_folder(), name);
    return path;
}

static void shell(const char *format, ...)
{
    char command[8192];
    va_list more;
    va_start(more, format);
    vsnprintf(command, sizeof command, format, more);
    va_end(more);
    REQUIRE(system(command) == 0);
}

/* ---- Databases ----------------------------------------------------------------------------- */

static void db_run(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    char *message = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &message);
    check_note(message == NULL, __FILE__, __LINE__, message != NULL ? message : "");
    sqlite3_free(message);
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
}

/* What an application leaves that is killed after sql. */
static void db_crash(const char *path, const char *sql)
{
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        sqlite3 *db = NULL;
        if (sqlite3_open(path, &db) == SQLITE_OK)
            sqlite3_exec(db, sql, NULL, NULL, NULL);
        kill(getpid(), SIGKILL);
    }
    REQUIRE(waitpid(pid, NULL, 0) == pid);
}

/* The number that sql gives, asked of a copy; -1: it can't be told. */
static int db_ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int number = -1;
    shell("cd '%s' && rm -rf asked && cp -a app asked", check_folder());
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", in_folder("asked"), the.file);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static int entries(void)
{
    return db_ask("SELECT count(*) FROM entry");
}

/* ---- The application's folder --------------------------------------------------------------- */

static int is_shown(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void describe(struct text *to, const char *path, const char *name)
{
    struct stat st;
    REQUIRE(lstat(path, &st) == 0);
    jbi_text_addf(to, "%s %o %u:%u %lld %lld.%09ld", name, st.st_mode, st.st_uid, st.st_gid,
                  S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec);
    unsigned long long sum = 14695981039346656037ULL;
    FILE *file = S_ISREG(st.st_mode) ? fopen(path, "r") : NULL;
    for (int c; file != NULL && (c = getc(file)) != EOF;)
        sum = (sum ^ (unsigned)c) * 1099511628211ULL;
    if (file != NULL)
        fclose(file);
    jbi_text_addf(to, " %016llx\n", sum);
}

/* All that there is to say of the folder and what lies in it; to be freed. */
static char *snapshot(const char *folder)
{
    struct text text = {0};
    struct dirent **list;
    describe(&text, in_folder(folder), ".");
    int count = scandir(in_folder(folder), &list, is_shown, alphasort);
    for (int i = 0; i < count; i++) {
        char path[2 * PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", in_folder(folder), list[i]->d_name);
        describe(&text, path, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    REQUIRE(!text.failed);
    return text.at;
}

static bool is_as_at_start(void)
{
    char *is = snapshot("app"), *was = snapshot("start");
    bool same = strcmp(is, was) == 0;
    if (!same)
        printf("# was:\n%s\n# is:\n%s\n", was, is);
    free(is);
    free(was);
    return same;
}

static bool any_of_ours(void)
{
    char *is = snapshot("app");
    bool any = strstr(is, ".jbackup-restore-") != NULL;
    free(is);
    return any;
}

static void reset(void)
{
    shell("cd '%s' && rm -rf app journal && cp -a start app", check_folder());
}

static void make_state(enum state state, const char *path)
{
    if (state == HOT_WAL) {
        db_crash(path, "PRAGMA journal_mode = WAL; INSERT INTO entry VALUES(5, 'later');"
                       "PRAGMA wal_checkpoint; PRAGMA wal_autocheckpoint = 0;"
                       "INSERT INTO entry VALUES(3, 'later'), (4, 'later');");
        shell("test -s '%s-wal' && test -e '%s-shm'", path, path);
    } else if (state == HOT_JOURNAL) {
        db_crash(path, "INSERT INTO entry VALUES(5, 'later'); PRAGMA cache_size = 1; BEGIN; INSERT "
                       "INTO entry VALUES(3, 'later');"
                       "UPDATE entry SET text = printf('%.*c', 200000, 'y');");
        shell("test -s '%s-journal'", path);
    } else if (state == ABSENT) {
        REQUIRE(unlink(path) == 0);
    } else {
        db_run(path, "INSERT INTO entry VALUES(3, 'later');");
    }
}

static void begin_named(enum state state, const char *file)
{
    memset(&the, 0, sizeof the);
    the.file = file;
    snprintf(the.live_path, sizeof the.live_path, "%s/app/%s", check_folder(), file);
    the.live = (struct sqlite_source){the.live_path, "journal"};
    shell("cd '%s' && chmod 755 . && mkdir -p app repo/db_" TS " scratch", check_folder());
    the.category_fd = open(in_folder("repo"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    the.job = (struct source_job){
        .hooks = &the.hooks,
        .report = jbi_report_new(),
        .arena = &the.arena,
        .jobs = 1,
        .timestamp = TS,
        .scratch_fd = open(in_folder("scratch"), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    the.folder_fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(the.category_fd >= 0 && the.job.scratch_fd >= 0 && the.job.report != NULL);
    db_run(the.live_path, "CREATE TABLE entry(id INTEGER PRIMARY KEY, text);"
                          "INSERT INTO entry VALUES(1, 'first'), (2, 'second');");
    REQUIRE(chmod(the.live_path, 0640) == 0);
    REQUIRE(geteuid() != 0 || chown(the.live_path, 65534, 65534) == 0);
    size_t count = 0;
    struct artifact artifacts[SOURCE_ARTIFACTS_MAX];
    REQUIRE(jbi_sqlite_source.capture(&the.live, &the.job, the.category_fd, artifacts, &count,
                                      &the.err) == JB_OK);
    the.artifact = artifacts[0];
    make_state(state, the.live_path);
    shell(
        "cd '%s/app' && echo other > other.txt && touch -d '2026-01-01 10:00:00.123456789' * . && "
        "cd .. && cp -a app start",
        check_folder());
}

static void begin(enum state state)
{
    begin_named(state, "journal.db");
}

static void end(void)
{
    jb_report_free(the.job.report);
    jbi_arena_free(&the.arena);
    close(the.category_fd);
    close(the.job.scratch_fd);
    close(the.folder_fd);
}

/* ---- The restore, as the floor above does it ----------------------------------------------- */

static int journal_write(const struct swap *swap)
{
    struct json *json = swap->ops->print(swap);
    char *text = jbi_json_print(json, 0);
    int code = text == NULL ? JB_ENOMEM
                            : jbi_file_write_atomic(the.folder_fd, "journal", text, strlen(text),
                                                    0600, &the.err);
    free(text);
    jbi_json_free(json);
    return code;
}

static struct swap *swap_begin(void)
{
    struct swap *swap = NULL;
    const struct sqlite_swap_what what = {&the.live, the.category_fd, &the.artifact, ID};
    the.err = (struct jb_error){0};
    CHECK(jbi_sqlite_swap_begin(&swap, &what, &the.err) == the.err.code);
    return swap;
}

static int resume_from(struct swap **out, const char *text)
{
    scope_json *json = NULL;
    the.err = (struct jb_error){0};
    REQUIRE(jbi_json_parse(&json, text, strlen(text), "journal", &the.err) == JB_OK);
    int code = jbi_sqlite_swap_resume(out, json, &the.live, &the.err);
    CHECK(code == the.err.code);
    return code;
}

static struct swap *swap_resume(void)
{
    struct swap *swap = NULL;
    char *text = NULL;
    size_t len;
    if (jbi_file_read(the.folder_fd, "journal", 65536, &text, &len, NULL) < 0)
        return NULL;
    resume_from(&swap, text);
    free(text);
    CHECK_TEXT(the.err.text, "");
    REQUIRE(swap != NULL);
    return swap;
}

static int step(int (*op)(struct swap *, const struct source_job *, struct jb_error *),
                struct swap *swap)
{
    the.err = (struct jb_error){0};
    int code = op(swap, &the.job, &the.err);
    CHECK(code == the.err.code);
    CHECK(code == JB_OK || the.err.text[0] != '\0');
    return code;
}

/* Up to the plan, journalled. */
static int prepare(struct swap *swap)
{
    int code = journal_write(swap);
    if (code == JB_OK)
        code = step(swap->ops->stage, swap);
    if (code == JB_OK)
        code = step(swap->ops->plan, swap);
    return code == JB_OK ? journal_write(swap) : code;
}

static int restore(struct swap *swap)
{
    int code = prepare(swap);
    return code == JB_OK ? step(swap->ops->swap, swap) : code;
}

static int go_back(struct swap *swap)
{
    int code = step(swap->ops->undo, swap);
    return code == JB_OK ? step(swap->ops->discard, swap) : code;
}

static int check_of(struct swap *swap, bool is_new)
{
    the.err = (struct jb_error){0};
    int code = swap->ops->check(swap, &the.job, is_new, &the.err);
    CHECK(code == the.err.code);
    return code;
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void there_and_back_from(enum state state)
{
    begin(state);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL);
    CHECK_TEXT(swap->ops->kept(swap), "");
    CHECK(prepare(swap) == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK_HAS(swap->ops->kept(swap), ".jbackup-restore-" ID "-journal.db");
    CHECK(check_of(swap, true) == JB_EDATABASE && check_of(swap, false) == JB_OK);
    CHECK(step(swap->ops->swap, swap) == JB_OK);
    CHECK(step(swap->ops->swap, swap) == JB_OK);
    CHECK(check_of(swap, true) == JB_OK && check_of(swap, false) == JB_EDATABASE);
    CHECK_HAS(swap->ops->kept(swap), state == ABSENT ? "" : ".jbackup-restore-" ID ".old-journal");
    CHECK(entries() == 2);
    struct stat st;
    CHECK(stat(the.live_path, &st) == 0 && (st.st_mode & 07777) == 0640);
    CHECK(geteuid() != 0 || (st.st_uid == 65534 && st.st_gid == 65534));
    swap->ops->close(swap);
    swap = swap_resume();
    CHECK(check_of(swap, true) == JB_OK);
    CHECK(step(swap->ops->undo, swap) == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(check_of(swap, false) == JB_OK && check_of(swap, true) == JB_EDATABASE);
    CHECK(step(swap->ops->undo, swap) == JB_OK);
    CHECK_HAS(swap->ops->kept(swap), ".jbackup-restore-" ID "-journal.db");
    CHECK(step(swap->ops->discard, swap) == JB_OK && step(swap->ops->discard, swap) == JB_OK);
    CHECK_TEXT(swap->ops->kept(swap), "");
    CHECK(go_back(swap) == JB_OK);
    swap->ops->close(swap);
    CHECK(is_as_at_start());
    CHECK(entries() == state_rows[state]);
    CHECK(jb_report_finding_count(the.job.report) == 0);
    end();
}

static void there_and_back(void)
{
    for (enum state state = 0; state < STATES; state++) {
        there_and_back_from(state);
        check_remove_folder();
    }
}

static void there_and_back_without_exchange(void)
{
    calls.no_flags = true;
    there_and_back();
    calls.no_flags = false;
}

static void what_is_kept_can_be_discarded(void)
{
    for (enum state state = 0; state < STATES; state++) {
        begin(state);
        struct swap *swap = swap_begin();
        REQUIRE(swap != NULL && restore(swap) == JB_OK);
        CHECK(step(swap->ops->discard, swap) == JB_OK && step(swap->ops->discard, swap) == JB_OK);
        CHECK(check_of(swap, true) == JB_OK);
        swap->ops->close(swap);
        CHECK(!any_of_ours());
        CHECK(entries() == 2);
        CHECK(access(in_folder("app/journal.db-wal"), F_OK) < 0);
        CHECK(access(in_folder("app/journal.db-journal"), F_OK) < 0);
        end();
        check_remove_folder();
    }
}

/* Nothing was staged, or staged only. */
static void given_up_early(void)
{
    begin(HOT_WAL);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && journal_write(swap) == JB_OK);
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    CHECK(step(swap->ops->swap, swap) == JB_EINVAL);
    CHECK(step(swap->ops->stage, swap) == JB_OK);
    swap->ops->close(swap);
    swap = swap_resume();
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    swap->ops->close(swap);
    end();
}

/* The application ran on the new one and crashed, too. */
static void a_crash_on_the_new_one_goes_with_it(void)
{
    for (enum state state = 0; state < STATES; state++) {
        begin(state);
        struct swap *swap = swap_begin();
        REQUIRE(swap != NULL && restore(swap) == JB_OK);
        db_crash(the.live_path, "PRAGMA journal_mode = WAL; INSERT INTO entry VALUES(9, 'new');");
        CHECK(access(in_folder("app/journal.db-wal"), F_OK) == 0);
        CHECK(check_of(swap, true) == JB_OK);
        CHECK(step(swap->ops->undo, swap) == JB_OK);
        CHECK_TEXT(the.err.text, "");
        CHECK(access(in_folder("app/.jbackup-restore-" ID "-journal.db-wal"), F_OK) == 0);
        CHECK(step(swap->ops->discard, swap) == JB_OK);
        CHECK(is_as_at_start());
        swap->ops->close(swap);
        end();
        check_remove_folder();
    }
}

/* ---- Killed, and failing calls ------------------------------------------------------------- */

enum part { RESTORE, BACK, KEEP, PARTS };
static const char *const part_names[PARTS] = {"restore", "go back", "discard"};

static int run_part(enum part part)
{
    struct swap *swap = part == RESTORE ? swap_begin() : swap_resume();
    if (swap == NULL)
        return part == RESTORE ? JB_EIO : JB_OK;
    int code = part == RESTORE ? restore(swap)
               : part == BACK  ? go_back(swap)
                               : step(swap->ops->discard, swap);
    swap->ops->close(swap);
    return code;
}

/* In a process of its own, hit at one call; its wait status. *made: the calls that it made. */
static int run_hit(enum part part, long at, int error, long *made)
{
    long *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        atomic_store(&calls.number, 0);
        calls.at = at;
        calls.error = error;
        int code = run_part(part);
        *shared = atomic_load(&calls.number);
        _exit(check_state.failed ? 99 : code < 0 ? 1 : 0);
    }
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (made != NULL)
        *made = *shared;
    munmap(shared, sizeof *shared);
    return status;
}

/* The state in which the part begins. */
static void before_part(enum part part)
{
    reset();
    if (part != RESTORE)
        REQUIRE(run_hit(RESTORE, 0, 0, NULL) == 0);
}

/* What was hit is undone (or finished) by another process. */
static bool survived(enum part part)
{
    int status = run_hit(part == KEEP ? KEEP : BACK, 0, 0, NULL);
    bool is_fine =
        status == 0 && (part == KEEP ? !any_of_ours() && entries() == 2 : is_as_at_start());
    CHECK(is_fine);
    return is_fine;
}

/* Whoever opens the database just then finds the old one, the new one, or none at all. */
static bool is_no_mix(enum state state)
{
    int rows = entries();
    CHECK(rows == 2 || rows == state_rows[state] || rows == -1);
    return rows == 2 || rows == state_rows[state] || rows == -1;
}

/* Every how manieth call is hit: each one in the state with most to lose, fewer elsewhere; each one
 * everywhere with JB_KILLS in the environment. */
static int stride(enum state state, int error)
{
    if (getenv("JB_KILLS") != NULL)
        return 1;
    return state != HOT_WAL ? 3 : error != 0 || calls.no_flags ? 2 : 1;
}

static void hit_everywhere(enum state state, enum part part, int error)
{
    long count = 0;
    before_part(part);
    REQUIRE(run_hit(part, 0, 0, &count) == 0);
    CHECK(count >= (part == KEEP && state == ABSENT ? 3 : 5));
    long failed = 0;
    for (long at = 1; at <= count; at += stride(state, error)) {
        before_part(part);
        int status = run_hit(part, at, error, NULL);
        bool is_hit = error == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                 : WIFEXITED(status) && WEXITSTATUS(status) <= 1;
        failed += error != 0 && status != 0;
        if (!is_hit || (error == 0 && !is_no_mix(state)) || !survived(part)) {
            check_state.failed = true;
            printf("# %s of %s, hit with %d at call %ld of %ld, status %d\n", part_names[part],
                   state_names[state], error, at, count, status);
            return;
        }
    }
    CHECK(error == 0 || failed * 2 * stride(state, error) > count);
}

static void each_part_hit(enum state state, int error)
{
    begin(state);
    for (enum part part = 0; part < PARTS; part++)
        hit_everywhere(state, part, error);
    end();
    check_remove_folder();
}

static void killed_at_each_call(void)
{
    for (enum state state = 0; state < STATES; state++)
        each_part_hit(state, 0);
}

static void killed_at_each_call_without_exchange(void)
{
    calls.no_flags = true;
    each_part_hit(HOT_WAL, 0);
    each_part_hit(ABSENT, 0);
    calls.no_flags = false;
}

static void failing_at_each_call(void)
{
    each_part_hit(PLAIN, ENOSPC);
    each_part_hit(HOT_WAL, EIO);
    each_part_hit(HOT_JOURNAL, EACCES);
    each_part_hit(ABSENT, EIO);
}

/* ---- Others on the database ------------------------------------------------------------------ */

/* A process that has the database open, after sql, until its input ends. */
static pid_t user_of(const char *sql, int *input)
{
    int ready[2], stop[2];
    REQUIRE(pipe(ready) == 0 && pipe(stop) == 0);
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        char byte;
        sqlite3 *db = NULL;
        close(stop[1]);
        bool ok = sqlite3_open(the.live_path, &db) == SQLITE_OK &&
                  sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        if (write(ready[1], ok ? "y" : "n", 1) == 1 && read(stop[0], &byte, 1) == 0)
            _exit(0);
        _exit(1);
    }
    char answer = 'n';
    close(ready[1]);
    close(stop[0]);
    REQUIRE(read(ready[0], &answer, 1) == 1 && answer == 'y');
    close(ready[0]);
    *input = stop[1];
    return pid;
}

static void refused_while(const char *sql)
{
    begin(PLAIN);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && step(swap->ops->stage, swap) == JB_OK);
    int input;
    char pid_text[32];
    pid_t pid = user_of(sql, &input);
    snprintf(pid_text, sizeof pid_text, "process %ld (", (long)pid);
    CHECK(step(swap->ops->plan, swap) == JB_EDATABASE);
    CHECK_HAS(the.err.text, pid_text);
    CHECK(the.err.hint[0] != '\0');
    close(input);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK(step(swap->ops->plan, swap) == JB_OK);
    CHECK_TEXT(the.err.text, "");
    pid = user_of(sql, &input);
    CHECK(step(swap->ops->swap, swap) < 0);
    CHECK_HAS(the.err.text, pid_text[0] != '\0' ? "journal.db\"" : "");
    close(input);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK(go_back(swap) == JB_OK);
    CHECK(!any_of_ours() && entries() == 3);
    swap->ops->close(swap);
    end();
    check_remove_folder();
}

static void who_has_it_open_is_named(void)
{
    refused_while("BEGIN; SELECT * FROM entry;");
    refused_while("BEGIN IMMEDIATE;");
    refused_while("SELECT * FROM entry;"); /* and sleeps, without a lock */
}

static void who_has_it_open_in_wal_mode_is_named(void)
{
    begin(HOT_WAL);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && step(swap->ops->stage, swap) == JB_OK);
    int input;
    char pid_text[32];
    pid_t pid = user_of("SELECT * FROM entry;", &input);
    snprintf(pid_text, sizeof pid_text, "process %ld (", (long)pid);
    CHECK(step(swap->ops->plan, swap) == JB_EDATABASE);
    CHECK_HAS(the.err.text, pid_text);
    close(input);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK(step(swap->ops->plan, swap) == JB_OK && step(swap->ops->swap, swap) == JB_OK);
    pid = user_of("PRAGMA journal_mode = WAL; SELECT * FROM entry;", &input);
    snprintf(pid_text, sizeof pid_text, "process %ld (", (long)pid);
    CHECK(step(swap->ops->undo, swap) == JB_EDATABASE);
    CHECK_HAS(the.err.text, pid_text);
    CHECK(check_of(swap, true) == JB_OK);
    close(input);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK(go_back(swap) == JB_OK && entries() == 5);
    swap->ops->close(swap);
    end();
}

/* Used after the plan: who looks at the plan only would leave what was written then behind. */
static void used_after_the_plan(void)
{
    begin(PLAIN);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && prepare(swap) == JB_OK);
    db_crash(the.live_path, "PRAGMA journal_mode = WAL; INSERT INTO entry VALUES(7, 'late');");
    CHECK(step(swap->ops->swap, swap) == JB_EDATABASE);
    CHECK_HAS(the.err.text, "-wal file is new");
    CHECK(go_back(swap) == JB_OK);
    CHECK(entries() == 4 && !any_of_ours());
    swap->ops->close(swap);
    end();
}

/* What is neither of the two stays where it is, wherever that is. */
static void a_third_database(void)
{
    begin(PLAIN);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && restore(swap) == JB_OK);
    shell("cd '%s/app' && cp journal.db third && mv third journal.db", check_folder());
    char *before = snapshot("app");
    CHECK(step(swap->ops->undo, swap) == JB_EDATABASE);
    CHECK_HAS(the.err.text, "neither the old database nor the restored one");
    CHECK_HAS(the.err.hint, ".jbackup-restore-" ID ".old-journal.db");
    CHECK(check_of(swap, true) == JB_EDATABASE && check_of(swap, false) == JB_EDATABASE);
    char *after = snapshot("app");
    CHECK_TEXT(after, before);
    free(before);
    free(after);
    CHECK(step(swap->ops->discard, swap) == JB_OK); /* of the old one */
    CHECK(!any_of_ours() && entries() == 2);
    swap->ops->close(swap);
    end();
    check_remove_folder();
    begin(HOT_WAL);
    shell("echo mine > '%s/app/.jbackup-restore-" ID "-journal.db'", check_folder());
    CHECK(swap_begin() == NULL);
    CHECK_HAS(the.err.text, "exists already");
    end();
}

static void odd_places(void)
{
    /* A name that means something in a URI, and to a shell. */
    begin_named(HOT_WAL, "a %41?b#c&d\xc3\xa9.db");
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL);
    CHECK(restore(swap) == JB_OK && check_of(swap, true) == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    swap->ops->close(swap);
    end();
    check_remove_folder();
    /* A symbolic link: what it leads to is exchanged. */
    begin(HOT_WAL);
    shell("ln -s app/journal.db '%s/link.db'", check_folder());
    snprintf(the.live_path, sizeof the.live_path, "%s/link.db", check_folder());
    swap = swap_begin();
    REQUIRE(swap != NULL && restore(swap) == JB_OK);
    struct stat st;
    CHECK(lstat(the.live_path, &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(entries() == 2);
    swap->ops->close(swap);
    swap = swap_resume();
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    swap->ops->close(swap);
    shell("ln -sf nowhere/at.db '%s/link.db'", check_folder());
    CHECK(swap_begin() == NULL);
    CHECK_HAS(the.err.text, "symbolic link to nothing");
    end();
    check_remove_folder();
    /* Folders that are not there yet: made, the database's owner's, and gone with it, but for what
     * somebody else has put there: also if another process undoes it. */
    begin(PLAIN);
    snprintf(the.live_path, sizeof the.live_path, "%s/app/not/yet/journal.db", check_folder());
    swap = swap_begin();
    REQUIRE(swap != NULL && prepare(swap) == JB_OK && step(swap->ops->swap, swap) == JB_OK);
    CHECK(stat(in_folder("app/not/yet"), &st) == 0 && (geteuid() != 0 || st.st_uid == 65534) &&
          (st.st_mode & 0777) == 0755);
    CHECK(check_of(swap, true) == JB_OK);
    shell("touch '%s'", in_folder("app/not/mine"));
    swap->ops->close(swap);
    swap = swap_resume();
    CHECK(go_back(swap) == JB_OK);
    CHECK(access(in_folder("app/not/yet"), F_OK) < 0 &&
          access(in_folder("app/not/mine"), F_OK) == 0);
    swap->ops->close(swap);
    end();
    check_remove_folder();
    begin(PLAIN);
    char name[260];
    memset(name, 'n', sizeof name);
    snprintf(the.live_path, sizeof the.live_path, "%s/app/%.250s", check_folder(), name);
    CHECK(swap_begin() == NULL);
    CHECK(the.err.code == JB_EUNSUPPORTED);
    end();
}

/* A -wal without a database would be taken for the new one's. */
static void leftovers_of_a_database_that_is_gone(void)
{
    begin(HOT_WAL);
    shell("cd '%s' && rm app/journal.db && touch -d '2026-01-01 10:00:00' app && rm -rf start && "
          "cp -a app start",
          check_folder());
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && restore(swap) == JB_OK);
    CHECK(access(in_folder("app/journal.db-wal"), F_OK) < 0);
    CHECK(check_of(swap, true) == JB_OK && entries() == 2);
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    swap->ops->close(swap);
    end();
}

/* Somebody looked into the old one while it was kept: its -wal went into it. */
static void the_old_one_was_used_where_it_is_kept(void)
{
    begin(HOT_WAL);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && restore(swap) == JB_OK);
    db_run(in_folder("app/.jbackup-restore-" ID ".old-journal.db"),
           "DELETE FROM entry WHERE id = 5");
    CHECK(go_back(swap) == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(!any_of_ours() && entries() == 4);
    swap->ops->close(swap);
    end();
}

/* A file that is mounted by itself, as into a container, can't be exchanged. */
static void a_mounted_file_is_refused(void)
{
    begin(PLAIN);
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(the.live_path, the.live_path, NULL, MS_BIND, NULL) < 0)
            _exit(2);
        struct swap *swap = swap_begin();
        bool is_refused = swap != NULL && step(swap->ops->stage, swap) == JB_EUNSUPPORTED &&
                          strstr(the.err.text, "mounted by itself") != NULL && !any_of_ours();
        _exit(is_refused ? 0 : 1);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (geteuid() == 0 ? 0 : 2));
    end();
}

static void a_hard_link_is_told(void)
{
    begin(PLAIN);
    REQUIRE(link(the.live_path, in_folder("other name")) == 0);
    struct swap *swap = swap_begin();
    REQUIRE(swap != NULL && prepare(swap) == JB_OK);
    CHECK(jb_report_finding_count(the.job.report) == 1);
    CHECK_HAS(jb_report_finding(the.job.report, 0)->message, "hard links");
    CHECK(go_back(swap) == JB_OK && is_as_at_start());
    swap->ops->close(swap);
    end();
}

static void hostile_journals(void)
{
    begin(PLAIN);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", the.live_path);
    static const char *const tails[] = {
        "",
        "\"id\": 3",
        "\"id\": \"../../../etc/x\"",
        "\"id\": \"20260231_000000\"",
        "\"id\": \"" ID "\", \"inodes\": 5",
        "\"id\": \"" ID "\", \"inodes\": {\"old\": 1}",
        "\"id\": \"" ID "\", \"inodes\": {\"old\": 1, \"new\": 1}",
        "\"id\": \"" ID "\", \"inodes\": {\"old\": 1, \"new\": 2, \"-wal\": \"x\"}",
        "\"id\": \"" ID "\", \"inodes\": {\"old\": 1, \"new\": 0}",
        "\"id\": \"" ID "\", \"folder_s\": 1",
        "\"id\": \"" ID "\", \"folder_s\": 1, \"folder_ns\": -1",
    };
    static const char *const paths[] = {
        "3", "\"\"", "\"x\"", "\"/\"", "\"/a/../b\"", "\"/etc/passwd\"", "\"/a//b\"", "null"};
    char text[2 * PATH_MAX];
    struct swap *swap = NULL;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(text, sizeof text, "{\"path\": \"%s\"%s%s}", path, *tails[i] ? ", " : "",
                 tails[i]);
        CHECK(resume_from(&swap, text) == JB_ECORRUPT && swap == NULL);
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(text, sizeof text, "{\"path\": %s, \"id\": \"" ID "\"}", paths[i]);
        CHECK(resume_from(&swap, text) == JB_ECORRUPT && swap == NULL);
    }
    CHECK(resume_from(&swap, "[]") == JB_ECORRUPT && resume_from(&swap, "{}") == JB_ECORRUPT);
    CHECK(is_as_at_start());
    end();
}

int main(void)
{
    RUN(there_and_back);
    RUN(there_and_back_without_exchange);
    RUN(what_is_kept_can_be_discarded);
    RUN(given_up_early);
    RUN(a_crash_on_the_new_one_goes_with_it);
    RUN(who_has_it_open_is_named);
    RUN(who_has_it_open_in_wal_mode_is_named);
    RUN(used_after_the_plan);
    RUN(a_third_database);
    RUN(odd_places);
    RUN(leftovers_of_a_database_that_is_gone);
    RUN(the_old_one_was_used_where_it_is_kept);
    RUN(a_mounted_file_is_refused);
    RUN(a_hard_link_is_told);
    RUN(hostile_journals);
    RUN(killed_at_each_call);
    RUN(killed_at_each_call_without_exchange);
    RUN(failing_at_each_call);
    return check_end();
}
