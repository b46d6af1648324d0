/* SPDX-License-Identifier: MIT */
/* A PostgreSQL database replaced where it is, by its owner who may not create databases: done and
 * undone, in company, refused, killed. */
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "postgresql_swap_fixture.h"
#include "source/postgresql_inplace.h"

static struct postgresql_source keeper;
static struct artifact keepers_dump;
static char folder[64];
static int folder_fd = -1;

/* ---- Swaps ---- */

static struct postgresql_inplace_what what_of(const struct postgresql_source *live,
                                              const struct artifact *artifact)
{
    return (struct postgresql_inplace_what){.swap = {live, category_fd, artifact, ID},
                                            .folder_fd = folder_fd,
                                            .folder = folder,
                                            .why = "for want of a right",
                                            .hint = "grant it"};
}

static struct swap *begun_here(const struct postgresql_source *live,
                               const struct artifact *artifact)
{
    static jb_report *report;
    struct swap *swap = NULL;
    const struct postgresql_inplace_what what = what_of(live, artifact);
    jb_report_free(report);
    job.report = report = jbi_report_new();
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_inplace_begin(&swap, &what, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(swap != NULL);
    return swap;
}

static struct swap *planned_here(void)
{
    struct swap *swap = begun_here(&keeper, &keepers_dump);
    REQUIRE(DO(swap, stage));
    REQUIRE(DO(swap, plan));
    return swap;
}

static struct swap *resumed_here(const char *text)
{
    struct swap *swap = NULL;
    struct json *json = NULL;
    const struct postgresql_inplace_what what = what_of(&keeper, NULL);
    err = (struct jb_error){0};
    REQUIRE(jbi_json_parse(&json, text, strlen(text), "journal", &err) == JB_OK);
    CHECK(jbi_postgresql_inplace_resume(&swap, json, &what, &err) == err.code);
    jbi_json_free(json);
    return swap;
}

static const char *files(void)
{
    return output_of(textf("ls -A %s", folder));
}

/* From here on "journal" is as it was backed up, and then as it became. */
static void make_both(void)
{
    make_journal("keeper", "k");
    if (keepers_dump.path == NULL)
        keepers_dump = backup_of(&keeper);
}

static void change(void)
{
    sql_in("journal",
           "SET ROLE keeper; DELETE FROM entry WHERE id % 7 = 0; UPDATE entry SET title = 'x' WHERE"
           " id < 9; ALTER TABLE note ADD wrong text; CREATE TABLE newer AS SELECT 1 AS a;"
           "CREATE VIEW over AS SELECT t.title, n.a FROM titles t, newer n;"
           "CREATE SCHEMA more; CREATE TYPE more.mood AS ENUM ('sad', 'glad');"
           "CREATE TABLE more.\"odd \"\"table\" (m more.mood, c char(3));"
           "CREATE DOMAIN more.small AS int CHECK (VALUE < 9);"
           "CREATE FUNCTION more.half(a int) RETURNS int LANGUAGE sql AS 'SELECT a / 2';"
           "CREATE AGGREGATE more.halves(int) (SFUNC = int4pl, STYPE = int);"
           "CREATE OPERATOR more.<=> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);"
           "CREATE COLLATION more.c (LOCALE = 'C');"
           "CREATE TEXT SEARCH CONFIGURATION more.words (COPY = pg_catalog.english);"
           "CREATE MATERIALIZED VIEW more.counted AS SELECT count(*) FROM entry;"
           "CREATE TABLE more.parts (a int) PARTITION BY RANGE (a);"
           "CREATE TABLE more.part PARTITION OF more.parts FOR VALUES FROM (1) TO (9);"
           "CREATE TABLE more.counting (a int GENERATED ALWAYS AS IDENTITY);"
           "CREATE TYPE more.pair AS (a int, b text);"
           "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO plain;"
           "ALTER DEFAULT PRIVILEGES IN SCHEMA more GRANT ALL ON SEQUENCES TO plain;"
           "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
           "GRANT SELECT ON entry TO plain; COMMENT ON TABLE note IS 'changed';"
           "COMMENT ON SCHEMA public IS 'ours'; GRANT CREATE ON SCHEMA public TO plain;"
           "SELECT lo_from_bytea(4712, 'another'); SELECT lo_put(4711, 0, 'A');"
           "SELECT setval('entry_id_seq', 77777)");
}

/* ---- Which way ---- */

static const char *why_of(const struct postgresql_source *live, const char **hint)
{
    const char *why = NULL;
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_inplace_why(live, &arena, &why, hint, &err) == err.code);
    return why;
}

