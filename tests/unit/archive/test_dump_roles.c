/* SPDX-License-Identifier: MIT */
/* The roles in grants as pg_dump writes them. */
#include "archive/dump_roles.h"
#include "check.h"

static const char *roles_of(const char *statements)
{
    static char all[512];
    struct dump_roles roles = {0};
    struct arena arena = {0};
    size_t len = 0;
    all[0] = '\0';
    CHECK(jbi_roles_of_grants(&roles, statements, &arena));
    for (size_t i = 0; i < roles.count; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "<%s>", roles.names[i]);
    jbi_arena_free(&arena);
    return all;
}

static void names_follow_their_words(void)
{
    CHECK_TEXT(roles_of("GRANT SELECT ON TABLE public.t TO reader;\n"), "<reader>");
    CHECK_TEXT(roles_of("REVOKE ALL ON SCHEMA s FROM PUBLIC;\nGRANT ALL ON SCHEMA s TO PUBLIC;"),
               "");
    CHECK_TEXT(roles_of("GRANT UPDATE(a) ON TABLE t TO a WITH GRANT OPTION;GRANT ALL ON TABLE t "
                        "TO a;REVOKE ALL ON TABLE t FROM b;"),
               "<a><b>");
    CHECK_TEXT(roles_of("SET SESSION AUTHORIZATION giver;\nGRANT SELECT ON TABLE t TO taker;\n"
                        "RESET SESSION AUTHORIZATION;\n"),
               "<giver><taker>");
    CHECK_TEXT(
        roles_of("ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA s GRANT SELECT ON TABLES "
                 " TO reader;"),
        "<maker><reader>");
}

static void quoted_names_are_names(void)
{
    CHECK_TEXT(
        roles_of("GRANT SELECT ON TABLE public.\"x TO y\" TO \"odd \"\"role\"\" \xc3\xa4\";"),
        "<odd \"role\" \xc3\xa4>");
    CHECK_TEXT(roles_of("GRANT ALL ON FUNCTION f(\"FROM\" text, role integer) TO \"PUBLIC\";"),
               "<PUBLIC>");
    CHECK_TEXT(roles_of("GRANT ALL ON TABLE \"'\" TO a;GRANT ALL ON TABLE \"\"\"\" TO b;"),
               "<a><b>");
    CHECK_TEXT(roles_of("GRANT ALL ON TABLE t TO \xc3\xa4_1$;"), "<\xc3\xa4_1$>");
}

static void broken_ones_end(void)
{
    CHECK_TEXT(roles_of(NULL), "");
    CHECK_TEXT(roles_of(""), "");
    CHECK_TEXT(roles_of("GRANT TO"), "");
    CHECK_TEXT(roles_of("GRANT TO \"never closed"), "<never close>");
    CHECK_TEXT(roles_of("GRANT TO \""), "");
    CHECK_TEXT(roles_of("TO ; TO 'x' TO \"\""), "");
}

static void many_roles_are_kept_once(void)
{
    struct dump_roles roles = {0};
    struct arena arena = {0};
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "r%d", i % 100);
        CHECK(jbi_roles_add(&roles, name, &arena));
    }
    CHECK(jbi_roles_add(&roles, "", &arena) && jbi_roles_add(&roles, NULL, &arena));
    CHECK(roles.count == 100);
    CHECK_TEXT(roles.names[99], "r99");
    jbi_arena_free(&arena);
}

int main(void)
{
    RUN(names_follow_their_words);
    RUN(quoted_names_are_names);
    RUN(broken_ones_end);
    RUN(many_roles_are_kept_once);
    return check_end();
}
