/* SPDX-License-Identifier: MIT */
/* The only file that runs systemctl. What it prints is taken for texts, whatever they are; names of
 * units stand behind "--", so none is taken for an option. */
#include "adapter/systemd.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "os/process.h"

#define WAIT_S        20
#define OUTPUT_MAX    (64u << 10)
#define UNIT_NAME_MAX 255

static const char properties[] =
    "--property=LoadState,ActiveState,UnitFileState,Result,Unit,NextElapseUSecRealtime,"
    "NextElapseUSecMonotonic,LastTriggerUSec,ExecMainExitTimestamp,ExecMainStatus";

static const char *manager_option(enum systemd_manager manager)
{
    return manager == SYSTEMD_USER ? "--user" : "--system";
}

/* ---- Names ---- */

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(":-_.", c) != NULL);
}

char *jbi_systemd_escape(const char *text, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *to = jbi_arena_alloc(arena, strlen(text) * 4 + 1);
    char *at = to;
    for (const char *c = text; to != NULL && *c != '\0'; c++) {
        bool is_hidden = c == text && (*c == '.' || *c == '-');
        if (is_name_character(*c) && !is_hidden) {
            *at++ = *c;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = digits[(unsigned char)*c >> 4];
        *at++ = digits[(unsigned char)*c & 15];
    }
    return to;
}

bool jbi_systemd_is_name(const char *name)
{
    static const char *const types[] = {".service", ".timer", ".target", ".socket", ".path"};
    size_t len = strlen(name);
    bool has_type = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        has_type = has_type || (len > strlen(types[i]) && jbi_ends_with(name, types[i]));
    for (size_t i = 0; i < len; i++) {
        if (!is_name_character(name[i]) && name[i] != '\\' && (name[i] != '@' || i == 0))
            return false;
    }
    return has_type && len <= UNIT_NAME_MAX;
}

/* ---- What it says ---- */

/* Times that are none. */
static bool is_no_time(const char *value)
{
    static const char *const words[] = {"", "0", "n/a", "infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

bool jbi_systemd_parse(const char *text, struct arena *arena, struct systemd_unit *out)
{
    const char *monotonic = "";
    const struct {
        const char *name;
        const char **to;
        bool is_time;
    } known[] = {
        {"LoadState", &out->load_state, false},
        {"ActiveState", &out->active_state, false},
        {"UnitFileState", &out->unit_file_state, false},
        {"Result", &out->result, false},
        {"Unit", &out->triggers, false},
        {"NextElapseUSecRealtime", &out->next, true},
        {"NextElapseUSecMonotonic", &monotonic, true},
        {"LastTriggerUSec", &out->last, true},
        {"ExecMainExitTimestamp", &out->ended, true},
        {"ExecMainStatus", &out->exit_status, false},
    };
    bool failed = false;
    *out = (struct systemd_unit){"", "", "", "", "", "", false, "", "", ""};
    while (*text != '\0') {
        size_t len = strcspn(text, "\n"), name_len = strcspn(text, "=\n");
        for (size_t i = 0; name_len < len && i < sizeof known / sizeof *known; i++) {
            if (strlen(known[i].name) != name_len || strncmp(text, known[i].name, name_len) != 0)
                continue;
            const char *value = jbi_arena_textn(arena, text + name_len + 1, len - name_len - 1);
            failed = failed || value == NULL;
            if (value != NULL)
                *known[i].to = known[i].is_time && is_no_time(value) ? "" : value;
        }
        text += len + (text[len] == '\n');
    }
    out->has_next = *out->next != '\0' || *monotonic != '\0';
    return !failed && *out->load_state != '\0';
}

/* The first line of what it said, cut for a message. */
static const char *first_line(const struct text *said, struct arena *arena)
{
    size_t len = said->at != NULL ? strcspn(said->at, "\n") : 0;
    return len > 0 ? jbi_arena_textn(arena, said->at, len < 300 ? len : 300) : "";
}

/* ---- Asking ---- */

static bool can_be_asked(const char *state)
{
    static const char *const states[] = {"running",  "degraded",    "starting",
                                         "stopping", "maintenance", "initializing"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

int jbi_systemd_state(enum systemd_manager manager, struct arena *arena, const char **state,
                      struct jb_error *err)
{
    const char *const argv[] = {"systemctl", manager_option(manager), "is-system-running", NULL};
    scope_text out = {0};
    scope_text errors = {0};
    struct jb_error why_not = {0};
    int status;
    int code = jbi_process_run(argv, WAIT_S, OUTPUT_MAX, NULL, &out, &errors, &status, &why_not);
    if (code == JB_ENOTFOUND)
        return jbi_fail(err, JB_EUNSUPPORTED, "systemctl is not installed");
    if (code != JB_OK)
        return jbi_fail(err, code, "%s", why_not.text);
    *state = first_line(&out, arena);
    const char *why = first_line(&errors, arena);
    if (*state == NULL || why == NULL)
        return jbi_fail_memory(err);
    /* The status only tells "running" from the other states, most of which can be asked. */
    if (!can_be_asked(*state))
        return jbi_fail(err, JB_EUNSUPPORTED, "systemctl %s is-system-running: %s%s%s",
                        manager_option(manager), *state, **state && *why ? ", " : "", why);
    return JB_OK;
}

int jbi_systemd_show(enum systemd_manager manager, const char *name, struct arena *arena,
                     struct systemd_unit *out, struct jb_error *err)
{
    const char *const argv[] = {
        "systemctl", manager_option(manager), "show", "--no-pager", properties, "--", name, NULL};
    scope_text said = {0};
    scope_text errors = {0};
    int status;
    if (!jbi_systemd_is_name(name))
        return jbi_fail(err, JB_EINVAL, "\"%s\" can't be the name of a unit of systemd", name);
    int code = jbi_process_run(argv, WAIT_S, OUTPUT_MAX, NULL, &said, &errors, &status, err);
    if (code != JB_OK)
        return code;
    if (status != 0)
        return jbi_fail(err, JB_EIO, "systemctl can't show \"%s\" (status %d): %s", name, status,
                        first_line(&errors, arena));
    if (!jbi_systemd_parse(said.at != NULL ? said.at : "", arena, out))
        return jbi_fail(err, JB_EIO, "systemctl says nothing of \"%s\" that can be read", name);
    return JB_OK;
}