static void the_server_says_which_way(void)
{
    const char *hint;
    make_both();
    CHECK_TEXT(why_of(&keeper, &hint), "the role \"keeper\" may not create databases");
    CHECK_TEXT(hint, "as a superuser: ALTER ROLE \"keeper\" CREATEDB");
    CHECK_TEXT(why_of(&maker, &hint),
               "the role \"maker\" may not rename it, for it belongs to \"keeper\"");
    CHECK_TEXT(hint, "as a superuser: ALTER DATABASE \"journal\" OWNER TO \"maker\"");
    CHECK(why_of(&admin, &hint) == NULL && hint == NULL);
    struct postgresql_source absent = source_of("keeper:k", "absent", "absent");
    CHECK(why_of(&absent, &hint) == NULL);
    CHECK(err.code == JB_EDATABASE);
}

/* ---- Done and undone ---- */

static void is_round(struct swap *swap, const char *held, const char *was)
{
    for (int i = 0; i < 2; i++) {
        CHECK(DO(swap, swap) && DO(swap, swap));
        CHECK_IS(swap, true);
        CHECK(swap->ops->check(swap, &job, false, &err) == JB_EDATABASE);
        CHECK_TEXT(content("journal"), backed_up);
        CHECK(DO(swap, undo) && DO(swap, undo));
        CHECK_IS(swap, false);
        CHECK_TEXT(content("journal"), held);
        CHECK_TEXT(row("journal"), was);
    }
}

static void there_and_back(void)
{
    make_both();
    change();
    const char *was = jbi_arena_text(&arena, row("journal"));
    const char *held = jbi_arena_text(&arena, content("journal"));
    CHECK(strcmp(held, backed_up) != 0);
    struct swap *swap = begun_here(&keeper, &keepers_dump);
    CHECK_TEXT(swap->name, "journal");
    CHECK_TEXT(swap->ops->kind, "postgresql-inplace");
    CHECK_TEXT(swap->in_place, "for want of a right");
    CHECK(DO(swap, undo) && DO(swap, discard));
    REQUIRE(DO(swap, stage));
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(files(), "");
    CHECK_TEXT(swap->ops->kept(swap), "");
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EINVAL);
    REQUIRE(DO(swap, plan));
    CHECK_TEXT(files(), "before_" ID "_journal.dump\n");
    CHECK_TEXT(output_of(textf("stat -c %%a %s/before*", folder)), "600\n");
    CHECK_TEXT(swap->ops->kept(swap), textf("file %s/before_" ID "_journal.dump", folder));
    CHECK_TEXT(content("journal"), held);
    CHECK_IS(swap, false);
    err = (struct jb_error){0};
    CHECK(swap->ops->check(swap, &job, true, &err) == JB_EDATABASE);
    is_round(swap, held, was);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK(DO(swap, swap));
    const char *text = journal_of(swap);
    CHECK_HAS(text, "\"swapped\": true");
    swap->ops->close(swap);
    swap = resumed_here(text); /* as a rollback does */
    CHECK_TEXT(journal_of(swap), text);
    CHECK_IS(swap, true);
    sql_in("journal", "SET ROLE keeper; CREATE TABLE by_the_service (a int)");
    CHECK_IS(swap, true);
    end(swap);
    CHECK_TEXT(content("journal"), held);
    CHECK_TEXT(row("journal"), was);
    CHECK_TEXT(files(), "");
}

