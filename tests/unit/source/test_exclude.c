/* SPDX-License-Identifier: MIT */
#include "source/exclude.h"

#include "../check.h"

static const char *const patterns[] = {
    "*.log",        "!keep.log", "/build",
    "a/b",          "cache/",    "**/deep",
    "x/**",         "y/**/z",    "*",
    "/*",           "?",         "[ab]",
    "[!ab]c",       "[a-c]x",    "\\!odd",
    "\\*",          "foo*bar",   "f*o/b?r",
    "*/two",        "/a/*/c",    "*~",
    ".#*",          "**",        "**/",
    "/**",          "a**c",      "name with blank",
    "caf\xc3\xa9",  "*.tar.gz",  "/x/y/",
    "d/e/",         "!a",        "*.*",
    ".*",           "a/**/b",    "**/a/**",
    "[[:digit:]]*", "**/x/**/z", "\\a",
    "b/*",          "!/build/",  "a.b",
};

/* With a slash at its end: a folder. */
static const char *const paths[] = {
    "a",          "a/",       "b",           "c",
    "ac",         "a/b",      "a/b/",        "a/x/b",
    "a/x/y/b",    "z/a/b",    "x",           "x/",
    "x/y",        "x/y/",     "x/y/z",       "y/z",
    "y/q/z",      "y/q/r/z",  "q/x/y/z",     "build",
    "build/",     "q/build",  "cache",       "cache/",
    "q/cache",    "q/cache/", "deep",        "q/deep",
    "q/r/deep/",  "app.log",  "q/app.log",   "keep.log",
    "q/keep.log", "log",      ".log",        "!odd",
    "*",          "**",       "fooxbar",     "foobar",
    "foo/bar",    "fo/bar",   "fo/bxr",      "foo/two",
    "two",        "q/r/two",  "a/q/c",       "a/q/r/c",
    "file~",      "~",        ".#file",      "name with blank",
    "d/e",        "d/e/",     "caf\xc3\xa9", "x.tar.gz",
    ".tar.gz",    "abc",      "abbbc",       "a.b",
    "axb",        "bx",       "dx",          "cc",
    "bc",         ".hidden",  "q/.hidden/",  "7up",
    "q/77",       "\\a",      "A",           "b/q",
    "b/q/r",
};
#define PATTERNS (sizeof patterns / sizeof *patterns)
#define PATHS    (sizeof paths / sizeof *paths)

static bool ask(const char *const *some, size_t count, const char *path)
{
    struct arena arena = {0};
    struct exclude *exclude = NULL;
    char plain[300];
    size_t len = strlen(path);
    bool is_folder = path[len - 1] == '/';
    snprintf(plain, sizeof plain, "%.*s", (int)(len - is_folder), path);
    REQUIRE(jbi_exclude_new(&exclude, some, count, false, &arena, NULL) == JB_OK);
    /* As the walk does: what lies in an excluded folder is never asked for. */
    bool answer = false;
    for (char *slash = strchr(plain, '/'); slash != NULL && !answer;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        answer = jbi_is_excluded(exclude, plain, true);
        *slash = '/';
    }
    answer = answer || jbi_is_excluded(exclude, plain, is_folder);
    jbi_arena_free(&arena);
    return answer;
}

static FILE *create(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    FILE *file = fopen(path, "we");
    REQUIRE(file != NULL);
    return file;
}

static bool is_folder(const char *path)
{
    return path[strlen(path) - 1] == '/';
}

/* A repository, and two work trees: in one there are the folders, in the other there is nothing,
 * so that git takes the same names for files. */
static bool git_prepare(void)
{
    char command[300];
    FILE *files = create("files"), *folders = create("folders");
    for (size_t i = 0; i < PATHS; i++)
        fprintf(is_folder(paths[i]) ? folders : files, "%.*s%c",
                (int)strlen(paths[i]) - is_folder(paths[i]), paths[i], '\0');
    REQUIRE(fclose(files) == 0 && fclose(folders) == 0);
    snprintf(command, sizeof command,
             "cd '%s' && git init -q repo && mkdir in_files in_folders && cd in_folders && "
             "xargs -0 mkdir -p -- < ../folders",
             check_folder());
    return system("command -v git >/dev/null") == 0 && system(command) == 0;
}

