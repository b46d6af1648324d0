/* SPDX-License-Identifier: MIT */
/* jb_service: the application's service by hand. Invariant: nothing is started or stopped while a
 * restore is at it, for old and new may be mixed then. */
#include "api/restore_aftermath.h"
#include "api/service.h"
#include "api/session.h"

static const char *manager_name(const struct service *service)
{
    if (service->kind == SERVICE_COMMANDS)
        return "commands";
    return service->is_user ? "user" : "system";
}

static int change(struct session *session, int action, struct jb_error *err)
{
    const struct service *service = session->project->service;
    const struct hooks *hooks = &session->project->hooks;
    int code = jbi_restore_refuse(session, "service", err);
    if (code == JB_OK && action != JB_SERVICE_START)
        code = jbi_service_stop(service, hooks, &session->arena, err);
    if (code == JB_OK && action != JB_SERVICE_STOP)
        code = jbi_service_start(service, hooks, &session->arena, NULL, err);
    return code;
}

static int serve(struct session *session, int action, struct jb_error *err)
{
    const struct service *service = session->project->service;
    jb_report *report = session->report;
    bool is_active = false;
    int code = JB_OK;
    if (service == NULL && action != JB_SERVICE_LOOK) {
        jbi_fail(err, JB_ENOTFOUND, "the project \"%s\" has no service", session->project->name);
        jbi_hint(err, "name it in jbackup.json: {\"service\": \"journal-app.service\"}");
        return JB_ENOTFOUND;
    }
    if (service != NULL)
        code =
            jbi_service_look(service, &session->project->hooks, &session->arena, &is_active, err);
    if (code == JB_OK && action != JB_SERVICE_LOOK) {
        code = change(session, action, err);
        is_active = action != JB_SERVICE_STOP;
    }
    jbi_row_text(report, &report->figures, "service", service ? jbi_service_name(service) : NULL);
    jbi_row_text(report, &report->figures, "manager", service ? manager_name(service) : NULL);
    jbi_row_bool(report, &report->figures, "active", is_active);
    return code;
}

int jb_service(jb_project *project, const struct jb_service_options *options, jb_report **report,
               struct jb_error *err)
{
    struct jb_service_options taken = JB_SERVICE_OPTIONS_INIT;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    if (taken.action < JB_SERVICE_LOOK || taken.action > JB_SERVICE_RESTART)
        return jbi_fail(err, JB_EINVAL, "no such action on a service");
    code = jbi_session_read(&session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = serve(&session, taken.action, session.err);
    return jbi_session_end(&session, code, report);
}
