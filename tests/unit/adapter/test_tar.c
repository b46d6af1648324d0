/* SPDX-License-Identifier: MIT */
/*
 * Each header is read back by our own reader and by three others, where they are installed; what
 * they make of it must be the same.
 */
#include "adapter/tar.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "archive/untar.h"

struct got {
    int count;
    struct text path, link, xattrs;
    struct tar_entry entry;
};

static int take_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                      struct jb_error *err)
{
    struct got *got = user;
    (void)err;
    CHECK(offset == 0);
    got->count++;
    got->entry = *entry;
    jbi_text_adds(&got->path, entry->path);
    jbi_text_adds(&got->link, entry->link ? entry->link : "");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        jbi_text_addf(&got->xattrs, "%s=", entry->xattrs[i].name);
        jbi_text_add(&got->xattrs, entry->xattrs[i].value, entry->xattrs[i].len);
        jbi_text_add(&got->xattrs, ";", 1);
    }
    return UNTAR_STOP; /* its content is not there */
}

static const struct untar_visitor visitor = {.entry = take_entry};

static void got_free(struct got *got)
{
    jbi_text_free(&got->path);
    jbi_text_free(&got->link);
    jbi_text_free(&got->xattrs);
}

static void encode(struct text *out, const struct tar_entry *entry)
{
    struct tar *tar = jbi_tar_new();
    REQUIRE(tar != NULL);
    jbi_tar_encode(tar, entry, out);
    REQUIRE(!out->failed && out->len % TAR_BLOCK == 0 && out->len > 0);
    jbi_tar_free(tar);
}

/* Encodes, feeds the blocks to our reader and compares all there is. */
static void check_ours(const struct tar_entry *entry)
{
    scope_text out = {0};
    struct got got = {0};
    struct jb_error err = {0};
    struct untar *untar;
    encode(&out, entry);
    REQUIRE(jbi_untar_new(&untar, &visitor, &got, "x", 0, NULL) == JB_OK);
    CHECK(jbi_untar_feed(untar, (unsigned char *)out.at, out.len, &err) == UNTAR_STOP);
    if (err.code != 0)
        printf("# %s\n", err.text);
    CHECK(got.count == 1);
    CHECK_TEXT(got.path.at, entry->path);
    CHECK_TEXT(got.link.at, entry->link ? entry->link : "");
    CHECK(got.entry.type == entry->type && got.entry.mode == entry->mode);
    CHECK(got.entry.uid == entry->uid && got.entry.gid == entry->gid);
    CHECK(got.entry.size == entry->size && got.entry.mtime_s == entry->mtime_s);
    CHECK(got.entry.mtime_ns == entry->mtime_ns && got.entry.xattr_count == entry->xattr_count);
    jbi_untar_free(untar);
    got_free(&got);
}

/* One line from a reader of the archive that has this entry's header and, as its content, a hole;
 * NULL if there is no such reader. */
static char *reader_says(const struct tar_entry *entry, const char *command)
{
    static char line[20000];
    char shell[2000], path[100];
    scope_text out = {0};
    encode(&out, entry);
    snprintf(path, sizeof path, "%s/a.tar", check_folder());
    FILE *file = fopen(path, "we");
    REQUIRE(file != NULL && fwrite(out.at, 1, out.len, file) == out.len && fclose(file) == 0);
    uint64_t end = out.len + entry->size + jbi_tar_padding(entry->size) + 2 * TAR_BLOCK;
    REQUIRE(truncate(path, (off_t)end) == 0);
    snprintf(shell, sizeof shell, "cd '%s' && LC_ALL=C TZ=UTC %s 2>&1", check_folder(), command);
    FILE *pipe = popen(shell, "re");
    REQUIRE(pipe != NULL);
    size_t len = fread(line, 1, sizeof line - 1, pipe);
    line[len] = '\0';
    if (pclose(pipe) == 127 << 8)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static bool has(const char *program)
{
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null", program);
    return system(command) == 0;
}

/* "type size uid gid mtime mode path link" as Python's tarfile sees it. */
static void check_python(const struct tar_entry *entry)
{
    if (!has("python3"))
        return;
    scope_text want = {0};
    static const char types[] = {'0', '5', '2', '1', '6'};
    jbi_text_addf(&want, "%c %llu %llu %llu %lld %o %s %s", types[entry->type],
                  (unsigned long long)entry->size, (unsigned long long)entry->uid,
                  (unsigned long long)entry->gid, (long long)entry->mtime_s, entry->mode,
                  entry->path, entry->link ? entry->link : "");
    const char *got = reader_says(
        entry, "python3 -c 'import tarfile,math; m=tarfile.open(\"a.tar\").next(); "
               "print(m.type.decode(),m.size,m.uid,m.gid,math.floor(m.mtime),\"%o\"%m.mode,m.name,"
               "m.linkname)'");
    CHECK_TEXT(got, want.at);
}

/* The listings of GNU tar and bsdtar have the parts that are asked for. */
static void check_listings(const struct tar_entry *entry, const char *part)
{
    if (has("bsdtar"))
        CHECK_HAS(reader_says(entry, "bsdtar --numeric-owner -tvf a.tar"), part);
    if (strstr(reader_says(entry, "tar --version"), "GNU tar") != NULL)
        CHECK_HAS(reader_says(entry, "tar --numeric-owner --full-time -tvf a.tar"), part);
}

static struct tar_entry file(const char *path)
{
    return (struct tar_entry){.path = path, .mode = 0644, .mtime_s = 1700000000};
}

static void large_sizes(void)
{
    static const uint64_t sizes[] = {
        0,          511,       512, (1u << 31) - 1, 1u << 31, 1ull << 32, (1ull << 33) - 1,
        1ull << 33, 1ull << 40};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[32];
        struct tar_entry entry = file("big");
        entry.size = sizes[i];
        snprintf(text, sizeof text, " %llu ", (unsigned long long)sizes[i]);
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, text);
    }
    struct tar_entry entry = file("big");
    entry.size = INT64_MAX;
    check_ours(&entry);
}

