/* SPDX-License-Identifier: MIT */
/* The unified difference of two short texts, by the longest common subsequence of their lines. */
#include "api/line_diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/text.h"

#define CONTEXT   3
#define CELLS_MAX (1u << 20)

struct line {
    const char *at;
    size_t len; /* without its line feed */
};

/* One line of the result: ' ', '-' or '+', and where it stands in both. */
struct step {
    char sign;
    struct line line;
    size_t from, to;
};

struct diff {
    struct line *from, *to;
    size_t from_count, to_count;
    struct step *steps;
    size_t count;
};

static struct line *split(const char *text, size_t *count)
{
    size_t room = 1;
    for (const char *c = text; *c != '\0'; c++)
        room += *c == '\n';
    struct line *lines = calloc(room, sizeof *lines);
    for (*count = 0; lines != NULL && *text != '\0'; (*count)++) {
        size_t len = strcspn(text, "\n");
        lines[*count] = (struct line){text, len};
        text += len + (text[len] == '\n');
    }
    return lines;
}

static bool is_same(const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static void add(struct diff *d, char sign, size_t from, size_t to)
{
    const struct line *line = sign == '+' ? &d->to[to] : &d->from[from];
    d->steps[d->count++] = (struct step){sign, *line, from, to};
}

/* Between the equal beginnings and ends, by a table of the lengths of common subsequences. */
static bool compare(struct diff *d, size_t begin, size_t from_end, size_t to_end)
{
    size_t rows = from_end - begin + 1, columns = to_end - begin + 1, i = 0, j = 0;
    bool is_short = rows <= CELLS_MAX / columns;
    scope_free uint32_t *common = is_short ? calloc(rows * columns, sizeof *common) : NULL;
    if (is_short && common == NULL)
        return false;
    for (i = rows - 1; is_short && i-- > 0;) {
        for (j = columns - 1; j-- > 0;) {
            uint32_t down = common[(i + 1) * columns + j], right = common[i * columns + j + 1];
            common[i * columns + j] = is_same(&d->from[begin + i], &d->to[begin + j])
                                          ? common[(i + 1) * columns + j + 1] + 1
                                      : down > right ? down
                                                     : right;
        }
    }
    for (i = j = 0; i < rows - 1 || j < columns - 1;) {
        bool both = i < rows - 1 && j < columns - 1;
        if (is_short && both && is_same(&d->from[begin + i], &d->to[begin + j])) {
            add(d, ' ', begin + i++, begin + j++);
        } else if (i < rows - 1 && (!both || !is_short ||
                                    common[(i + 1) * columns + j] >= common[i * columns + j + 1])) {
            add(d, '-', begin + i, begin + j);
            i++;
        } else {
            add(d, '+', begin + i, begin + j);
            j++;
        }
    }
    return true;
}

static bool find_steps(struct diff *d)
{
    size_t begin = 0, from_end = d->from_count, to_end = d->to_count;
    while (begin < from_end && begin < to_end && is_same(&d->from[begin], &d->to[begin])) {
        add(d, ' ', begin, begin);
        begin++;
    }
    while (from_end > begin && to_end > begin &&
           is_same(&d->from[from_end - 1], &d->to[to_end - 1])) {
        from_end--;
        to_end--;
    }
    if (!compare(d, begin, from_end, to_end))
        return false;
    while (from_end < d->from_count)
        add(d, ' ', from_end++, to_end++);
    return true;
}

/* One hunk: the steps from begin up to end. */
static void print_hunk(const struct diff *d, size_t begin, size_t end, struct text *out)
{
    size_t from = 0, to = 0;
    for (size_t i = begin; i < end; i++) {
        from += d->steps[i].sign != '+';
        to += d->steps[i].sign != '-';
    }
    jbi_text_addf(out, "@@ -%zu,%zu +%zu,%zu @@\n", d->steps[begin].from + (from > 0), from,
                  d->steps[begin].to + (to > 0), to);
    for (size_t i = begin; i < end; i++)
        jbi_text_addf(out, "%c%.*s\n", d->steps[i].sign, (int)d->steps[i].line.len,
                      d->steps[i].line.at);
}

static void print(const struct diff *d, struct text *out)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->steps[i].sign == ' ')
            continue;
        size_t begin = i > CONTEXT ? i - CONTEXT : 0, last = i;
        for (size_t j = i; j < d->count && j <= last + 2 * CONTEXT + 1; j++)
            last = d->steps[j].sign != ' ' ? j : last;
        size_t end = last + CONTEXT + 1 < d->count ? last + CONTEXT + 1 : d->count;
        print_hunk(d, begin, end, out);
        i = end - 1;
    }
}

const char *jbi_line_diff(const char *from, const char *from_name, const char *to,
                          const char *to_name, struct arena *arena)
{
    struct diff d = {0};
    scope_text out = {0};
    const char *answer = NULL;
    if (strcmp(from, to) == 0)
        return "";
    d.from = split(from, &d.from_count);
    d.to = split(to, &d.to_count);
    d.steps = calloc(d.from_count + d.to_count + 1, sizeof *d.steps);
    if (d.from != NULL && d.to != NULL && d.steps != NULL && find_steps(&d)) {
        jbi_text_addf(&out, "--- %s\n+++ %s\n", from_name, to_name);
        print(&d, &out);
        answer = out.failed ? NULL : jbi_arena_text(arena, out.at);
    }
    free(d.from);
    free(d.to);
    free(d.steps);
    return answer;
}