static void a_restore_that_stays(void)
{
    make_both();
    change();
    struct swap *swap = planned_here();
    CHECK(DO(swap, swap) && DO(swap, discard) && DO(swap, discard));
    CHECK_IS(swap, true);
    CHECK_TEXT(content("journal"), backed_up);
    CHECK_TEXT(files(), "");
    err = (struct jb_error){0};
    CHECK(swap->ops->undo(swap, &job, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "is not the dump that the restore kept");
    CHECK_TEXT(content("journal"), backed_up);
    swap->ops->close(swap);
}

/* Those of other roles stay, with what they made; the login's own are made anew. */
static void extensions_stay_or_are_made(void)
{
    make_both();
    sql_in("journal", "SET client_min_messages = error; CREATE SCHEMA ext; CREATE EXTENSION"
                      " pg_trgm SCHEMA ext; CREATE EXTENSION citext; SET ROLE keeper;"
                      "CREATE EXTENSION \"uuid-ossp\"; CREATE TABLE mixed (c citext, u uuid DEFAULT"
                      " uuid_generate_v4()); INSERT INTO mixed SELECT 'A' || n FROM"
                      " generate_series(1, 9) n; RESET ROLE; GRANT USAGE ON SCHEMA ext TO keeper;"
                      "GRANT ALL ON SCHEMA ext TO keeper; CREATE INDEX ON mixed USING gin"
                      " ((c::text) ext.gin_trgm_ops)");
    struct postgresql_source extended = keeper;
    extended.name = "extended";
    struct artifact backup = backup_of(&extended);
    const char *was = jbi_arena_text(&arena, content("journal"));
    sql_in("journal", "SET ROLE keeper; DROP TABLE mixed; DROP EXTENSION \"uuid-ossp\"");
    const char *held = jbi_arena_text(&arena, content("journal"));
    struct swap *swap = begun_here(&keeper, &backup);
    REQUIRE(DO(swap, stage));
    REQUIRE(DO(swap, plan));
    CHECK(DO(swap, swap));
    CHECK_TEXT(content("journal"), was);
    CHECK(DO(swap, undo));
    CHECK_TEXT(content("journal"), held);
    end(swap);
    swap = begun_here(&keeper, &keepers_dump);
    err = (struct jb_error){0};
    CHECK(swap->ops->stage(swap, &job, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "which the backup has not, and it belongs to another role");
    end(swap);
}

/* ---- In company ---- */

static void others_hold_what_is_replaced(void)
{
    make_both();
    change();
    const char *held = jbi_arena_text(&arena, content("journal"));
    struct swap *swap = planned_here();
    struct postgres *idle = opened(admin.target.url), *own = opened(keeper.target.url);
    REQUIRE(idle != NULL && own != NULL);
    CHECK_TEXT(value(own, "SELECT count(*) FROM public.note"), "500");
    value(idle, "BEGIN");
    CHECK_TEXT(value(idle, "SELECT count(*) FROM more.part"), "0");
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "what is to be replaced is held by sessions in \"journal\": user \"admin\" "
                        "of \"jbackup\"");
    CHECK_TEXT(content("journal"), held);
    CHECK_IS(swap, false);
    CHECK(DO(swap, undo));
    CHECK_TEXT(content("journal"), held);
    jbi_postgres_close(idle);
    CHECK(DO(swap, plan) && DO(swap, swap));
    CHECK_TEXT(content("journal"), backed_up);
    end(swap);
    jbi_postgres_close(own);
    CHECK_TEXT(content("journal"), held);
}

static void somebody_writes_meanwhile(void)
{
    make_both();
    change();
    struct swap *swap = planned_here();
    sql_in("journal", "INSERT INTO note VALUES (1)");
    const char *held = jbi_arena_text(&arena, content("journal"));
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "somebody writes to it");
    end(swap);
    CHECK_TEXT(content("journal"), held);
}

/* What pg_restore can't do leaves all as it was. */
static void a_right_is_lost_meanwhile(void)
{
    make_both();
    change();
    sql_in("postgres", "REVOKE CREATE ON DATABASE journal FROM keeper");
    struct swap *swap = planned_here();
    sql_in("journal", "REVOKE CREATE ON SCHEMA public FROM pg_database_owner, plain, PUBLIC;"
                      "ALTER SCHEMA public OWNER TO admin");
    const char *held = jbi_arena_text(&arena, content("journal"));
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "permission denied for schema public");
    CHECK_TEXT(content("journal"), held);
    end(swap);
    CHECK_TEXT(content("journal"), held);
}

