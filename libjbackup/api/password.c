/* SPDX-License-Identifier: MIT */
/* Passwords of PostgreSQL databases that stand in the project's .env. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "api/project.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define DOTENV_SIZE_MAX (1u << 20)

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether both name the same user of the same database. */
static bool is_same_login(const struct postgres_url *a, const struct postgres_url *b)
{
    return is_same(a->user, b->user) && is_same(a->host, b->host) && is_same(a->port, b->port) &&
           is_same(a->database, b->database) && is_same(a->service, b->service);
}

/* Takes the URL of a database apart, which has been done before; false: it has a password, or is
 * not PostgreSQL's. */
static bool lacks_password(struct jb_project *project, const struct database *database,
                           struct postgres_url *url)
{
    return database->kind == DATABASE_POSTGRESQL &&
           jbi_postgres_url(database->postgresql.target.url, "", &project->arena, url, NULL) ==
               JB_OK &&
           url->password == NULL;
}

static bool has_password_in_environment(void)
{
    const char *password = getenv("PGPASSWORD");
    return password != NULL && *password != '\0';
}

/* The number-th database of the project, then of its environments; NULL: there are no more. */
static struct database *any_database(const struct jb_project *project, size_t number)
{
    if (number < project->database_count)
        return &project->databases[number];
    number -= project->database_count;
    for (size_t i = 0; i < project->environment_count; i++) {
        const struct environment *environment = &project->environments[i];
        if (number < environment->database_count)
            return &environment->databases[number];
        number -= environment->database_count;
    }
    return NULL;
}

int jbi_project_find_passwords(struct jb_project *project, const char *folder, struct jb_error *err)
{
    struct arena *arena = &project->arena;
    struct postgres_url wanted, own = {0};
    bool is_wanted = false;
    struct database *database;
    for (size_t i = 0; (database = any_database(project, i)) != NULL; i++)
        is_wanted = is_wanted || lacks_password(project, database, &wanted);
    if (!is_wanted || has_password_in_environment())
        return JB_OK;

    scope_free char *text = NULL;
    size_t len;
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* One that can't be read is no error: the password may as well be in ~/.pgpass. */
    int code = jbi_file_read_linked(fd, ".env", DOTENV_SIZE_MAX, &text, &len, NULL);
    if (code < 0)
        return code == JB_ENOMEM ? jbi_fail_memory(err) : JB_OK;

    const char *given = jbi_dotenv_find(text, "DATABASE_URL", arena);
    const char *common = jbi_dotenv_find(text, "PGPASSWORD", arena);
    bool has_own = given != NULL && jbi_postgres_is_url(given) &&
                   jbi_postgres_url(given, "", arena, &own, NULL) == JB_OK && own.password != NULL;
    for (size_t i = 0; (database = any_database(project, i)) != NULL; i++) {
        if (!lacks_password(project, database, &wanted))
            continue;
        if (has_own && is_same_login(&own, &wanted))
            database->postgresql.target.password = own.password;
        else if (common != NULL && *common != '\0')
            database->postgresql.target.password = common;
    }
    return JB_OK;
}
