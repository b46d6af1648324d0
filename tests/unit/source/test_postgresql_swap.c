/* SPDX-License-Identifier: MIT */
/* A PostgreSQL database in place: done and undone, in company, refused, told from others. */
#include <signal.h>
#include <time.h>

#include "postgresql_swap_fixture.h"

/* ---- Done and undone ---- */

static void change_live(void)
{
    sql_in("journal", "DELETE FROM entry WHERE id > 10; CREATE TABLE newer AS SELECT 1 AS a;"
                      "DROP VIEW titles; ALTER TABLE note ADD wrong text");
}

static void whole_round(const struct postgresql_source *live, const struct artifact *artifact)
{
    const char *was = jbi_arena_text(&arena, row("journal"));
    const char *held = jbi_arena_text(&arena, content("journal"));
    struct swap *swap = begun(live, artifact);
    CHECK_TEXT(swap->name, "journal");
    CHECK_TEXT(swap->ops->kind, "postgresql");
    CHECK_TEXT(swap->ops->kept(swap), "");
    CHECK(DO(swap, undo) && DO(swap, discard));
    REQUIRE(DO(swap, stage));
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_TEXT(swap->ops->kept(swap), "database journal" BESIDE);
    CHECK_TEXT(row("journal"), was);
    CHECK_IS(swap, false);
    REQUIRE(DO(swap, plan));
    CHECK_TEXT(row("journal"), was);
    for (int i = 0; i < 2; i++) {
        CHECK(DO(swap, swap) && DO(swap, swap));
        CHECK_IS(swap, true);
        CHECK(swap->ops->check(swap, &job, false, &err) == JB_EDATABASE);
        CHECK_TEXT(content("journal"), backed_up);
        CHECK(strcmp(row("journal"), was) != 0);
        if (i == 1)
            break;
        CHECK(DO(swap, undo) && DO(swap, undo));
        CHECK_IS(swap, false);
        CHECK_TEXT(row("journal"), was);
        CHECK_TEXT(content("journal"), held);
    }
    CHECK_HAS(databases(), "journal journal" BESIDE);
    const char *text = journal_of(swap);
    CHECK(strstr(text, "\"system\":\"\"") == NULL);
    swap->ops->close(swap);
    swap = resumed(live, text);
    CHECK_TEXT(journal_of(swap), text);
    CHECK_IS(swap, true);
    end(swap);
    CHECK_TEXT(row("journal"), was);
    CHECK_TEXT(content("journal"), held);
    CHECK(strstr(databases(), "jbackup") == NULL);
}

static void a_superuser_swaps_and_comes_back(void)
{
    whole_round(&admin, &dump);
}

static void a_plain_owner_swaps_and_comes_back(void)
{
    give_to_maker();
    whole_round(&maker, &makers_dump);
    change_live();
    whole_round(&maker, &makers_dump);
    whole_round(&admin, &makers_dump);
}

/* The old one is not wanted any more. */
static void a_restore_that_stays(void)
{
    struct swap *swap = planned(&maker, &makers_dump);
    CHECK(DO(swap, swap) && DO(swap, discard) && DO(swap, discard));
    CHECK_IS(swap, true);
    CHECK_TEXT(content("journal"), backed_up);
    CHECK(strstr(databases(), "jbackup") == NULL);
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "is not there");
    CHECK_IS(swap, true);
    swap->ops->close(swap);
}

static void a_database_that_is_not_there_is_made(void)
{
    struct postgresql_source other = source_of("maker:m", "absent", "absent");
    struct swap *swap = planned(&other, &makers_dump);
    CHECK_IS(swap, false);
    CHECK(DO(swap, swap) && DO(swap, swap));
    CHECK_IS(swap, true);
    CHECK(DO(swap, undo) && DO(swap, undo));
    CHECK_IS(swap, false);
    CHECK_HAS(databases(), "absent" BESIDE);
    CHECK(DO(swap, swap) && DO(swap, discard));
    CHECK_IS(swap, true);
    end(swap);
    CHECK(strstr(databases(), "absent") == NULL);
}

/* ---- Everything that a database can be ---- */

