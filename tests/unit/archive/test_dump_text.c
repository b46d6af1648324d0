/* SPDX-License-Identifier: MIT */
/* The tables in what pg_restore --data-only prints, against the same tables made as a dump. */
#include "archive/dump_text.h"
#include "dump_fixture.h"

static void digest_text(struct outcome *o, const char *text, size_t len, size_t piece)
{
    struct feed feed = {.at = text, .len = len, .piece = piece};
    memset(o, 0, sizeof *o);
    o->fd = -1;
    struct dump_options options = dump_options_of(1, &o->arena);
    o->code = jbi_dump_text_digest(feed_read, &feed, &options, &o->contents, &o->err);
    CHECK(o->code == o->err.code);
}

static void check_table(const struct outcome *o, size_t number, const char *schema,
                        const char *name, const char *columns, const char *rows)
{
    char hex[SHA256_HEX_SIZE];
    uint64_t count = 0;
    struct digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL && number < o->contents.table_count);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, rows, strlen(rows));
    jbi_digest_end(digest, hex);
    jbi_digest_free(digest);
    for (const char *at = rows; *at != '\0'; at++)
        count += *at == '\n';
    const struct table *table = &o->contents.tables[number];
    CHECK_TEXT(table->schema, schema);
    CHECK_TEXT(table->name, name);
    CHECK_TEXT(table->columns, columns);
    CHECK_TEXT(table->sha256, hex);
    CHECK(table->rows == count);
}

static const char sample[] =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n\n"
    "COPY public.users (id, \"e mail\") FROM stdin;\n1\tanna\n2\tCOPY a.b (c) FROM "
    "stdin;\n\\.\n\n\n"
    "-- Data for Name: odd; COPY x\n"
    "COPY \"s'1\".\"odd \"\"name\"\"\n(\" (\"a) FROM stdin;\", \"b\n\", c) FROM stdin;\n"
    "\\\\.\nCOPY x (y) FROM stdin;\n\n\\.\n\n\n"
    "COPY public.bare  FROM stdin;\n\n\n\\.\n\n\n"
    "COPY public.empty (a) FROM stdin;\n\\.\n\n\n"
    "SELECT pg_catalog.setval('public.s', 3, true);\n"
    "SELECT pg_catalog.lo_open('16700', 131072);\n"
    "COPY public.last (a) FROM stdin;\nx\n\\.\n";

static void each_table_is_digested(void)
{
    for (size_t piece = 0; piece < 40; piece++) { /* however it arrives */
        struct outcome o;
        digest_text(&o, sample, sizeof sample - 1, piece);
        REQUIRE(o.code == JB_OK && o.contents.table_count == 5);
        check_table(&o, 0, "public", "users", "id, \"e mail\"",
                    "1\tanna\n2\tCOPY a.b (c) FROM stdin;\n");
        check_table(&o, 1, "s'1", "odd \"name\"\n(", "\"a) FROM stdin;\", \"b\n\", c",
                    "\\\\.\nCOPY x (y) FROM stdin;\n\n");
        check_table(&o, 2, "public", "bare", "", "\n\n");
        check_table(&o, 3, "public", "empty", "a", "");
        check_table(&o, 4, "public", "last", "a", "x\n");
        outcome_free(&o);
    }
}

static void a_table_cut_short_is_damage(void)
{
    static const char text[] = "COPY public.a (b) FROM stdin;\n1\n2\n\\.\n";
    for (size_t len = 5; len < sizeof text - 1; len++) {
        struct outcome o;
        digest_text(&o, text, len, 0);
        CHECK(o.code == JB_ECORRUPT);
        outcome_free(&o);
    }
}

static void statements_that_are_none(void)
{
    static const char *const texts[] = {
        "COPY public.a (b) TO stdout;\n1\n\\.\n", "COPY \n\\.\n",
        "COPY \"a (b) FROM stdin;\n\\.\n",        "COPY FROM stdin;\n\\.\n",
        "COPY public.a (b FROM stdin;\n\\.\n",    "COPY public.a b) FROM stdin;\n\\.\n",
        "COPY public. (b) FROM stdin;\n\\.\n",    "COPY a.b.c (b) FROM stdin;\n\\.\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct outcome o;
        digest_text(&o, texts[i], strlen(texts[i]), 0);
        CHECK(o.code == JB_ECORRUPT);
        if (o.code != JB_ECORRUPT)
            printf("# %s", texts[i]);
        outcome_free(&o);
    }
}

/* A line within a literal or a quoted name may begin as a statement does. */
static void names_with_line_feeds_are_no_statements(void)
{
    static const char text[] =
        "-- Data for Name: it's \"odd; Type: TABLE DATA\n"
        "SELECT pg_catalog.setval('public.\"it''s\nCOPY x.y\"', 1, true);\n"
        "SELECT pg_catalog.setval('public.\"odd\nCOPY public.x (y) FROM stdin;\n1\n\"', 3, true);\n"
        "COPY public.a (b) FROM stdin;\n1\n\\.\n";
    struct outcome o;
    digest_text(&o, text, sizeof text - 1, 0);
    CHECK(o.code == JB_OK && o.contents.table_count == 1);
    if (o.code == JB_OK && o.contents.table_count == 1)
        check_table(&o, 0, "public", "a", "b", "1\n");
    outcome_free(&o);
}

static void long_rows_and_failures(void)
{
    struct text text = {0};
    struct outcome o;
    size_t len = 3 << 20;
    char *row = malloc(len + 1);
    REQUIRE(row != NULL);
    memset(row, 'x', len);
    row[len] = '\0';
    jbi_text_adds(&text, "COPY public.a (b) FROM stdin;\n");
    jbi_text_add(&text, row, len);
    jbi_text_adds(&text, "\n\\.\n");
    digest_text(&o, text.at, text.len, 0);
    CHECK(o.code == JB_OK && o.contents.raw_size == len + 1);
    row[len] = '\n';
    REQUIRE(o.contents.table_count == 1 && o.contents.tables[0].rows == 1);
    outcome_free(&o);
    struct feed feed = {.at = text.at, .len = text.len, .fail_at = len / 2};
    memset(&o, 0, sizeof o);
    o.fd = -1;
    struct dump_options options = dump_options_of(1, &o.arena);
    CHECK(jbi_dump_text_digest(feed_read, &feed, &options, &o.contents, &o.err) == JB_EDATABASE);
    CHECK_TEXT(o.err.text, "the server said nothing");
    outcome_free(&o);
    digest_text(&o, "", 0, 0);
    CHECK(o.code == JB_OK && o.contents.table_count == 0);
    outcome_free(&o);
    jbi_text_free(&text);
    free(row);
}

int main(void)
{
    RUN(each_table_is_digested);
    RUN(a_table_cut_short_is_damage);
    RUN(statements_that_are_none);
    RUN(names_with_line_feeds_are_no_statements);
    RUN(long_rows_and_failures);
    return check_end();
}
