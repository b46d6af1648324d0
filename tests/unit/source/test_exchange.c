/* SPDX-License-Identifier: MIT */
#include "source/exchange.h"

#include "base/scope.h"
#include "fixture.h"

/* Two folders, "live" and "aside", in the test's folder. */
static struct exchange_sides make_sides(void)
{
    return (struct exchange_sides){folder("live"), folder("aside"), folder(".")};
}

static void sides_close(struct exchange_sides *sides)
{
    close(sides->live_fd);
    close(sides->aside_fd);
    close(sides->beside_fd);
}

/* As they are now. */
static struct exchange_item item_of(const struct exchange_sides *sides, const char *path)
{
    struct exchange_identity old = {0}, new = {0};
    jbi_identify(sides->live_fd, path, &old);
    jbi_identify(sides->aside_fd, path, &new);
    return (struct exchange_item){.path = path,
                                  .old = old.inode,
                                  .new = new.inode,
                                  .born_s = new.born_s,
                                  .born_ns = new.born_ns};
}

static void add(struct exchange *exchange, const struct exchange_item *item)
{
    REQUIRE(jbi_exchange_add(exchange, item, NULL) == JB_OK);
}

static void names_change_places_and_go_back(void)
{
    struct exchange_sides sides = make_sides();
    struct exchange exchange = {.arena = &arena};
    static const char *const names[] = {"both", "in-live", "in-aside", "bad \xff\n name"};
    put(sides.live_fd, "both", "old");
    put(sides.aside_fd, "both", "new");
    put(sides.live_fd, "in-live", "old");
    put(sides.aside_fd, "in-aside", "new");
    put(sides.live_fd, names[3], "old");
    for (size_t i = 0; i < 4; i++) {
        struct exchange_item item = item_of(&sides, names[i]);
        add(&exchange, &item);
    }
    for (int round = 0; round < 2; round++) {
        CHECK(jbi_exchange_do(&exchange, &sides, NULL) == JB_OK);
        CHECK(jbi_exchange_do(&exchange, &sides, NULL) == JB_OK);
        check_content(sides.live_fd, "both", "new");
        check_content(sides.aside_fd, "both", "old");
        check_content(sides.live_fd, "in-aside", "new");
        check_content(sides.aside_fd, "in-live", "old");
        check_content(sides.aside_fd, names[3], "old");
        CHECK(!exists(sides.live_fd, "in-live") && !exists(sides.aside_fd, "in-aside"));
        CHECK(jbi_exchange_check_whole(&exchange, &sides, NULL) == JB_OK);
        /* The second time by what the journal says. */
        scope_json *printed = jbi_exchange_print(&exchange);
        exchange = (struct exchange){.arena = &arena};
        CHECK(jbi_exchange_parse(&exchange, printed, NULL) == JB_OK && exchange.count == 4);
        CHECK_TEXT(exchange.items[3].path, names[3]);
        CHECK(jbi_exchange_undo(&exchange, &sides, NULL) == JB_OK);
        CHECK(jbi_exchange_undo(&exchange, &sides, NULL) == JB_OK);
        check_content(sides.live_fd, "both", "old");
        check_content(sides.live_fd, "in-live", "old");
        check_content(sides.live_fd, names[3], "old");
        check_content(sides.aside_fd, "in-aside", "new");
        CHECK(!exists(sides.aside_fd, "in-live") && !exists(sides.live_fd, "in-aside"));
    }
    sides_close(&sides);
}

/* A stranger in one place: nothing is moved at all, and undo moves what it can. */
static void a_stranger_stops_all(void)
{
    struct jb_error err = {0};
    struct exchange_sides sides = make_sides();
    struct exchange exchange = {.arena = &arena};
    static const char *const names[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        put(sides.live_fd, names[i], "old");
        put(sides.aside_fd, names[i], "new");
        struct exchange_item item = item_of(&sides, names[i]);
        add(&exchange, &item);
    }
    put(sides.live_fd, "c", "stranger");
    REQUIRE(renameat(sides.live_fd, "b", sides.live_fd, "kept") == 0);
    REQUIRE(renameat(sides.live_fd, "c", sides.live_fd, "b") == 0);
    CHECK(jbi_exchange_do(&exchange, &sides, &err) == JB_EIO);
    CHECK_HAS(err.text, "\"b\" is neither");
    check_content(sides.live_fd, "a", "old");
    check_content(sides.live_fd, "b", "stranger");
    REQUIRE(renameat2(sides.live_fd, "a", sides.aside_fd, "a", RENAME_EXCHANGE) == 0);
    CHECK(jbi_exchange_undo(&exchange, &sides, NULL) == JB_OK);
    check_content(sides.live_fd, "a", "old");
    check_content(sides.live_fd, "b", "stranger");
    REQUIRE(renameat2(sides.live_fd, "a", sides.aside_fd, "a", RENAME_EXCHANGE) == 0);
    REQUIRE(unlinkat(sides.aside_fd, "b", 0) == 0);
    err = (struct jb_error){0};
    CHECK(jbi_exchange_undo(&exchange, &sides, &err) == JB_EROLLBACK);
    CHECK_HAS(err.text, "the old \"b\"");
    check_content(sides.live_fd, "a", "old");
    check_content(sides.live_fd, "b", "stranger");
    check_content(sides.live_fd, "kept", "old");
    sides_close(&sides);
}