static void the_zoo_is_swapped(void)
{
    sql_in("postgres", "CREATE ROLE zoo_owner; CREATE ROLE zoo_reader; CREATE DATABASE zoo TEMPLATE"
                       " template0; CREATE ROLE \"odd \"\"role\"\" ä\"");
    REQUIRE(shell(textf("PGPASSFILE=%s/pgpass psql -qX 'host=%s/run port=%s user=admin dbname=zoo' "
                        "-f %s/real/zoo.sql >/dev/null 2>&1",
                        server, server, port, TESTS_FOLDER)));
    struct postgresql_source zoo = source_of("admin:" ADMIN_PASSWORD, "zoo", "zoo");
    struct swap *swap = begun(&zoo, &dump);
    CHECK(swap->ops->stage(swap, &job, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "subscriptions, which a restore would leave behind: \"nothing\"");
    end(swap);
    sql_in("zoo",
           "DROP SUBSCRIPTION nothing; DO $$DECLARE p name; BEGIN FOR p IN SELECT pubname FROM "
           "pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP; END$$;"
           "ALTER DATABASE zoo OWNER TO zoo_owner; REVOKE ALL ON DATABASE zoo FROM PUBLIC;"
           "GRANT CONNECT ON DATABASE zoo TO zoo_reader WITH GRANT OPTION;"
           "GRANT CREATE, TEMP ON DATABASE zoo TO \"odd \"\"role\"\" ä\";"
           "SET ROLE zoo_reader; GRANT CONNECT ON DATABASE zoo TO PUBLIC; RESET ROLE;"
           "COMMENT ON DATABASE zoo IS 'it''s \"the\" zoo ä';"
           "ALTER DATABASE zoo SET search_path = \"$user\", 'odd \"schema\"', public;"
           "ALTER DATABASE zoo SET statement_timeout = '7min';"
           "ALTER DATABASE zoo SET DateStyle = 'SQL, DMY';"
           "ALTER DATABASE zoo SET app.secret = 'tö''ken';"
           "ALTER ROLE zoo_reader IN DATABASE zoo SET search_path = kinds, public;"
           "ALTER ROLE zoo_reader IN DATABASE zoo SET work_mem = '7MB';"
           "ALTER DATABASE zoo CONNECTION LIMIT 17");
    struct artifact backup = backup_of(&zoo);
    swap = planned(&zoo, &backup); /* the server words it in its way, and sorts the settings */
    CHECK(DO(swap, swap) && DO(swap, discard));
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK_HAS(findings(JB_INFO), "its setting \"app.secret\" keeps the value that it has today");
    swap->ops->close(swap);
    REQUIRE(shell(textf("rm %s/%s", category, backup.path)));
    backup = backup_of(&zoo);
    const char *was = jbi_arena_text(&arena, content("zoo"));
    const char *of = jbi_arena_text(&arena, strchr(row("zoo"), '|'));
    swap = planned(&zoo, &backup);
    CHECK_TEXT(findings(JB_WARNING), "");
    CHECK(DO(swap, swap));
    CHECK_TEXT(strchr(row("zoo"), '|'), of);
    CHECK_TEXT(content("zoo"), was);
    end(swap);
    CHECK_TEXT(strchr(row("zoo"), '|'), of);
    CHECK_TEXT(content("zoo"), was);
    sql_in("zoo", "ALTER DATABASE zoo RESET app.secret");
    swap = begun(&zoo, &backup);
    CHECK(DO(swap, stage));
    CHECK_HAS(findings(JB_WARNING), "its setting \"app.secret\" is not restored");
    end(swap);
    sql_in("postgres", "DROP DATABASE zoo");
}

/* ---- Long values ---- */

static const char *compression_of(const char *database)
{
    static const char sql[] = "SELECT string_agg(DISTINCT pg_column_compression(body), ' ')"
                              " FROM public.long";
    struct postgres *postgres = opened(url("admin:" ADMIN_PASSWORD, database));
    REQUIRE(postgres != NULL);
    const char *is = jbi_arena_text(&arena, value(postgres, sql));
    jbi_postgres_close(postgres);
    return is;
}

static void restored_is(const struct postgresql_source *live, const struct artifact *backup,
                        const char *compression)
{
    struct swap *swap = planned(live, backup);
    CHECK(DO(swap, swap));
    CHECK_TEXT(compression_of("journal"), compression);
    CHECK(strstr(row("journal"), "compression=lz4") == NULL);
    end(swap);
}

static void long_values_are_compressed_as_chosen(void)
{
    if (*ask("SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY "
             "(enumvals)") != '1') {
        printf("# this server has no lz4\n");
        return;
    }
    make_journal("admin", ADMIN_PASSWORD);
    sql_in("journal", "CREATE TABLE long AS SELECT repeat(md5(n::text), 500) AS body FROM "
                      "generate_series(1, 9) n");
    struct postgresql_source live = source_of("admin:" ADMIN_PASSWORD, "journal", "long");
    struct artifact backup = backup_of(&live);
    CHECK_TEXT(compression_of("journal"), "pglz");
    restored_is(&live, &backup, "lz4"); /* nobody has chosen */
    sql_in("postgres", "ALTER ROLE admin SET default_toast_compression = pglz");
    restored_is(&live, &backup, "pglz");
    sql_in("postgres", "ALTER ROLE admin RESET ALL");
    sql_in("journal", "ALTER DATABASE journal SET default_toast_compression = pglz");
    REQUIRE(shell(textf("rm %s/%s", category, backup.path)));
    backup = backup_of(&live);
    restored_is(&live, &backup, "pglz");
    REQUIRE(shell(textf("rm %s/%s", category, backup.path)));
}

/* ---- In company ---- */

/* A program that connects again whenever it is put out, and writes. */
static pid_t application(const char *of, const char *name)
{
    const char *conninfo =
        jbi_arena_text(&arena, url(of, textf("journal?application_name=%s", name)));
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    for (const struct timespec nap = {.tv_nsec = 2000000}; pid == 0; nanosleep(&nap, NULL)) {
        struct postgres *postgres = opened(conninfo);
        while (postgres != NULL && *value(postgres, "SELECT count(*) FROM public.entry") != '\0')
            nanosleep(&nap, NULL);
        jbi_postgres_close(postgres);
    }
    return pid;
}

static void sessions_are_held_off_and_ended(void)
{
    pid_t pids[6];
    sql_in("postgres", "GRANT pg_read_all_data TO plain");
    struct swap *swap = planned(&maker, &makers_dump);
    for (size_t i = 0; i < 6; i++)
        pids[i] = application("maker:m", "app");
    usleep(300000);
    const char *was = jbi_arena_text(&arena, row("journal"));
    for (int i = 0; i < 4; i++) {
        CHECK(DO(swap, swap));
        CHECK_IS(swap, true);
        usleep(50000);
        CHECK(DO(swap, undo));
        CHECK_TEXT(row("journal"), was);
    }
    CHECK(atoi(ask("SELECT count(*) FROM pg_stat_activity WHERE datname = 'journal' AND "
                   "application_name = 'app'")) > 0);
    for (size_t i = 0; i < 6; i++)
        kill(pids[i], SIGKILL), waitpid(pids[i], NULL, 0);
    struct postgres *idle = opened(admin.target.url);
    REQUIRE(idle != NULL);
    CHECK_TEXT(value(idle, "BEGIN"), "(null)");
    pids[0] = application("plain:p", "a_report");
    usleep(300000);
    CHECK(swap->ops->plan(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "may not end sessions in \"journal\": ");
    CHECK_HAS(err.text, "user \"plain\" of \"a_report\"");
    CHECK_HAS(err.text, "user \"admin\" of \"jbackup\"");
    CHECK_HAS(err.hint, "pg_signal_backend");
    swap->ops->close(swap);
    kill(pids[0], SIGKILL), waitpid(pids[0], NULL, 0);
    jbi_postgres_close(idle);
    sql_in("postgres", "DROP DATABASE \"journal" BESIDE "\"");

    swap = planned(&maker, &makers_dump); /* they came after the plan */
    pids[0] = application("plain:p", "a_report");
    usleep(300000);
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "user \"plain\" of \"a_report\"");
    CHECK_TEXT(row("journal"), was);
    sql_in("postgres", "GRANT pg_signal_backend TO maker");
    CHECK(DO(swap, swap));
    end(swap);
    sql_in("postgres", "REVOKE pg_signal_backend FROM maker");
    kill(pids[0], SIGKILL), waitpid(pids[0], NULL, 0);
    CHECK_TEXT(row("journal"), was);
}

/* ---- Refused ---- */

static void is_refused(const struct postgresql_source *live, const struct artifact *artifact,
                       int code, const char *text, const char *hint)
{
    const char *before = jbi_arena_text(&arena, databases());
    struct swap *swap = begun(live, artifact);
    err = (struct jb_error){0};
    int got = swap->ops->stage(swap, &job, &err);
    CHECK(got == code);
    CHECK_HAS(err.text, text);
    CHECK_HAS(err.hint, hint);
    if (got != code)
        printf("# %d: %s\n", got, err.text);
    end(swap);
    CHECK_TEXT(databases(), before);
}

static void what_stands_in_the_way_is_named(void)
{
    struct postgresql_source plain = source_of("plain:p", "journal", "journal");
    is_refused(&plain, &makers_dump, JB_EUNSUPPORTED, "the role \"plain\" may not create databases",
               "ALTER ROLE \"plain\" CREATEDB");
    sql_in("postgres", "ALTER ROLE plain CREATEDB");
    is_refused(&plain, &makers_dump, JB_EUNSUPPORTED,
               "\"journal\" belongs to the role \"maker\", so \"plain\" may not rename it",
               "owner");
    sql_in("journal", "SET client_min_messages = error; CREATE PUBLICATION told FOR TABLE note");
    is_refused(&maker, &makers_dump, JB_EUNSUPPORTED,
               "has publications, which a restore would "
               "leave behind: \"told\"",
               "DROP PUBLICATION");
    sql_in("journal",
           "DROP PUBLICATION told; BEGIN; DELETE FROM note; PREPARE TRANSACTION 'gid 1';");
    is_refused(&maker, &makers_dump, JB_EUNSUPPORTED,
               "prepared transactions, which a restore would "
               "leave behind: \"gid 1\"",
               "ROLLBACK PREPARED");
    sql_in("journal", "ROLLBACK PREPARED 'gid 1';"
                      "SELECT pg_create_logical_replication_slot('followed', 'pgoutput')");
    is_refused(&maker, &makers_dump, JB_EUNSUPPORTED,
               "logical replication slots, which a restore "
               "would leave behind: \"followed\"",
               "pg_drop_replication_slot");
    sql_in("journal", "SELECT pg_drop_replication_slot('followed')");
    sql_in("postgres", "ALTER DATABASE journal IS_TEMPLATE true");
    is_refused(&maker, &makers_dump, JB_EUNSUPPORTED, "\"journal\" is a template", "IS_TEMPLATE");
    sql_in("postgres", "ALTER DATABASE journal IS_TEMPLATE false ALLOW_CONNECTIONS false");
    is_refused(&maker, &makers_dump, JB_EUNSUPPORTED, "lets nobody in", "ALLOW_CONNECTIONS true");
    sql_in("postgres", "ALTER DATABASE journal ALLOW_CONNECTIONS true;"
                       "CREATE DATABASE \"journal" BESIDE "\"");
    is_refused(&maker, &makers_dump, JB_EDATABASE,
               "there is a database \"journal" BESIDE "\" already", "DROP DATABASE");
    CHECK_HAS(findings(JB_WARNING), "this restore did not make");
    sql_in("postgres", "DROP DATABASE \"journal" BESIDE "\"");
}

static void a_backup_that_does_not_fit_is_refused(void)
{
    struct artifact other = makers_dump;
    struct postgresql_facts facts = *makers_dump.postgresql;
    other.postgresql = &facts;
    facts.owner = "nobody at all";
    is_refused(&admin, &other, JB_EUNSUPPORTED, "the role \"nobody at all\", to which",
               "CREATE ROLE");
    facts.owner = "admin";
    is_refused(&maker, &other, JB_EUNSUPPORTED, "\"admin\", of which this login is no member",
               "superuser");
    facts.owner = "maker";
    facts.acl = "{maker=CTc/maker,ghost=c/maker}";
    is_refused(&maker, &other, JB_EUNSUPPORTED, "role \"ghost\" does not exist", "CREATE ROLE");
    facts.acl = "{maker=CTc/maker,plain=r/maker}";
    is_refused(&maker, &other, JB_ECORRUPT, "a right that no database has", "");
    facts.acl = NULL;
    facts.collation = "xx_XX.utf8";
    is_refused(&maker, &other, JB_EDATABASE, "\"xx_XX.utf8\"", "install the locale");
    facts = *makers_dump.postgresql;
    struct named_text absent = {"no_such_extension", "1.0"};
    facts.extensions = &absent;
    facts.extension_count = 1;
    is_refused(&maker, &other, JB_EUNSUPPORTED, "\"no_such_extension\" is not installed",
               "package");
    facts = *makers_dump.postgresql;
    struct named_text setting = {"no_such_setting", "1"};
    facts.settings = &setting;
    facts.setting_count = 1;
    is_refused(&maker, &other, JB_EDATABASE, "\"no_such_setting\"", "");
    facts = *makers_dump.postgresql;
    struct table tables[8];
    memcpy(tables, makers_dump.tables, makers_dump.table_count * sizeof *tables);
    tables[0].sha256[3] ^= 1;
    other.tables = tables;
    is_refused(&maker, &other, JB_ECORRUPT,
               "table \"public.entry\": its content differs from what was backed up", "");
    is_refused(&maker, &dump, JB_EUNSUPPORTED, "belonged to the role \"admin\"", "");
    other = dump;
    facts = *dump.postgresql;
    facts.owner = "maker";
    other.postgresql = &facts;
    is_refused(&maker, &other, JB_EDATABASE, "\"admin\"", "superuser");
    other.path = "absent.dump";
    is_refused(&maker, &other, JB_ENOTFOUND, "absent.dump", "");
}

static void roles_that_are_gone_are_named(void)
{
    sql_in("journal", "CREATE ROLE ghost; CREATE ROLE \"odd \"\"ghost\"; CREATE ROLE haunts;"
                      "GRANT SELECT ON note TO ghost; ALTER VIEW titles OWNER TO haunts;"
                      "GRANT UPDATE (body) ON entry TO \"odd \"\"ghost\" WITH GRANT OPTION");
    struct postgresql_source haunted = admin;
    haunted.name = "haunted";
    struct artifact backup = backup_of(&haunted);
    sql_in("journal", "ALTER VIEW titles OWNER TO maker; DROP OWNED BY ghost, \"odd \"\"ghost\";"
                      "DROP ROLE ghost, haunts, \"odd \"\"ghost\"");
    is_refused(&maker, &backup, JB_EUNSUPPORTED,
               "roles that are not on the server: ", "CREATE ROLE");
    struct swap *swap = begun(&maker, &backup);
    err = (struct jb_error){0};
    CHECK(swap->ops->stage(swap, &job, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "\"ghost\"");
    CHECK_HAS(err.text, "\"haunts\"");
    CHECK_HAS(err.text, "\"odd \"ghost\"");
    CHECK(strstr(err.text, "maker") == NULL && strstr(err.text, "PUBLIC") == NULL);
    swap->ops->close(swap);
}

static void what_is_not_compared_is_a_warning(void)
{
    struct artifact other = makers_dump;
    struct postgresql_facts facts = *makers_dump.postgresql;
    other.postgresql = &facts;
    facts.is_recoded = false;
    struct swap *swap = begun(&maker, &other);
    CHECK(DO(swap, stage));
    CHECK_HAS(findings(JB_WARNING), "only its tables were compared");
    CHECK_TEXT(findings(JB_ERROR), "");
    end(swap);
}

static void the_provider_of_the_locale_stays(void)
{
    sql_in("postgres", "CREATE DATABASE german TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE "
                       "'de-DE' OWNER maker");
    struct postgresql_source german = source_of("maker:m", "german", "german");
    static const char query[] =
        "SELECT datlocprovider, daticulocale FROM pg_database WHERE datname = 'german'";
    struct swap *swap = planned(&german, &makers_dump);
    CHECK(DO(swap, swap) && DO(swap, discard));
    CHECK_TEXT(ask(query), "i|de-DE\n");
    swap->ops->close(swap);
    sql_in("postgres", "DROP DATABASE german");
}

static void a_login_that_gets_in_nowhere_else(void)
{
    sql_in("postgres",
           "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; REVOKE CONNECT ON DATABASE "
           "template1 FROM PUBLIC");
    struct swap *swap = begun(&maker, &makers_dump);
    err = (struct jb_error){0};
    CHECK(swap->ops->stage(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "permission denied for database \"postgres\"");
    CHECK_HAS(err.hint, "let the login into the database \"postgres\", too");
    swap->ops->close(swap);
    sql_in("postgres", "GRANT CONNECT ON DATABASE template1 TO PUBLIC");
    swap = planned(&maker, &makers_dump);
    CHECK(DO(swap, swap));
    CHECK_IS(swap, true);
    end(swap);
    sql_in("postgres", "GRANT CONNECT ON DATABASE postgres TO PUBLIC");
}

static void long_names_are_told_apart(void)
{
    const char *first = "a_name_of_sixty_three_bytes_which_is_as_long_as_it_may_become_1";
    const char *second = "a_name_of_sixty_three_bytes_which_is_as_long_as_it_may_become_2";
    struct postgresql_source one = source_of("maker:m", first, "one");
    struct postgresql_source two = source_of("maker:m", second, "two");
    struct swap *swap = planned(&one, &makers_dump), *other = planned(&two, &makers_dump);
    CHECK(strcmp(swap->ops->kept(swap), other->ops->kept(other)) != 0);
    CHECK(strlen(swap->ops->kept(swap)) == strlen("database ") + 63);
    CHECK(DO(swap, swap) && DO(other, swap));
    CHECK_IS(swap, true);
    CHECK_IS(other, true);
    end(swap);
    end(other);
    struct swap *none = NULL;
    struct postgresql_source of_server = source_of("maker:m", "template1", "one");
    const struct postgresql_swap_what what = {&of_server, category_fd, &makers_dump, ID};
    err = (struct jb_error){0};
    CHECK(jbi_postgresql_swap_begin(&none, &what, &err) == JB_EUNSUPPORTED);
    CHECK(none == NULL);
}

static void a_hostile_journal_is_refused(void)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"database\":\"a\",\"id\":\"" ID "\",\"mark\":1,\"planned\":false}",
        "{\"database\":\"a\",\"id\":\"x\\\"; DROP\",\"mark\":1500000000,\"planned\":false}",
        "{\"database\":\"\",\"id\":\"" ID "\",\"mark\":1500000000,\"planned\":false}",
        "{\"database\":\"template1\",\"id\":\"" ID "\",\"mark\":1500000000,\"planned\":false}",
        "{\"database\":7,\"id\":\"" ID "\",\"mark\":1500000000,\"planned\":false}",
        "{\"database\":\"a\",\"id\":\"" ID "\",\"mark\":1500000000}",
        "{\"database\":\"a\",\"id\":\"" ID "\",\"mark\":1500000000,\"planned\":true}",
        "{\"database\":\"a\",\"id\":\"" ID
        "\",\"mark\":1500000000,\"planned\":true,\"system\":\"\","
        "\"old_oid\":5,\"new_oid\":5,\"live_limit\":-1}",
        "{\"database\":\"a\",\"id\":\"" ID
        "\",\"mark\":1500000000,\"planned\":true,\"system\":\"\","
        "\"old_oid\":-5,\"new_oid\":5,\"live_limit\":-1}",
        "{\"database\":\"a\",\"id\":\"" ID
        "\",\"mark\":1500000000,\"planned\":true,\"system\":\"\","
        "\"old_oid\":0,\"new_oid\":0,\"live_limit\":-1}",
        "{\"database\":\"a\",\"id\":\"" ID
        "\",\"mark\":1500000000,\"planned\":true,\"system\":\"'\","
        "\"old_oid\":4,\"new_oid\":5,\"live_limit\":-1}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(resumed(&maker, texts[i]) == NULL);
        CHECK(err.code == JB_ECORRUPT);
    }
    const char *was = jbi_arena_text(&arena, databases());
    uint32_t live = (uint32_t)atoi(row("journal"));
    struct swap *swap =
        resumed(&maker, textf("{\"database\":\"journal\",\"id\":\"" ID
                              "\",\"mark\":1500000000,\"planned\":true,"
                              "\"system\":\"\",\"old_oid\":4,\"new_oid\":5,\"live_limit\":-1}"));
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, textf("\"journal\" is the database with OID %u", live));
    CHECK(DO(swap, discard));
    swap->ops->close(swap);
    swap = resumed(&maker,
                   textf("{\"database\":\"journal\",\"id\":\"" ID
                         "\",\"mark\":1500000000,\"planned\":true,"
                         "\"system\":\"12345\",\"old_oid\":%u,\"new_oid\":5,\"live_limit\":-1}",
                         live));
    err = (struct jb_error){0};
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "is another server than that of the restore");
    swap->ops->close(swap);
    CHECK_TEXT(databases(), was);
}