static void large_owners(void)
{
    static const uint64_t owners[] = {0, 2097151, 2097152, 65534, 4294967294};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        char text[32];
        struct tar_entry entry = file("owned");
        entry.uid = owners[i];
        entry.gid = owners[sizeof owners / sizeof *owners - 1 - i];
        snprintf(text, sizeof text, "%llu", (unsigned long long)entry.uid);
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, text);
    }
}

static void times_of_all_ages(void)
{
    static const int64_t times[] = {0,         -1,          -2208988800,  INT32_MAX,
                                    1ll << 31, 1ll << 32,   253402300800, (1ll << 33) - 1,
                                    1ll << 33, -(1ll << 33)};
    static const uint32_t fractions[] = {0, 1, 250000000, 999999999};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        for (size_t j = 0; j < sizeof fractions / sizeof *fractions; j++) {
            struct tar_entry entry = file("old");
            entry.mtime_s = times[i];
            entry.mtime_ns = fractions[j];
            check_ours(&entry);
            if (j == 0 || j == 2)
                check_python(&entry);
        }
    }
    struct tar_entry entry = file("old");
    entry.mtime_s = -86400;
    check_listings(&entry, "31");
}

/* Some file systems keep any 64-bit time. */
static void times_beyond_all_ages(void)
{
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, 1ll << 57};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct tar_entry entry = file("eternal");
        entry.mtime_s = times[i];
        check_ours(&entry);
        entry.mtime_ns = 500000000;
        check_ours(&entry);
    }
}

static const size_t lengths[] = {1,   98,  99,  100, 101, 154, 155, 156,
                                 255, 256, 257, 511, 512, 513, 4000};

/* Of components that fit a folder, so that listings and extraction can do with it. */
static char *name_of(size_t len, char fill)
{
    static char name[5000];
    memset(name, fill, len);
    for (size_t i = 100; i + 1 < len; i += 101)
        name[i] = '/';
    name[len] = '\0';
    return name;
}

static void names_of_all_lengths(void)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct tar_entry entry = file(name_of(lengths[i], 'n'));
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, entry.path);
        entry.type = TAR_FOLDER;
        entry.mode = 0755;
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, entry.path);
    }
}

static void links_of_all_lengths(void)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct tar_entry entry = file("link");
        entry.link = name_of(lengths[i], 't');
        entry.type = TAR_SYMLINK;
        entry.mode = 0777;
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, entry.link);
        entry.type = TAR_HARDLINK;
        check_ours(&entry);
        check_python(&entry);
        check_listings(&entry, entry.link);
    }
    char link[300];
    strcpy(link, name_of(256, 't'));
    struct tar_entry entry = file(name_of(255, 'n'));
    entry.link = link;
    entry.type = TAR_HARDLINK;
    check_ours(&entry);
    check_python(&entry);
}

static void odd_names(void)
{
    static const char *const names[] = {" ",        "a b",  "a\nb",     "a\"b",     "-rf",
                                        "\xff\xfe", "a\\b", "\xc3\xa9", "a\tb\x01", "..a",
                                        "a..",      "...",  "%s",       "a=b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tar_entry entry = file(names[i]);
        check_ours(&entry);
        entry.type = TAR_SYMLINK;
        entry.link = names[i];
        check_ours(&entry);
    }
    struct tar_entry root = {.type = TAR_FOLDER, .path = ".", .mode = 0700};
    check_ours(&root);
    struct tar_entry fifo = {.type = TAR_FIFO, .path = "fifo", .mode = 0600};
    check_ours(&fifo);
    check_python(&fifo);
}

