/* SPDX-License-Identifier: MIT */
/* What a run of checks makes of the incidents. Invariant: it depends on nothing but what is given,
 * and each change that is told of is told once. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "repository/incidents.h"

#define PLACES_KEPT_FREE 50 /* for each level above */

/* An incident while the run is taken in. */
struct draft {
    struct incident it;
    bool is_seen, is_said_well, has_news;
    enum incident_event event;
    int previous_level;
    int64_t seen_before_us;
};

struct update {
    const struct incidents *old;
    const char *const *checks_run;
    size_t check_count;
    const struct incident_rules *rules;
    int64_t now_us;
    struct arena *arena;
    struct draft *drafts;
    size_t count;
    bool is_out_of_memory;
};

static bool has_run(const struct update *u, const char *check)
{
    for (size_t i = 0; i < u->check_count; i++)
        if (strcmp(u->checks_run[i], check) == 0)
            return true;
    return false;
}

/* Also of a time that a wrong clock has put into the future. */
static bool is_past(const struct update *u, int64_t since_us, int64_t span_us)
{
    return since_us > u->now_us || u->now_us - since_us >= span_us;
}

/* ---- Taking in ------------------------------------------------------------------------------ */

static const char *printable(struct update *u, const char *text)
{
    char cut[INCIDENT_TEXT_SIZE];
    jbi_escape(cut, sizeof cut, text ? text : "", text ? strlen(text) : 0);
    const char *copy = jbi_arena_text(u->arena, cut);
    u->is_out_of_memory = u->is_out_of_memory || copy == NULL;
    return copy ? copy : "";
}

static struct draft *find(const struct update *u, const char *key)
{
    for (size_t i = 0; i < u->count; i++)
        if (strcmp(u->drafts[i].it.key, key) == 0)
            return &u->drafts[i];
    return NULL;
}

static struct draft *add(struct update *u, const struct incident_sight *sight, const char *key)
{
    size_t room = INCIDENTS_OPEN_MAX - (size_t)(JB_CRITICAL - sight->level) * PLACES_KEPT_FREE;
    if (u->count >= room)
        return NULL;
    struct draft *draft = &u->drafts[u->count++];
    *draft = (struct draft){.it = {.key = printable(u, key),
                                   .check = printable(u, sight->check),
                                   .opened_us = u->now_us,
                                   .thread = ""}};
    return draft;
}

static void see(struct update *u, const struct incident_sight *sight)
{
    char key[INCIDENT_TEXT_SIZE];
    struct text whole = {0};
    jbi_text_addf(&whole, "%s: %s", sight->check, sight->subject);
    u->is_out_of_memory = u->is_out_of_memory || whole.failed;
    const char *from = whole.failed ? "" : whole.at;
    jbi_escape(key, sizeof key, from, strlen(from));
    jbi_text_free(&whole);
    struct draft *draft = find(u, key);
    if (sight->level == JB_INFO) {
        if (draft != NULL)
            draft->is_said_well = true;
        return;
    }
    if (draft == NULL)
        draft = add(u, sight, key);
    if (draft == NULL || draft->is_seen) /* by a worse finding */
        return;
    if (draft->it.level != sight->level)
        draft->it.changed_us = u->now_us;
    draft->it.level = sight->level;
    draft->it.message = printable(u, sight->message);
    draft->it.hint = printable(u, sight->hint);
    draft->seen_before_us = draft->it.seen_us;
    draft->it.seen_us = u->now_us;
    draft->is_seen = true;
}

static void take_in(struct update *u, const struct incident_sight *sights, size_t count)
{
    for (size_t i = 0; i < u->old->open_count; i++)
        u->drafts[u->count++] = (struct draft){.it = u->old->open[i]};
    for (int level = JB_CRITICAL; level >= JB_INFO; level--)
        for (size_t i = 0; i < count; i++)
            if (sights[i].level == level)
                see(u, &sights[i]);
}

/* ---- Judging -------------------------------------------------------------------------------- */

static bool is_flapping(const struct update *u, const struct incident *incident)
{
    for (size_t i = 0; i < u->old->ended_count; i++) {
        const struct incident *ended = &u->old->ended[i];
        if (ended->told_us != 0 && ended->ended_us <= incident->opened_us &&
            incident->opened_us - ended->ended_us < u->rules->cooldown_us &&
            strcmp(ended->key, incident->key) == 0)
            return true;
    }
    return false;
}

static bool has_ended(const struct update *u, const struct draft *draft)
{
    if (!has_run(u, draft->it.check))
        return draft->is_said_well;
    return !is_flapping(u, &draft->it) || is_past(u, draft->it.seen_us, u->rules->cooldown_us);
}

static void tell(struct update *u, struct draft *draft, enum incident_event event)
{
    draft->has_news = true;
    draft->event = event;
    draft->previous_level = draft->it.worst_told;
    draft->it.told_us = u->now_us;
    if (draft->it.level > draft->it.worst_told)
        draft->it.worst_told = draft->it.level;
}