static void a_cancelled_stage_leaves_nothing(void)
{
    for (int calls = 0; calls < 30; calls += 1 + calls / 3) {
        struct swap *swap = begun(&maker, &makers_dump);
        err = (struct jb_error){0};
        cancel_after = calls;
        int code = swap->ops->stage(swap, &job, &err);
        CHECK(code == JB_ECANCELED || (code == JB_OK && cancel_after >= 0));
        cancel_after = -1;
        CHECK(code == JB_OK || strstr(databases(), "jbackup") == NULL);
        end(swap);
    }
    CHECK(strstr(databases(), "jbackup") == NULL);
}

/* What others do to the databases meanwhile: nothing of it is made worse. */
static void others_rename_and_drop(void)
{
    const char *was = jbi_arena_text(&arena, row("journal"));
    struct swap *swap = planned(&maker, &makers_dump);
    sql_in("postgres", "CREATE DATABASE \"journal_jbackup-" ID "\"");
    err = (struct jb_error){0};
    CHECK(swap->ops->swap(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "already exists");
    CHECK_TEXT(row("journal"), was);
    sql_in("postgres", "DROP DATABASE \"journal_jbackup-" ID "\"");
    CHECK(DO(swap, swap));
    sql_in("postgres", "DROP DATABASE journal WITH (FORCE)");
    err = (struct jb_error){0};
    CHECK(swap->ops->discard(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "the restored one");
    CHECK_HAS(err.text, "is not there");
    CHECK(DO(swap, undo));
    CHECK_IS(swap, false);
    end(swap);
    CHECK_TEXT(row("journal"), was);

    swap = planned(&maker, &makers_dump);
    CHECK(DO(swap, swap));
    sql_in("postgres", "ALTER DATABASE \"journal" BESIDE "\" RENAME TO mine;"
                       "CREATE DATABASE \"journal" BESIDE "\"");
    err = (struct jb_error){0};
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(err.text, "is \"mine\"");
    err = (struct jb_error){0};
    CHECK(swap->ops->discard(swap, &job, &err) == JB_EDATABASE);
    CHECK_HAS(databases(), "journal journal" BESIDE);
    CHECK_HAS(databases(), "mine");
    CHECK_IS(swap, true);
    sql_in("postgres", "DROP DATABASE \"journal" BESIDE "\";"
                       "ALTER DATABASE mine RENAME TO \"journal" BESIDE "\"");
    end(swap);
    CHECK_TEXT(row("journal"), was);
}

int main(void)
{
    atexit(fixture_remove);
    swap_fixture_make();
    RUN(a_superuser_swaps_and_comes_back);
    RUN(a_plain_owner_swaps_and_comes_back);
    RUN(a_restore_that_stays);
    RUN(a_database_that_is_not_there_is_made);
    RUN(the_zoo_is_swapped);
    RUN(sessions_are_held_off_and_ended);
    RUN(what_stands_in_the_way_is_named);
    RUN(a_backup_that_does_not_fit_is_refused);
    RUN(roles_that_are_gone_are_named);
    RUN(what_is_not_compared_is_a_warning);
    RUN(the_provider_of_the_locale_stays);
    RUN(a_login_that_gets_in_nowhere_else);
    RUN(long_names_are_told_apart);
    RUN(a_hostile_journal_is_refused);
    RUN(others_rename_and_drop);
    RUN(a_cancelled_stage_leaves_nothing);
    RUN(long_values_are_compressed_as_chosen);
    return check_end();
}