/* ---- Refused ---- */

static void is_refused_here(const struct postgresql_source *live, const struct artifact *artifact,
                            int code, const char *text, const char *hint)
{
    struct swap *swap = begun_here(live, artifact);
    const char *held = jbi_arena_text(&arena, content("journal"));
    err = (struct jb_error){0};
    int got = swap->ops->stage(swap, &job, &err);
    CHECK(got == code);
    CHECK_HAS(err.text, text);
    CHECK_HAS(err.hint, hint);
    if (got != code)
        printf("# %d: %s\n", got, err.text);
    end(swap);
    CHECK_TEXT(content("journal"), held);
    CHECK_TEXT(files(), "");
}

static void what_stands_in_the_way_is_named_before(void)
{
    make_both();
    struct artifact other = keepers_dump;
    struct postgresql_facts facts = *keepers_dump.postgresql;
    other.postgresql = &facts;
    facts.encoding = "LATIN1";
    is_refused_here(&keeper, &other, JB_EUNSUPPORTED, "has the encoding UTF8, the backup LATIN1",
                    "");
    facts = *keepers_dump.postgresql;
    facts.is_recoded = false;
    is_refused_here(&keeper, &other, JB_EUNSUPPORTED, "pg_dump itself compressed", "");
    facts = *keepers_dump.postgresql;
    struct named_text absent = {"no_such_extension", "1.0"};
    facts.extensions = &absent;
    facts.extension_count = 1;
    is_refused_here(&keeper, &other, JB_EUNSUPPORTED, "\"no_such_extension\" is not installed",
                    "package");
    other = keepers_dump;
    struct table tables[8];
    memcpy(tables, keepers_dump.tables, keepers_dump.table_count * sizeof *tables);
    tables[0].sha256[3] ^= 1;
    other.tables = tables;
    is_refused_here(&keeper, &other, JB_ECORRUPT, "table \"public.entry\"", "");
    other.path = "absent.dump";
    is_refused_here(&keeper, &other, JB_ENOTFOUND, "absent.dump", "");
    is_refused_here(&keeper, &dump, JB_EUNSUPPORTED,
                    "things of the role \"admin\", of which this login is no member", "superuser");
    sql_in("journal", "CREATE TABLE of_admin (a int); CREATE SCHEMA \"odd schema\"");
    is_refused_here(&keeper, &keepers_dump, JB_EUNSUPPORTED,
                    "things of other roles, of which this login is no member: schema odd schema of "
                    "\"admin\", table public.of_admin of \"admin\"",
                    "or let it be exchanged: grant it");
    sql_in("journal",
           "DROP TABLE of_admin; DROP SCHEMA \"odd schema\"; CREATE FUNCTION seen() RETURNS"
           " event_trigger LANGUAGE plpgsql AS 'BEGIN END'; ALTER FUNCTION seen() OWNER TO keeper;"
           "CREATE EVENT TRIGGER sees ON ddl_command_end EXECUTE FUNCTION seen()");
    is_refused_here(&keeper, &keepers_dump, JB_EUNSUPPORTED,
                    "event triggers, which only a "
                    "superuser can make again: sees",
                    "drop them");
    sql_in("journal", "DROP EVENT TRIGGER sees; SET client_min_messages = error;"
                      "CREATE PUBLICATION told FOR TABLE note");
    is_refused_here(&keeper, &keepers_dump, JB_EUNSUPPORTED, "has publications", "");
    sql_in("journal", "DROP PUBLICATION told; REVOKE ALL ON SCHEMA public FROM pg_database_owner;"
                      "ALTER SCHEMA public OWNER TO admin; GRANT USAGE ON SCHEMA public TO keeper");
    is_refused_here(&keeper, &keepers_dump, JB_EUNSUPPORTED,
                    "may not create things in the schema \"public\"", "GRANT CREATE");
}

