/* SPDX-License-Identifier: MIT */
/* The dead man's switch: whoever hears nothing for too long raises the alarm for us. Invariant: of
 * its URL, whose path is the secret, only the server's name leaves this file. */
#include <stdio.h>
#include <string.h>

#include "adapter/http.h"
#include "api/alert.h"

#define TIMEOUT_MS 10000

/* The URL with what behind its path, before a query or fragment. */
static char *with_path(struct arena *arena, const char *url, const char *what)
{
    size_t len = strcspn(url, "?#"), path = len;
    while (what[0] != '\0' && path > 0 && url[path - 1] == '/')
        path--;
    return jbi_arena_printf(arena, "%.*s%s%s", (int)path, url, what, url + len);
}

void jbi_alert_ping(const jb_project *project, const struct monitor_config *config,
                    const char *what, jb_report *report)
{
    struct arena arena = {0};
    struct jb_error why = {0};
    char origin[HTTP_SHOWN_SIZE];
    int status = 0;
    if (config->ping_url == NULL)
        return;
    const char *url = with_path(&arena, config->ping_url, what);
    int code = url ? JB_OK : jbi_fail_memory(&why);
    if (code == JB_OK)
        code = jbi_http_origin(url, origin, &why);
    if (code == JB_OK)
        code = jbi_http_get_secret(url, TIMEOUT_MS, &status, &why);
    if (code == JB_OK && (status < 200 || status >= 300))
        code = jbi_fail(&why, JB_EIO, "%s answers with status %d", origin, status);
    jbi_arena_free(&arena);
    if (code == JB_OK)
        return;
    jbi_log(&project->hooks, LOG_WARNING, "cannot ping: %s", why.text);
    jbi_finding(report, JB_WARNING, "ping_url", "the ping did not arrive: %s", why.text);
    jbi_finding_hint(report, "the watcher there may raise an alarm though nothing is wrong; see "
                             "whether ping_url is the right one");
}