static void all_modes(void)
{
    for (unsigned mode = 0; mode < 010000; mode++) {
        struct tar_entry entry = file("m");
        entry.mode = mode;
        check_ours(&entry);
    }
}

static void attributes(void)
{
    static char large[70000];
    memset(large, '\n', sizeof large);
    const struct tar_xattr xattrs[] = {
        {"user.empty", "", 0},
        {"user.text", "value", 5},
        {"user.binary", "\0\n=\xff", 4},
        {"user.large", large, sizeof large},
    };
    struct tar_entry entry = file("x");
    entry.xattrs = xattrs;
    entry.xattr_count = 4;
    entry.mtime_ns = 123456789;
    check_ours(&entry);
    if (has("python3")) {
        const char *got = reader_says(
            &entry,
            "python3 -c 'import tarfile; h=tarfile.open(\"a.tar\").next().pax_headers; "
            "print(h[\"mtime\"],h[\"SCHILY.xattr.user.text\"],len(h[\"SCHILY.xattr.user.large\"]),"
            "len(h))'");
        CHECK_TEXT(got, "1700000000.123456789 value 70000 5");
    }
    /* The record's length counts its own digits: try each length around their growth. */
    for (size_t len = 60; len < 1100; len++) {
        struct tar_xattr one = {"user.a", large, len};
        entry.xattrs = &one;
        entry.xattr_count = 1;
        check_ours(&entry);
    }
}

static void hostile_blocks_are_refused(void)
{
    scope_text out = {0};
    struct tar_entry entry = file("name");
    struct tar_block block;
    struct tar *tar = jbi_tar_new();
    encode(&out, &entry);
    unsigned char *raw = (unsigned char *)out.at, junk[TAR_BLOCK];
    CHECK(jbi_tar_decode(tar, raw, &block) && !block.is_end);
    CHECK_TEXT(block.name, "name");
    for (size_t bit = 0; bit < 8 * TAR_BLOCK; bit++) {
        raw[bit / 8] ^= (unsigned char)(1u << bit % 8);
        /* In the checksum's own field a zero may become a blank, and the end is filling. */
        if (bit / 8 < 148 || bit / 8 >= 156)
            CHECK(!jbi_tar_decode(tar, raw, &block));
        raw[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (int fill = 1; fill < 256; fill++) {
        memset(junk, fill, sizeof junk);
        CHECK(!jbi_tar_decode(tar, junk, &block));
    }
    memset(junk, 0, sizeof junk);
    CHECK(jbi_tar_decode(tar, junk, &block) && block.is_end);
    memset(junk, '7', sizeof junk); /* fields without an end */
    CHECK(!jbi_tar_decode(tar, junk, &block));
    jbi_tar_free(tar);
    jbi_tar_free(NULL);
}

/* Numbers that are none, under a right checksum. */
static void hostile_numbers_are_refused(void)
{
    static const struct {
        size_t at, width;
        const char *value;
    } cases[] = {
        {100, 8, "8888888"},
        {108, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"},
        {116, 8, "\x81\0\0\0\0\0\0\0"},
        {124, 12, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
        {124, 12, "\x80\0\0\1\0\0\0\0\0\0\0\0"},
        {124, 12, "\x80\0\0\0\xff\0\0\0\0\0\0\0"},
        {124, 12, "-1         "},
        {136, 12, "\xc0\0\0\0\0\0\0\0\0\0\0\0"},
        {136, 12, "0x12       "},
        {124, 12, "\xff\xff\xff\xff\0\0\0\0\0\0\0\0"},
    };
    struct tar *tar = jbi_tar_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scope_text out = {0};
        struct tar_entry entry = file("name");
        struct tar_block block;
        encode(&out, &entry);
        memcpy(out.at + cases[i].at, cases[i].value, cases[i].width);
        unsigned sum = 0;
        memset(out.at + 148, ' ', 8);
        for (size_t j = 0; j < TAR_BLOCK; j++)
            sum += (unsigned char)out.at[j];
        snprintf(out.at + 148, 8, "%06o", sum);
        bool is_good = jbi_tar_decode(tar, (unsigned char *)out.at, &block);
        if (is_good)
            printf("# case %zu\n", i);
        CHECK(!is_good);
    }
    jbi_tar_free(tar);
}

int main(void)
{
    RUN(large_sizes);
    RUN(large_owners);
    RUN(times_of_all_ages);
    RUN(times_beyond_all_ages);
    RUN(names_of_all_lengths);
    RUN(links_of_all_lengths);
    RUN(odd_names);
    RUN(all_modes);
    RUN(attributes);
    RUN(hostile_blocks_are_refused);
    RUN(hostile_numbers_are_refused);
    return check_end();
}