/* What git says of all files or folders under these patterns: '1' or '0' at their places. */
static bool git_says(const char *const *some, size_t count, bool of_folders, char *answers)
{
    static char text[100000];
    char command[400];
    const char *which = of_folders ? "folders" : "files";
    FILE *file = create("repo/.git/info/exclude");
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%s\n", some[i]);
    REQUIRE(fclose(file) == 0);
    snprintf(command, sizeof command,
             "cd '%s/in_%s' && git --git-dir=../repo/.git --work-tree=. check-ignore --no-index -v "
             "-n -z --stdin < ../%s",
             check_folder(), which, which);
    FILE *out = popen(command, "re");
    REQUIRE(out != NULL);
    size_t len = fread(text, 1, sizeof text - 1, out), at = 0;
    text[len] = '\0';
    int status = pclose(out);
    for (size_t i = 0; i < PATHS; i++) {
        const char *pattern = NULL;
        /* source, line number, pattern, path */
        for (int field = 0; is_folder(paths[i]) == of_folders && field < 4; field++) {
            if (at >= len)
                return false;
            if (field == 2)
                pattern = text + at;
            at += strlen(text + at) + 1;
        }
        if (pattern != NULL)
            answers[i] = *pattern != '\0' && *pattern != '!' ? '1' : '0';
    }
    return at == len && (status == 0 || status == 1 << 8);
}

static void compare(const char *const *list, size_t count)
{
    char answers[PATHS];
    REQUIRE(git_says(list, count, false, answers) && git_says(list, count, true, answers));
    for (size_t p = 0; p < PATHS; p++) {
        bool got = ask(list, count, paths[p]), want = answers[p] == '1';
        CHECK(got == want);
        for (size_t i = 0; got != want && i < count; i++)
            printf("# \"%s\" and %s: git says %d\n", list[i], paths[p], want);
    }
}

static void agrees_with_git(void)
{
    if (!git_prepare()) {
        printf("# skipped: git is not installed\n");
        return;
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        const char *const after_another[] = {patterns[(i * 7 + 3) % PATTERNS], patterns[i]};
        const char *const after_all[] = {"*", "!*/", patterns[i]};
        compare(&patterns[i], 1);
        compare(after_another, 2);
        compare(after_all, 3);
    }
}

static void the_last_match_decides(void)
{
    static const char *const list[] = {"*.log", "!keep.log", "/keep.log"};
    CHECK(ask(list, 3, "a.log") && !ask(list, 3, "q/keep.log") && ask(list, 3, "keep.log"));
    CHECK(!ask(list, 0, "a.log"));
}

static void patterns_that_match_nothing_are_told(void)
{
    static const char *const bad[] = {"", "/", "!", "!/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena arena = {0};
        struct exclude *exclude;
        struct jb_error err = {0};
        CHECK(jbi_exclude_new(&exclude, &bad[i], 1, false, &arena, &err) == JB_EINVAL);
        CHECK_HAS(err.text, "matches nothing");
        jbi_arena_free(&arena);
    }
}

static void the_defaults_leave_out_leavings_only(void)
{
    static const char *const out[] = {".git",     "q/.git",       "__pycache__", "a/b/__pycache__",
                                      "x.pyc",    "node_modules", ".venv",       "file~",
                                      ".DS_Store"};
    static const char *const in[] = {".gitignore", "git",   "venv.py", "main.py", ".env",
                                     "uploads",    "build", "dist",    "instance"};
    struct arena arena = {0};
    struct exclude *exclude;
    static const char *const back[] = {"!venv/"};
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, true, &arena, NULL) == JB_OK);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        CHECK(jbi_is_excluded(exclude, out[i], true));
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        CHECK(!jbi_is_excluded(exclude, in[i], true) && !jbi_is_excluded(exclude, in[i], false));
    CHECK(jbi_is_excluded(exclude, "venv", true) && !jbi_is_excluded(exclude, "venv", false));
    REQUIRE(jbi_exclude_new(&exclude, back, 1, true, &arena, NULL) == JB_OK);
    CHECK(!jbi_is_excluded(exclude, "venv", true));
    jbi_arena_free(&arena);
}

static void many_stars_end_soon(void)
{
    static const char *const list[] = {"**/**/**/**/**/**/**/**/**/**/**/**/x"};
    char path[200];
    for (size_t i = 0; i < 50; i++)
        memcpy(path + 2 * i, "a/", 2);
    strcpy(path + 100, "y");
    CHECK(!ask(list, 1, path));
    strcpy(path + 100, "x");
    CHECK(ask(list, 1, path));
}

int main(void)
{
    RUN(agrees_with_git);
    RUN(the_last_match_decides);
    RUN(patterns_that_match_nothing_are_told);
    RUN(the_defaults_leave_out_leavings_only);
    RUN(many_stars_end_soon);
    return check_end();
}