static void a_hostile_journal_is_refused(void)
{
    static const char start[] =
        "{\"database\":\"journal\",\"id\":\"" ID "\",\"mark\":1500000000,\"planned\":";
    static const char *const ends[] = {
        "true}",
        "false,\"plan\":7}",
        "false,\"plan\":{}}",
        "false,\"plan\":{\"system\":\"'\",\"oid\":5,\"mark\":\"%1$s\",\"size\":1,\"sha256\":\""
        "%1$s%1$s\",\"swapped\":true,\"first\":1}}",
        "false,\"plan\":{\"system\":\"1\",\"oid\":0,\"mark\":\"%1$s\",\"size\":1,\"sha256\":\""
        "%1$s%1$s\",\"swapped\":true,\"first\":1}}",
        "false,\"plan\":{\"system\":\"1\",\"oid\":5,\"mark\":\"%1$s0\",\"size\":1,\"sha256\":\""
        "%1$s%1$s\",\"swapped\":true,\"first\":1}}",
        "false,\"plan\":{\"system\":\"1\",\"oid\":5,\"mark\":\"%1$s\",\"size\":-1,\"sha256\":\""
        "%1$s%1$s\",\"swapped\":true,\"first\":1}}",
    };
    static const char digits[] = "0123456789abcdef0123456789abcdef";
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        scope_text text = {0};
        jbi_text_adds(&text, start);
        for (const char *at = ends[i]; *at != '\0'; at++) {
            bool is_digits = jbi_starts_with(at, "%1$s");
            jbi_text_add(&text, is_digits ? digits : at, is_digits ? strlen(digits) : 1);
            at += is_digits ? 3 : 0;
        }
        CHECK(resumed_here(text.at) == NULL);
        CHECK(err.code == JB_ECORRUPT);
    }
    make_both();
    struct swap *swap = planned_here();
    const char *text = journal_of(swap);
    swap->ops->close(swap);
    sql_in("postgres", "ALTER DATABASE journal RENAME TO gone");
    make_journal("keeper", "k");
    swap = resumed_here(text);
    err = (struct jb_error){0};
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "is the database with OID");
    CHECK_TEXT(content("journal"), backed_up);
    sql_in("postgres", "DROP DATABASE journal; ALTER DATABASE gone RENAME TO journal");
    end(swap);
}

/* ---- Killed ---- */

static pid_t in_another(struct swap *swap, bool is_undo)
{
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        err = (struct jb_error){0};
        int code = is_undo ? swap->ops->undo(swap, &job, &err) : swap->ops->swap(swap, &job, &err);
        _exit(code == JB_OK ? 0 : 1);
    }
    return pid;
}

/* How long it takes when nobody disturbs. */
static int64_t time_of(struct swap *swap, bool is_undo)
{
    int64_t began_ms = jbi_monotonic_ms();
    int status = 0;
    pid_t pid = in_another(swap, is_undo);
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
    return jbi_monotonic_ms() - began_ms;
}

/* Whether it is what change() made of it, as the server sees it now. */
static bool is_changed(void)
{
    struct postgres *postgres = opened(admin.target.url);
    REQUIRE(postgres != NULL);
    bool is_it = atoi(value(postgres, "SELECT count(*) FROM pg_class WHERE relname = 'newer'")) > 0;
    jbi_postgres_close(postgres);
    return is_it;
}

/* Another process then puts the old state back, from the journal as it was before the step. */
static void killed_at_moments(bool is_undo, const char *held)
{
    struct swap *swap = planned_here();
    int moments = getenv("JB_KILLS") != NULL ? 60 : 6, is_done = 0;
    const char *before = journal_of(swap);
    int64_t swap_ms = time_of(swap, false), undo_ms;
    struct swap *next = resumed_here(before);
    undo_ms = time_of(next, true);
    for (int i = 0; i <= moments && !check_state.failed; i++) {
        CHECK(DO(next, undo));
        next->ops->close(next);
        REQUIRE(DO(swap, plan));
        before = journal_of(swap);
        CHECK(!is_undo || DO(swap, swap));
        struct swap *undone = resumed_here(is_undo ? journal_of(swap) : before);
        pid_t pid = in_another(is_undo ? undone : swap, is_undo);
        usleep((useconds_t)((is_undo ? undo_ms : swap_ms) * 1000 * i / moments));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        undone->ops->close(undone);
        is_done += is_changed() == is_undo;
        next = resumed_here(before);
        CHECK(DO(next, undo));
        CHECK_IS(next, false);
        CHECK_TEXT(content("journal"), held);
    }
    CHECK(is_done > 0);
    end(next);
    swap->ops->close(swap);
    CHECK_TEXT(files(), "");
}

