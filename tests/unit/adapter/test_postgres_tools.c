/* SPDX-License-Identifier: MIT */
/* Which pg_dump is taken, of what is said to be installed and of what is. */
#include "adapter/postgres_tools.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "adapter/postgres.h"
#include "check.h"

static struct jb_error err;
static struct arena arena;
static struct postgres_tools tools;

static int version(const char *said, const char *want)
{
    struct postgres_client client;
    if (!jbi_postgres_client_version(said, &client))
        return -1;
    CHECK_TEXT(client.version, want);
    return client.major;
}

static void versions_are_read(void)
{
    CHECK(version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18") == 15);
    CHECK(version("pg_dump (PostgreSQL) 16.2\n", "16.2") == 16);
    CHECK(version("pg_dump (PostgreSQL) 17beta1", "17beta1") == 17);
    CHECK(version("pg_dump (PostgreSQL) 9.6.24\n", "9.6.24") == 9);
    CHECK(version("pg_dump (PostgreSQL) \n", "") == -1);
    CHECK(version("pg_dump (PostgreSQL) x15", "") == -1);
    CHECK(version("pg_dump (PostgreSQL) 99999999999", "") == -1);
    CHECK(version("pg_dump (PostgreSQL) 15.\033[1m", "") == -1);
    CHECK(version("pg_dump (PostgreSQL) 15.0123456789012345678901234567890123456789", "") == -1);
    CHECK(version("pg_dump (Other) 15", "") == -1);
    CHECK(version("", "") == -1);
}

static const char *chosen(int server_major)
{
    static const struct postgres_client clients[] = {
        {17, "17.1", "/a"}, {15, "15.2", "/b"}, {13, "13.9", "/c"}, {15, "15.9", "/d"}};
    const struct postgres_client *client = jbi_postgres_choose(clients, 4, server_major);
    return client != NULL ? client->folder : "none";
}

static void the_smallest_that_fits_is_chosen(void)
{
    CHECK_TEXT(chosen(9), "/c");
    CHECK_TEXT(chosen(13), "/c");
    CHECK_TEXT(chosen(14), "/b");
    CHECK_TEXT(chosen(15), "/b");
    CHECK_TEXT(chosen(16), "/a");
    CHECK_TEXT(chosen(17), "/a");
    CHECK_TEXT(chosen(18), "none");
    CHECK(jbi_postgres_choose(NULL, 0, 15) == NULL);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    return path;
}

/* A program that says it is of the version, or a script of its own. */
static void make_program(const char *folder, const char *name, const char *said)
{
    char path[128];
    mkdir(path_of(folder), 0755);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path_of(path), "w");
    REQUIRE(file != NULL);
    fprintf(file, "#!/bin/sh\n%s\n", said);
    fclose(file);
    REQUIRE(chmod(path_of(path), 0755) == 0);
}

static void make_client(const char *folder, const char *number)
{
    char said[128];
    snprintf(said, sizeof said, "echo 'pg_dump (PostgreSQL) %s'", number);
    make_program(folder, "pg_dump", said);
    make_program(folder, "pg_restore", said);
}

static int find(const char *path, int server_major)
{
    char *kept = strdup(getenv("PATH"));
    REQUIRE(kept != NULL);
    setenv("PATH", path, 1);
    err = (struct jb_error){0};
    tools = (struct postgres_tools){0};
    int code = jbi_postgres_tools(server_major, &arena, &tools, &err);
    setenv("PATH", kept, 1);
    free(kept);
    CHECK(code == err.code);
    return code;
}

static void programs_on_path_are_found(void)
{
    char path[2048];
    const char *folder = check_folder();
    make_client("new", "98.1");
    make_client("newer", "99.2");
    make_program("newer", "pg_dumpall", "");
    make_program("lonely", "pg_dump", "echo 'pg_dump (PostgreSQL) 97.1'");
    make_client("broken", "97.1'; exit 1; echo '");
    make_client("liar", "ninety");
    make_client("plain", "97.1");
    REQUIRE(chmod(path_of("plain/pg_dump"), 0644) == 0);
    snprintf(path, sizeof path,
             "%s/absent:relative::.:%s/lonely:%s/broken:%s/liar:%s/plain:%s/newer:%s/new", folder,
             folder, folder, folder, folder, folder, folder);
    CHECK(find(path, 97) == JB_OK && tools.major == 98);
    CHECK_TEXT(tools.version, "98.1");
    CHECK_TEXT(tools.pg_dump, path_of("new/pg_dump"));
    CHECK_TEXT(tools.pg_restore, path_of("new/pg_restore"));
    CHECK(tools.pg_dumpall == NULL);
    CHECK(find(path, 99) == JB_OK && tools.major == 99);
    CHECK_TEXT(tools.pg_dumpall, path_of("newer/pg_dumpall"));
    CHECK(find(path, 100) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "PostgreSQL 100");
    CHECK_HAS(err.text, "99.2");
    CHECK_HAS(err.hint, "postgresql-client-100");
}

static void relative_folders_and_wrappers_are_passed_over(void)
{
    char path[512];
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_client("new", "98.1");
    make_client("wrapped", "98.2");
    snprintf(path, sizeof path,
             "cd %s/wrapped && mv pg_dump pg_wrapper && ln -s pg_wrapper pg_dump", check_folder());
    REQUIRE(system(path) == 0 && here >= 0 && chdir(check_folder()) == 0);
    CHECK(find("new:./new:wrapped", 98) == JB_EUNSUPPORTED);
    snprintf(path, sizeof path, "%s/wrapped", check_folder());
    CHECK(find(path, 98) == JB_EUNSUPPORTED);
    REQUIRE(fchdir(here) == 0);
    close(here);
}

static void a_link_leads_to_its_folder(void)
{
    char path[512];
    make_client("real", "98.1");
    mkdir(path_of("bin"), 0755);
    snprintf(path, sizeof path, "cd %s/bin && ln -s ../real/pg_dump ../real/pg_restore .",
             check_folder());
    REQUIRE(system(path) == 0);
    snprintf(path, sizeof path, "%s/bin", check_folder());
    CHECK(find(path, 98) == JB_OK);
    CHECK_TEXT(tools.pg_dump, path_of("real/pg_dump"));
}

static void what_is_installed_is_found(void)
{
    CHECK(find("/usr/bin", 9) == JB_OK && tools.major >= 12);
    CHECK(tools.pg_dump != NULL && tools.pg_dump[0] == '/' && access(tools.pg_dump, X_OK) == 0);
    CHECK(access(tools.pg_restore, X_OK) == 0 && tools.pg_dumpall != NULL);
    CHECK(find("/usr/bin", 9999) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "newest pg_dump that is installed is");
}

int main(void)
{
    RUN(versions_are_read);
    RUN(the_smallest_that_fits_is_chosen);
    RUN(programs_on_path_are_found);
    RUN(relative_folders_and_wrappers_are_passed_over);
    RUN(a_link_leads_to_its_folder);
    RUN(what_is_installed_is_found);
    jbi_arena_free(&arena);
    return check_end();
}
