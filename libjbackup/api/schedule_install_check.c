/* SPDX-License-Identifier: MIT */
/* Units as systemd itself reads them, before they are put where it looks. They lie in a private
 * folder meanwhile. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/systemd_analyze.h"
#include "api/schedule_install.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"

/* What will lie there when all is done; NULL: nothing. */
static const char *text_to_be(const struct unit_plan *unit)
{
    if (unit->change == CHANGE_REMOVED)
        return NULL;
    return unit->change == CHANGE_KEPT ? unit->file->found : unit->file->wanted;
}

static int lay_out(struct installation *in, const char *folder, const char **paths, size_t *count,
                   struct jb_error *err)
{
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open \"%s\"", folder);
    *count = 0;
    for (size_t i = 0; i < in->folder.count; i++) {
        const char *text = text_to_be(&in->units[i]), *name = in->units[i].file->name;
        if (text == NULL)
            continue;
        int code = jbi_file_write_atomic(fd, name, text, strlen(text), 0600, err);
        if (code < 0)
            return code;
        paths[*count] = jbi_arena_printf(&in->arena, "%s/%s", folder, name);
        if (paths[(*count)++] == NULL)
            return jbi_fail_memory(err);
    }
    return JB_OK;
}

static int ask(struct installation *in, const char *const paths[], size_t count,
               struct jb_error *err)
{
    struct jb_error why = {0};
    const char *faults = "";
    int code = jbi_systemd_verify_units(in->place.manager, paths, count, &in->arena, &faults, &why);
    if (code == JB_EUNSUPPORTED) {
        jbi_finding(in->report, JB_WARNING, in->folder.path, "the units were not checked: %s",
                    why.text);
        return JB_OK;
    }
    if (code < 0)
        return jbi_fail(err, code, "%s", why.text);
    if (*faults == '\0')
        return JB_OK;
    jbi_fail(err, JB_EINVAL, "systemd does not like the units: %s", faults);
    jbi_hint(err, "nothing was installed; \"jbackup-scheduler install --dry-run\" prints them");
    return JB_EINVAL;
}

/* The parser for a user's units asks for this; without it there is no manager of the user, either,
 * and nothing is installed. */
static bool can_ask(const struct installation *in)
{
    return in->place.manager == SYSTEMD_SYSTEM || getenv("XDG_RUNTIME_DIR") != NULL;
}

int jbi_install_check_times(struct installation *in, struct jb_error *err)
{
    for (enum schedule i = SCHEDULE_DAILY; i < SCHEDULE_COUNT; i++) {
        const struct schedule_entry *entry = &in->project->schedules[i];
        const char *normalized, *next;
        struct jb_error why = {0};
        if (!entry->is_on || entry->at == NULL)
            continue;
        int code = jbi_systemd_calendar(entry->at, &in->arena, &normalized, &next, &why);
        if (code == JB_EUNSUPPORTED) /* the units are not checked either, which is said there */
            return JB_OK;
        if (code == JB_OK)
            continue;
        jbi_fail(err, code, "schedule \"%s\": %s", jbi_schedule_name(i), why.text);
        jbi_hint(err, "in \"schedule\" of jbackup.json, e.g. \"02:00\" or \"Sun *-*-* 03:00\"; "
                      "\"systemd-analyze calendar EXPRESSION\" tries one");
        return code;
    }
    return JB_OK;
}

int jbi_install_check(struct installation *in, struct jb_error *err)
{
    const char *tmp = getenv("TMPDIR");
    struct jb_error unwanted = {0};
    const char **paths = jbi_arena_alloc(&in->arena, (in->folder.count + 1) * sizeof *paths);
    size_t count = 0;
    if (!can_ask(in))
        return JB_OK;
    if (tmp == NULL || *tmp != '/')
        tmp = "/tmp";
    char *folder = jbi_arena_printf(&in->arena, "%s/jbackup-units-XXXXXX", tmp);
    if (folder == NULL || paths == NULL)
        return jbi_fail_memory(err);
    if (mkdtemp(folder) == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot make a folder in \"%s\"", tmp);
    int code = lay_out(in, folder, paths, &count, err);
    if (code == JB_OK)
        code = ask(in, paths, count, err);
    (void)jbi_remove_tree(AT_FDCWD, folder, &unwanted);
    return code;
}
