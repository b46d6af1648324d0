/* SPDX-License-Identifier: MIT */
/* Exclude patterns. Most have no wildcard, or only a leading one: these are compared as texts. */
#include "source/exclude.h"

#include <fnmatch.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const char *const defaults[] = {
    /* version control */
    ".git",
    ".hg/",
    ".svn/",
    /* caches */
    "__pycache__/",
    "*.pyc",
    "*.pyo",
    ".cache/",
    ".pytest_cache/",
    ".mypy_cache/",
    ".ruff_cache/",
    ".tox/",
    ".nox/",
    ".npm/",
    ".sass-cache/",
    ".parcel-cache/",
    /* virtual environments and fetched packages */
    ".venv/",
    "venv/",
    "node_modules/",
    /* editor and system leavings */
    "*~",
    "*.swp",
    "*.swo",
    ".#*",
    ".DS_Store",
    "Thumbs.db",
    /* build leavings */
    "*.egg-info/",
    ".eggs/",
};

enum pattern_kind { PATTERN_LITERAL, PATTERN_SUFFIX, PATTERN_GLOB };

struct pattern {
    const char *text; /* without "!", leading and trailing "/" */
    size_t len;
    enum pattern_kind kind;
    bool is_path; /* matches the whole path, else the last component */
    bool folders_only;
    bool takes_back;
};

struct exclude {
    struct pattern *patterns;
    size_t count;
};

static bool has_wildcard(const char *text)
{
    return strpbrk(text, "*?[\\") != NULL;
}

static int pattern_parse(struct pattern *pattern, const char *text, struct arena *arena,
                         struct jb_error *err)
{
    const char *from = text;
    *pattern = (struct pattern){.takes_back = *from == '!'};
    from += pattern->takes_back;
    size_t len = strlen(from);
    pattern->folders_only = len > 0 && from[len - 1] == '/';
    len -= pattern->folders_only;
    bool is_rooted = len > 0 && from[0] == '/';
    from += is_rooted;
    len -= is_rooted;
    if (len == 0)
        return jbi_fail(err, JB_EINVAL, "the exclude pattern \"%s\" matches nothing", text);
    pattern->text = jbi_arena_textn(arena, from, len);
    if (pattern->text == NULL)
        return jbi_fail_memory(err);
    pattern->len = len;
    pattern->is_path = is_rooted || memchr(from, '/', len) != NULL;
    if (!has_wildcard(pattern->text))
        pattern->kind = PATTERN_LITERAL;
    else if (!pattern->is_path && from[0] == '*' && !has_wildcard(pattern->text + 1))
        pattern->kind = PATTERN_SUFFIX;
    else
        pattern->kind = PATTERN_GLOB;
    return JB_OK;
}

int jbi_exclude_new(struct exclude **out, const char *const *patterns, size_t count,
                    bool with_defaults, struct arena *arena, struct jb_error *err)
{
    size_t default_count = with_defaults ? sizeof defaults / sizeof *defaults : 0;
    struct exclude *exclude = jbi_arena_alloc(arena, sizeof *exclude);
    struct pattern *all = jbi_arena_alloc(arena, (default_count + count) * sizeof *all);
    if (exclude == NULL || all == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < default_count + count; i++) {
        const char *text = i < default_count ? defaults[i] : patterns[i - default_count];
        int code = pattern_parse(&all[i], text, arena, err);
        if (code < 0)
            return code;
    }
    exclude->patterns = all;
    exclude->count = default_count + count;
    *out = exclude;
    return JB_OK;
}

/* One component of a pattern against one of a path. */
static bool component_matches(const char *pattern, size_t pattern_len, const char *name,
                              size_t name_len)
{
    char a[256], b[256];
    if (pattern_len >= sizeof a || name_len >= sizeof b)
        return false;
    memcpy(a, pattern, pattern_len);
    a[pattern_len] = '\0';
    memcpy(b, name, name_len);
    b[name_len] = '\0';
    return fnmatch(a, b, 0) == 0;
}

/*
 * Component by component; "**" stands for any number of them. On a mismatch the nearest "**" takes
 * one component more; those before it need not be tried again.
 */
static bool path_matches(const char *pattern, const char *path)
{
    const char *after_stars = NULL, *retry = NULL;
    for (;;) {
        size_t pattern_len = strcspn(pattern, "/"), len = strcspn(path, "/");
        bool is_last_pattern = pattern[pattern_len] == '\0', is_last = path[len] == '\0';
        if (pattern_len == 2 && memcmp(pattern, "**", 2) == 0) {
            if (is_last_pattern)
                return true;
            after_stars = pattern += 3;
            retry = path;
        } else if (is_last_pattern == is_last &&
                   component_matches(pattern, pattern_len, path, len)) {
            if (is_last)
                return true;
            pattern += pattern_len + 1;
            path += len + 1;
        } else {
            size_t taken = after_stars ? strcspn(retry, "/") : 0;
            if (after_stars == NULL || retry[taken] == '\0')
                return false;
            path = retry += taken + 1;
            pattern = after_stars;
        }
    }
}

static bool pattern_matches(const struct pattern *pattern, const char *path, const char *name,
                            size_t name_len)
{
    switch (pattern->kind) {
    case PATTERN_LITERAL:
        return strcmp(pattern->text, pattern->is_path ? path : name) == 0;
    case PATTERN_SUFFIX:
        return name_len >= pattern->len - 1 && memcmp(name + name_len - (pattern->len - 1),
                                                      pattern->text + 1, pattern->len - 1) == 0;
    default:
        return path_matches(pattern->text, pattern->is_path ? path : name);
    }
}

bool jbi_is_excluded(const struct exclude *exclude, const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t name_len = strlen(name);
    for (size_t i = exclude->count; i-- > 0;) {
        const struct pattern *pattern = &exclude->patterns[i];
        if ((is_folder || !pattern->folders_only) && pattern_matches(pattern, path, name, name_len))
            return !pattern->takes_back;
    }
    return false;
}