/* The number of a new one that was removed may be used again: its birth tells. */
static void a_number_used_again_is_no_new_one(void)
{
    struct exchange_look look;
    struct exchange_sides sides = make_sides();
    struct exchange exchange = {.arena = &arena};
    put(sides.aside_fd, "a", "new");
    struct exchange_item item = item_of(&sides, "a");
    add(&exchange, &item);
    CHECK(jbi_exchange_look(&exchange, &sides, 0, &look, NULL) == JB_OK && look.aside.is_new);
    if (item.born_s != 0) {
        exchange.items[0].born_ns ^= 1;
        CHECK(jbi_exchange_look(&exchange, &sides, 0, &look, NULL) == JB_OK);
        CHECK(look.aside.is_there && !look.aside.is_new && !look.live.is_there);
    }
    sides_close(&sides);
}

/* No symbolic link is followed on the way, on either side. */
static void links_lead_nowhere(void)
{
    struct exchange_sides sides = make_sides();
    struct exchange exchange = {.arena = &arena};
    int away = folder("away");
    put(away, "file", "outside");
    REQUIRE(mkdirat(sides.live_fd, "f", 0700) == 0 && mkdirat(sides.aside_fd, "f", 0700) == 0);
    put(sides.live_fd, "f/file", "old");
    struct exchange_item above = item_of(&sides, "f"), within = item_of(&sides, "f/file");
    within.is_carried = true;
    add(&exchange, &above);
    add(&exchange, &within);
    REQUIRE(renameat(sides.live_fd, "f", sides.live_fd, "moved") == 0);
    REQUIRE(symlinkat("../away", sides.live_fd, "f") == 0);
    CHECK(jbi_exchange_do(&exchange, &sides, NULL) < 0);
    check_content(away, "file", "outside");
    CHECK(!exists(sides.aside_fd, "f/file"));
    REQUIRE(unlinkat(sides.aside_fd, "f", AT_REMOVEDIR) == 0);
    REQUIRE(symlinkat("../away", sides.aside_fd, "f") == 0);
    CHECK(jbi_exchange_undo(&exchange, &sides, NULL) < 0);
    check_content(away, "file", "outside");
    close(away);
    sides_close(&sides);
}

#define ITEM "{\"items\": [{\"path\": "
#define REST ", \"old\": 1, \"new\": 2, \"born_s\": 0, \"born_ns\": 0, \"carried\": false}], "
#define NONE "\"folders\": []}"
static const char *const hostile[] = {
    "{}",
    "{\"items\": [], \"folders\": 1}",
    "{\"items\": [7], \"folders\": []}",
    ITEM "\"/etc/passwd\"" REST NONE,
    ITEM "\"../x\"" REST NONE,
    ITEM "\"a/../../x\"" REST NONE,
    ITEM "\"\"" REST NONE,
    ITEM "\".\"" REST NONE,
    ITEM "\"a//b\"" REST NONE,
    ITEM "\".jbackup-restore-20240102_030405\"" REST NONE,
    ITEM "\".jbackup-restore-20240102_030405/tree\"" REST NONE,
    ITEM "\"a\", \"path_hex\": \"61\"" REST NONE,
    "{\"items\": [{\"path_hex\": \"2e2e\"" REST NONE,
    "{\"items\": [{\"path_hex\": \"6100\"" REST NONE,
    "{\"items\": [{\"path_hex\": \"6\"" REST NONE,
    "{\"items\": [{\"path_hex\": \"zz\"" REST NONE,
    ITEM
    "\"a\", \"old\": 0, \"new\": 0, \"born_s\": 0, \"born_ns\": 0, \"carried\": false}], " NONE,
    ITEM "\"a\", \"old\": 1, \"new\": 0, \"born_s\": 0, \"born_ns\": 0, \"carried\": true}], " NONE,
    ITEM
    "\"a\", \"old\": 1, \"new\": 2, \"born_s\": 0, \"born_ns\": -1, \"carried\": false}], " NONE,
    ITEM
    "\"a\", \"old\": \"1\", \"new\": 2, \"born_s\": 0, \"born_ns\": 1, \"carried\": false}], " NONE,
    ITEM "\"a\", \"old\": 1, \"new\": 2, \"born_s\": 0, \"born_ns\": 1, \"carried\": 0}], " NONE,
    "{\"items\": [], \"folders\": [{\"path\": \"../a\", \"inode\": 1, \"mode\": 1, "
    "\"mtime_s\": 1, \"mtime_ns\": 1}]}",
    "{\"items\": [], \"folders\": [{\"path\": \"a\", \"inode\": 1, \"mode\": 4096, "
    "\"mtime_s\": 1, \"mtime_ns\": 1}]}",
    "{\"items\": [], \"folders\": [{\"path\": \"a\", \"inode\": 1, \"mode\": 1, "
    "\"mtime_s\": 1, \"mtime_ns\": 1000000000}]}",
};

static void a_hostile_list_is_refused(void)
{
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct jb_error err = {0};
        struct exchange exchange = {.arena = &arena};
        scope_json *json = NULL;
        REQUIRE(jbi_json_parse(&json, hostile[i], strlen(hostile[i]), "x", NULL) == JB_OK);
        int code = jbi_exchange_parse(&exchange, json, &err);
        CHECK(code == JB_ECORRUPT && err.text[0] != '\0');
        if (code != JB_ECORRUPT)
            printf("# %s\n", hostile[i]);
    }
}

int main(void)
{
    RUN(names_change_places_and_go_back);
    RUN(a_stranger_stops_all);
    RUN(a_number_used_again_is_no_new_one);
    RUN(links_lead_nowhere);
    RUN(a_hostile_list_is_refused);
    jbi_arena_free(&arena);
    return check_end();
}