static void killed_while_it_swaps(void)
{
    make_both();
    change();
    killed_at_moments(false, jbi_arena_text(&arena, content("journal")));
}

static void killed_while_it_goes_back(void)
{
    make_both();
    change();
    killed_at_moments(true, jbi_arena_text(&arena, content("journal")));
}

/* pg_restore has got everything, and is at work without the process that fed it. */
static void what_a_killed_one_left_is_ended(void)
{
    make_both();
    sql_in("journal",
           "SET ROLE keeper; CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
           " 'BEGIN IF current_setting(''application_name'') = ''pg_restore'' THEN PERFORM"
           " pg_catalog.pg_sleep(30); END IF; RETURN 1; END';"
           "CREATE TABLE late AS SELECT 1 AS a; CREATE INDEX ON late (slow(a))");
    struct postgresql_source late = keeper;
    late.name = "late";
    struct artifact backup = backup_of(&late);
    sql_in("journal", "SET ROLE keeper; DROP TABLE late");
    const char *held = jbi_arena_text(&arena, content("journal"));
    struct swap *swap = begun_here(&keeper, &backup);
    REQUIRE(DO(swap, stage));
    REQUIRE(DO(swap, plan));
    const char *text = journal_of(swap);
    pid_t pid = in_another(swap, false);
    for (int i = 0; i < 200; i++) {
        usleep(50000);
        if (atoi(ask("SELECT count(*) FROM pg_stat_activity WHERE datname = 'journal' AND"
                     " wait_event = 'PgSleep'")) > 0)
            break;
    }
    CHECK(atoi(ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 2);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    int64_t began_ms = jbi_monotonic_ms();
    struct swap *next = resumed_here(text);
    CHECK(DO(next, undo));
    CHECK(jbi_monotonic_ms() - began_ms < 10000);
    CHECK_TEXT(content("journal"), held);
    end(next);
    swap->ops->close(swap);
}

/* The server itself dies in the middle of it. */
static void the_server_crashes_meanwhile(void)
{
    make_both();
    change();
    const char *held = jbi_arena_text(&arena, content("journal"));
    for (int i = 1; i < 4; i++) {
        struct swap *swap = planned_here();
        const char *text = journal_of(swap);
        pid_t pid = in_another(swap, false);
        usleep((useconds_t)i * 120000);
        REQUIRE(control("pg_crash") && control("pg_start"));
        waitpid(pid, NULL, 0);
        struct swap *next = resumed_here(text);
        CHECK(DO(next, undo));
        CHECK_TEXT(content("journal"), held);
        end(next);
        swap->ops->close(swap);
    }
}

static void folder_remove(void)
{
    shell(textf("rm -rf %s", folder));
}

int main(void)
{
    atexit(fixture_remove);
    swap_fixture_make();
    strcpy(folder, "/tmp/jbackup-test-folder-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    atexit(folder_remove);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sql_in("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'k'");
    keeper = source_of("keeper:k", "journal", "journal");
    RUN(the_server_says_which_way);
    RUN(there_and_back);
    RUN(a_restore_that_stays);
    RUN(extensions_stay_or_are_made);
    RUN(others_hold_what_is_replaced);
    RUN(somebody_writes_meanwhile);
    RUN(a_right_is_lost_meanwhile);
    RUN(what_stands_in_the_way_is_named_before);
    RUN(a_hostile_journal_is_refused);
    RUN(killed_while_it_swaps);
    RUN(killed_while_it_goes_back);
    RUN(what_a_killed_one_left_is_ended);
    RUN(the_server_crashes_meanwhile);
    return check_end();
}
