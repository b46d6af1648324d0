/* SPDX-License-Identifier: MIT */
/* A dump with one entry more, before all others, and some less. */
#include "archive/dump_splice.h"

#include <sys/mman.h>
#include <unistd.h>

#include "dump_fixture.h"

#define FIRST "DO 'something first'"

static struct text copy; /* what was written */

static int write_copy(void *user, const void *bytes, size_t len, struct jb_error *err)
{
    (void)user;
    jbi_text_add(&copy, bytes, len);
    return copy.failed ? jbi_fail_memory(err) : JB_OK;
}

static int write_fails(void *user, const void *bytes, size_t len, struct jb_error *err)
{
    (void)user, (void)bytes, (void)len;
    return jbi_fail(err, JB_EIO, "it takes no more");
}

static bool is_grant(void *user, const struct dump_item *item)
{
    (void)user;
    return strcmp(item->desc, "ACL") == 0;
}

static int list_item(void *user, const struct dump_item *item, struct jb_error *err)
{
    (void)err;
    jbi_text_addf(user, "<%s %s.%s>", item->desc, item->schema, item->tag);
    return JB_OK;
}

static int fd_of(const char *at, size_t len)
{
    int fd = memfd_create("dump", MFD_CLOEXEC);
    REQUIRE(fd >= 0 && (len == 0 || write(fd, at, len) == (ssize_t)len));
    return fd;
}

static int spliced(int fd, int (*write_to)(void *, const void *, size_t, struct jb_error *))
{
    struct jb_error err = {0};
    const struct dump_splice how = {"x.dump", FIRST, is_grant, write_to, NULL};
    jbi_text_free(&copy);
    copy = (struct text){0};
    int code = jbi_dump_splice(fd, &how, &err);
    CHECK(code == err.code);
    return code;
}

static void items_of(int fd, struct text *list)
{
    struct jb_error err = {0};
    CHECK(jbi_dump_items(fd, "x.dump", list_item, list, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
}

static void one_more_and_some_less(void)
{
    static const char grant[] = "<ACL public.TABLE users>", first[] = "<JBACKUP .JBACKUP>";
    for (unsigned minor = 12; minor <= 16; minor++) {
        struct dump_maker maker;
        scope_text before = {0}, after = {0};
        maker_begin(&maker, minor);
        make_all(&maker);
        int fd = fd_of(maker.dump.at, maker.dump.len);
        items_of(fd, &before);
        CHECK_HAS(before.at, grant);
        CHECK(spliced(fd, write_copy) == JB_OK);
        CHECK(copy.len > maker.data.len);
        CHECK(memcmp(copy.at + copy.len - maker.data.len, maker.data.at, maker.data.len) == 0);
        CHECK(memmem(copy.at, copy.len, FIRST, strlen(FIRST)) != NULL);
        int again = fd_of(copy.at, copy.len);
        items_of(again, &after);
        CHECK(jbi_starts_with(after.at, first));
        CHECK(strstr(after.at, grant) == NULL);
        CHECK(after.len == before.len + strlen(first) - strlen(grant));
        CHECK(strncmp(after.at + strlen(first), before.at, before.len - strlen(grant)) == 0);
        CHECK(spliced(fd, write_fails) == JB_EIO);
        close(again);
        close(fd);
        maker_free(&maker);
    }
}

static void what_is_cut_short_is_damaged(void)
{
    struct dump_maker maker;
    maker_begin(&maker, 14);
    make_all(&maker);
    size_t toc_end = maker.dump.len - maker.data.len;
    for (size_t len = 0; len < toc_end; len += 1 + len / 50) {
        int fd = fd_of(maker.dump.at, len);
        scope_text list = {0};
        struct jb_error err = {0};
        CHECK(spliced(fd, write_copy) == JB_ECORRUPT);
        CHECK(copy.len == 0);
        CHECK(jbi_dump_items(fd, "x.dump", list_item, &list, &err) == JB_ECORRUPT);
        close(fd);
    }
    maker_free(&maker);
}

int main(void)
{
    RUN(one_more_and_some_less);
    RUN(what_is_cut_short_is_damaged);
    jbi_text_free(&copy);
    return check_end();
}