/* Those who check come a little early or late: what is nearer to now than to when they come next is
 * not put off, by a sixtieth of the cooldown at most. */
static bool is_reminder_due(const struct update *u, const struct draft *draft)
{
    int64_t cooldown_us = u->rules->cooldown_us, slack_us = cooldown_us / 60;
    int64_t half_us = (u->now_us - draft->seen_before_us) / 2;
    if (half_us >= 0 && half_us < slack_us)
        slack_us = half_us;
    return is_past(u, draft->it.told_us, cooldown_us - slack_us);
}

static void judge(struct update *u, struct draft *draft)
{
    struct incident *it = &draft->it;
    if (!draft->is_seen && has_ended(u, draft)) {
        it->ended_us = u->now_us;
        if (it->told_us != 0)
            tell(u, draft, INCIDENT_RESOLVED);
    } else if (!draft->is_seen || it->level < u->rules->min_level) {
        return;
    } else if (it->told_us == 0) {
        tell(u, draft, INCIDENT_OPENED);
    } else if (it->level > it->worst_told) {
        tell(u, draft, INCIDENT_ESCALATED);
    } else if (is_reminder_due(u, draft)) {
        tell(u, draft, INCIDENT_REMINDED);
    }
}

/* What is told of first together is one thread of mails. */
static void begin_thread(struct update *u)
{
    const char *thread = NULL;
    for (size_t i = 0; i < u->count; i++) {
        struct draft *draft = &u->drafts[i];
        if (!draft->has_news || draft->event != INCIDENT_OPENED)
            continue;
        if (thread == NULL) {
            uint64_t hash = 14695981039346656037u; /* FNV-1a */
            for (const char *c = draft->it.key; *c != '\0'; c++)
                hash = (hash ^ (unsigned char)*c) * 1099511628211u;
            thread = jbi_arena_printf(u->arena, "jbackup-%llx-%016llx",
                                      (unsigned long long)u->now_us, (unsigned long long)hash);
            u->is_out_of_memory = u->is_out_of_memory || thread == NULL;
        }
        draft->it.thread = thread ? thread : "";
    }
}

/* ---- The outcome ---------------------------------------------------------------------------- */

/* Puts the drafts into their lists; *where of each is where it came to lie. */
static void settle(const struct update *u, struct incidents *to, const struct incident **where)
{
    for (size_t i = 0; i < u->count; i++) {
        bool is_over = u->drafts[i].it.ended_us != 0;
        struct incident *place =
            is_over ? &to->ended[to->ended_count++] : &to->open[to->open_count++];
        *place = u->drafts[i].it;
        where[i] = place;
    }
    for (size_t i = 0; i < u->old->ended_count && to->ended_count < INCIDENTS_ENDED_KEPT; i++)
        to->ended[to->ended_count++] = u->old->ended[i];
}

static size_t list_news(const struct update *u, const struct incident *const *where,
                        struct incident_news *news)
{
    size_t count = 0;
    for (int event = INCIDENT_OPENED; event <= INCIDENT_RESOLVED; event++)
        for (int level = JB_CRITICAL; level >= JB_WARNING; level--)
            for (size_t i = 0; i < u->count; i++) {
                const struct draft *draft = &u->drafts[i];
                if (draft->has_news && (int)draft->event == event && draft->it.level == level)
                    news[count++] =
                        (struct incident_news){draft->event, where[i], draft->previous_level};
            }
    return count;
}

int jbi_incidents_update(struct incidents *incidents, const struct incident_sight *sights,
                         size_t sight_count, const char *const *checks_run, size_t check_count,
                         const struct incident_rules *rules, int64_t now_us, struct arena *arena,
                         struct incident_news **news, size_t *news_count, struct jb_error *err)
{
    struct update update = {incidents, checks_run, check_count, rules, now_us, arena}, *u = &update;
    struct incidents after = {0};
    size_t most = INCIDENTS_OPEN_MAX;
    *news_count = 0;
    u->drafts = jbi_arena_alloc(arena, most * sizeof *u->drafts);
    *news = jbi_arena_alloc(arena, most * sizeof **news);
    after.open = jbi_arena_alloc(arena, most * sizeof *after.open);
    after.ended = jbi_arena_alloc(arena, INCIDENTS_ENDED_KEPT * sizeof *after.ended);
    const struct incident **where = jbi_arena_alloc(arena, most * sizeof(void *));
    if (!u->drafts || !*news || !after.open || !after.ended || !where)
        return jbi_fail_memory(err);
    take_in(u, sights, sight_count);
    for (size_t i = 0; i < u->count; i++)
        judge(u, &u->drafts[i]);
    begin_thread(u);
    if (u->is_out_of_memory)
        return jbi_fail_memory(err);
    settle(u, &after, where);
    *news_count = list_news(u, where, *news);
    *incidents = after;
    return JB_OK;
}
