/* SPDX-License-Identifier: MIT */
/* Proofs of dumps by a real server and by clusters of our own: what is equal, what differs, what
 * can't be had. */
#include "prove_fixture.h"

static struct postgresql_source source;
static struct artifact dump;

static void a_backup_is_proved_on_the_server(void)
{
    CHECK(prove(&source, &dump) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(where, "a database on the server");
    CHECK(checked.tables == 2 && restored_bytes == dump.raw_size &&
          checked.bytes_read == dump.size);
    CHECK_NOTHING_LEFT();
}

static void a_backup_is_proved_on_a_cluster(void)
{
    CHECK(prove(NULL, &dump) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(where, "a cluster of its own");
    CHECK(checked.tables == 2 && restored_bytes == dump.raw_size);
    CHECK_NOTHING_LEFT();
}

static void without_the_right_a_cluster_serves(void)
{
    struct postgresql_source plain = source_of("plain:p", "journal", "journal");
    CHECK(prove(&plain, &dump) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "permission denied to create database");
    CHECK_TEXT(where, "a cluster of its own");
    struct postgresql_source down = source;
    down.target.url = "postgresql://admin:x@127.0.0.1:1/journal";
    CHECK(prove(&down, &dump) == JB_OK);
    CHECK_HAS(findings(JB_INFO), "Connection refused");
    CHECK_TEXT(where, "a cluster of its own");
    CHECK_NOTHING_LEFT();
}

static void a_role_that_makes_databases_is_enough(void)
{
    struct postgresql_source maker = source_of("maker:m", "journal", "journal");
    CHECK(prove(&maker, &dump) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "writes 2 definitions in other words after a restore, TABLE");
    CHECK_TEXT(where, "a database on the server");
    CHECK_NOTHING_LEFT();
}

/* The dump of an altered copy under what the backup says of the original, which is only forged
 * where the test says so. */
static const char *proof_of_altered(const char *statements, bool on_cluster)
{
    static unsigned number;
    const char *name = jbi_arena_printf(&arena, "altered%u", number++);
    sql_in("postgres", textf("CREATE DATABASE %s TEMPLATE journal", name));
    sql_in(name, statements);
    struct postgresql_source altered = source_of("admin:" ADMIN_PASSWORD, name, name);
    struct artifact forged = dump;
    forged.path = backup_of(&altered).path;
    CHECK(prove(on_cluster ? NULL : &source, &forged) == JB_OK);
    sql_in("postgres", textf("DROP DATABASE %s", name));
    return findings(JB_ERROR);
}

static void what_differs_is_named(void)
{
    static const struct {
        const char *statements, *subject, *message;
    } cases[] = {
        {"DELETE FROM entry WHERE id = 77", "table \"public.entry\"", "has 2999 rows"},
        {"UPDATE note SET id = 0 WHERE id = 9", "table \"public.note\"", "content differs"},
        {"DROP TABLE note", "table \"public.note\"", "missing"},
        {"DROP INDEX entry_title", "INDEX public.entry_title", "missing"},
        {"CREATE INDEX more ON note (id)", "INDEX public.more", "was not there"},
        {"ALTER TABLE entry DISABLE TRIGGER touched", "TRIGGER public.entry touched", "another"},
        {"ALTER TABLE entry ALTER title SET DEFAULT 'nine'", "TABLE public.entry", "another"},
        {"SELECT nextval('entry_id_seq')", "sequence \"public.entry_id_seq\"", "is at 3001, 3000"},
        {"SELECT lo_put(4711, 2, 'x')", "table \"large objects\"", "differs"},
        {"ALTER FUNCTION touch() STABLE", "FUNCTION public.touch()", "another"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = proof_of_altered(cases[i].statements, i == 0 || i == 3);
        CHECK_HAS(said, cases[i].subject);
        CHECK_HAS(said, cases[i].message);
    }
    CHECK_NOTHING_LEFT();
}

/* One table in another order is another table: it is what COPY gives. */
static void a_broken_dump_is_told(void)
{
    struct artifact broken = dump;
    broken.path = "db_20260101_000000/postgresql_broken.dump";
    REQUIRE(shell(textf("cp %s/%s %s/%s", category, dump.path, category, broken.path)));
    REQUIRE(shell(textf("printf X | dd of=%s/%s bs=1 seek=%d conv=notrunc 2>/dev/null", category,
                        broken.path, (int)dump.size - 30000)));
    CHECK(prove(&source, &broken) == JB_OK);
    CHECK_HAS(findings(JB_ERROR), "postgresql_broken.dump");
    REQUIRE(shell(textf("truncate -s 300 %s/%s", category, broken.path)));
    CHECK(prove(&source, &broken) == JB_OK);
    CHECK_HAS(findings(JB_ERROR), "postgresql_broken.dump");
    broken.path = "db_20260101_000000/absent.dump";
    CHECK(prove(&source, &broken) == JB_OK);
    CHECK_HAS(findings(JB_ERROR), "absent.dump");
    CHECK_NOTHING_LEFT();
}

static void roles_of_policies_come_from_the_globals(void)
{
    sql_in("postgres", "CREATE DATABASE guarded; CREATE ROLE \"odd \"\"role\"\" ;\"");
    sql_in("guarded", "SET client_min_messages = error; CREATE TABLE t (a int); ALTER TABLE t "
                      "ENABLE ROW LEVEL SECURITY;"
                      "CREATE POLICY p ON t TO \"odd \"\"role\"\" ;\", plain USING (a > 0);"
                      "INSERT INTO t VALUES (1); ALTER SCHEMA public OWNER TO plain;"
                      "CREATE SUBSCRIPTION never CONNECTION 'host=/nowhere' PUBLICATION p"
                      " WITH (connect = false, slot_name = NONE);");
    struct postgresql_source guarded = source_of("admin:" ADMIN_PASSWORD, "guarded", "guarded");
    guarded.with_globals = true;
    struct artifact backup = backup_of(&guarded);
    struct artifact globals = {.kind = ARTIFACT_POSTGRESQL_GLOBALS,
                               .path = "db_20260101_000000/postgresql_globals.sql"};
    CHECK(prove_with(&guarded, &backup, &globals) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "subscriptions");
    CHECK_TEXT(where, "a cluster of its own");
    CHECK(prove(NULL, &backup) == JB_EDATABASE);
    CHECK_HAS(err.text, "does not exist");
    CHECK_HAS(err.hint, "roles");
    CHECK_TEXT(findings(JB_WARNING), "");
    sql_in("guarded", "DROP SUBSCRIPTION never");
    REQUIRE(shell(textf("rm %s/%s %s/%s", category, backup.path, category, globals.path)));
    guarded.with_globals = false;
    backup = backup_of(&guarded);
    CHECK(prove(&guarded, &backup) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(where, "a database on the server");
    struct postgresql_source maker = source_of("maker:m", "guarded", "guarded");
    CHECK(prove(&maker, &backup) == JB_OK);
    CHECK_TEXT(findings(JB_INFO), "");
    CHECK_TEXT(where, "a database on the server");
    CHECK_NOTHING_LEFT();
}

static void what_a_server_refuses_a_cluster_decides(void)
{
    sql_in("postgres", "CREATE DATABASE watched; CREATE DATABASE hopeless");
    sql_in("watched",
           "CREATE TABLE t AS SELECT 1 AS a; CREATE FUNCTION seen() RETURNS event_trigger"
           " LANGUAGE plpgsql AS 'BEGIN NULL; END';"
           "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION seen()");
    sql_in("hopeless", "CREATE FUNCTION good(int) RETURNS bool LANGUAGE sql AS 'SELECT true';"
                       "CREATE TABLE aa (a int CHECK (good(a))); INSERT INTO aa VALUES (1);"
                       "CREATE OR REPLACE FUNCTION good(int) RETURNS bool LANGUAGE sql AS"
                       " 'SELECT false'");
    struct postgresql_source watched = source_of("admin:" ADMIN_PASSWORD, "watched", "watched");
    struct postgresql_source maker = source_of("maker:m", "watched", "watched");
    struct artifact backup = backup_of(&watched);
    CHECK(prove(&maker, &backup) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "permission denied to create event trigger");
    CHECK_TEXT(where, "a cluster of its own");
    setenv("TMPDIR", "/proc", 1);
    CHECK(prove(&maker, &backup) < 0);
    CHECK_TEXT(findings(JB_WARNING), "");
    setenv("TMPDIR", clusters, 1);
    CHECK(prove(&watched, &backup) == JB_OK);
    CHECK_TEXT(where, "a database on the server");

    struct postgresql_source hopeless = source_of("admin:" ADMIN_PASSWORD, "hopeless", "hopeless");
    backup = backup_of(&hopeless);
    for (int on_cluster = 0; on_cluster < 2; on_cluster++) {
        CHECK(prove(on_cluster ? NULL : &hopeless, &backup) == JB_OK);
        CHECK_HAS(findings(JB_ERROR), "cannot restore \"hopeless\": ");
        CHECK_HAS(findings(JB_ERROR), "violates check constraint");
    }
    CHECK_NOTHING_LEFT();
}

static void extensions_that_the_login_may_not_make(void)
{
    struct artifact other = dump;
    struct postgresql_facts facts = *dump.postgresql;
    struct named_text extension = {"dblink", "1.2"};
    facts.extensions = &extension;
    facts.extension_count = 1;
    other.postgresql = &facts;
    struct postgresql_source maker = source_of("maker:m", "journal", "journal");
    struct postgres *postgres = opened(source.target.url);
    REQUIRE(postgres != NULL);
    bool is_there = strcmp(value(postgres, "SELECT count(*) FROM pg_available_extensions"
                                           " WHERE name IN ('dblink', 'hstore')"),
                           "2") == 0;
    jbi_postgres_close(postgres);
    if (!is_there)
        return;
    CHECK(prove(&maker, &other) == JB_OK);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "\"dblink\" can be created by a superuser only");
    CHECK_TEXT(where, "a cluster of its own");
    CHECK(prove(&source, &other) == JB_OK);
    CHECK_TEXT(where, "a database on the server");
    extension.name = "hstore";
    CHECK(prove(&maker, &other) == JB_OK);
    CHECK_TEXT(where, "a database on the server");
    CHECK_NOTHING_LEFT();
}

static void other_versions_may_name_definitions_otherwise(void)
{
    struct artifact other = dump;
    struct postgresql_facts facts = *dump.postgresql;
    facts.client_version = "9.6";
    other.postgresql = &facts;
    other.server_version = "9.6";
    CHECK(prove(&source, &other) == JB_OK);
    CHECK_TEXT(findings(JB_ERROR), "");
    CHECK(checked.not_compared == 0);
    facts = *dump.postgresql;
    facts.client_version = "98.1";
    CHECK(prove(&source, &other) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "version 98 or newer");
    CHECK(where == NULL);
    facts = *dump.postgresql;
    facts.is_recoded = false;
    CHECK(prove(&source, &other) == JB_OK);
    CHECK_HAS(findings(JB_ERROR), "only its tables were compared");
    CHECK(checked.not_compared == 1 && job.report->finding_count == 1);
    CHECK(checked.tables == 2);
    struct named_text absent = {"no_such_extension", "1.0"};
    facts = *dump.postgresql;
    facts.extensions = &absent;
    facts.extension_count = 1;
    CHECK(prove(&source, &other) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "\"no_such_extension\" is not installed");
    CHECK_NOTHING_LEFT();
}

static void encodings_and_locales(void)
{
    sql_in("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';"
                       "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';"
                       "ALTER DATABASE latin SET bytea_output = escape;");
    sql_in("latin", "SET client_encoding = 'UTF8'; CREATE TABLE \"tä\" AS SELECT 'ö' AS \"ü\","
                    " '\\x0102ff'::bytea AS b, 12.5::money AS m");
    sql_in("ascii", "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t AS SELECT E'\\xff' AS a");
    struct postgresql_source latin = source_of("admin:" ADMIN_PASSWORD, "latin", "latin");
    struct postgresql_source ascii = source_of("admin:" ADMIN_PASSWORD, "ascii", "ascii");
    struct artifact first = backup_of(&latin), second = backup_of(&ascii);
    struct postgresql_facts facts = *first.postgresql;
    for (int on_cluster = 0; on_cluster < 2; on_cluster++) {
        CHECK(prove(on_cluster ? NULL : &latin, &first) == JB_OK);
        CHECK_TEXT(findings(JB_INFO), "");
        CHECK(prove(on_cluster ? NULL : &ascii, &second) == JB_OK);
        CHECK_TEXT(findings(JB_INFO), "");
        first.postgresql = &facts;
        facts.collation = facts.ctype = "xx_XX.utf8";
        CHECK_TEXT(err.text, "");
    }
    CHECK_NOTHING_LEFT();
}

/* Everything that a database can hold: tests/real/zoo.sql. */
static void the_zoo_is_proved(void)
{
    sql_in("postgres", "CREATE ROLE zoo_owner; CREATE ROLE zoo_reader; CREATE DATABASE zoo TEMPLATE"
                       " template0; CREATE ROLE \"odd \"\"role\"\" ä\"");
    REQUIRE(shell(textf("PGPASSFILE=%s/pgpass psql -qX 'host=%s/run port=%s user=admin dbname=zoo' "
                        "-f %s/real/zoo.sql >/dev/null 2>&1",
                        server, server, port, TESTS_FOLDER)));
    struct postgresql_source zoo = source_of("admin:" ADMIN_PASSWORD, "zoo", "zoo");
    zoo.with_globals = true;
    struct artifact backup = backup_of(&zoo);
    struct artifact globals = {.kind = ARTIFACT_POSTGRESQL_GLOBALS,
                               .path = "db_20260101_000000/postgresql_globals.sql"};
    CHECK(backup.table_count > 20);
    CHECK(prove_with(&zoo, &backup, &globals) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(where, "a cluster of its own");
    sql_in("zoo", "DROP SUBSCRIPTION nothing");
    REQUIRE(shell(textf("rm %s/db_*/*zoo.dump %s/db_*/*globals.sql", category, category)));
    zoo.with_globals = false;
    backup = backup_of(&zoo);
    CHECK(prove(&zoo, &backup) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(where, "a database on the server");
    CHECK_NOTHING_LEFT();
}

static void a_cancelled_proof_leaves_nothing(void)
{
    for (int calls = 0; calls < 40; calls += 1 + calls / 3) {
        cancel_after = calls;
        int code = prove(calls % 2 ? NULL : &source, &dump);
        CHECK(code == JB_ECANCELED || (code == JB_OK && cancel_after >= 0));
        cancel_after = -1;
        CHECK_TEXT(findings(JB_WARNING), "");
    }
    CHECK_NOTHING_LEFT();
}

int main(void)
{
    atexit(fixture_remove);
    fixture_make();
    forget();
    sql_in("postgres", "CREATE ROLE plain LOGIN PASSWORD 'p'; CREATE DATABASE journal;"
                       "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'm'");
    sql_in("journal", JOURNAL);
    source = source_of("admin:" ADMIN_PASSWORD, "journal", "journal");
    dump = backup_of(&source);
    RUN(a_backup_is_proved_on_the_server);
    RUN(a_backup_is_proved_on_a_cluster);
    RUN(without_the_right_a_cluster_serves);
    RUN(a_role_that_makes_databases_is_enough);
    RUN(what_differs_is_named);
    RUN(a_broken_dump_is_told);
    RUN(roles_of_policies_come_from_the_globals);
    RUN(what_a_server_refuses_a_cluster_decides);
    RUN(extensions_that_the_login_may_not_make);
    RUN(other_versions_may_name_definitions_otherwise);
    RUN(encodings_and_locales);
    RUN(the_zoo_is_proved);
    RUN(a_cancelled_proof_leaves_nothing);
    return check_end();
}
