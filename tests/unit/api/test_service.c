/* SPDX-License-Identifier: MIT */
/* Services that are commands, around a real web server on the loopback: stopped, started, crashing,
 * hanging, and asked how they are. */
#include "api/service.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "check.h"

static struct {
    struct arena arena;
    struct hooks hooks;
    struct jb_error err;
    struct service service;
    struct health health;
    const char *start[3], *stop[3], *status[3], *command[4];
    char shown[256], url[256], program[3][128];
    int port;
} the;

/* What the service runs: /health answers with the status in the file answer (200), after as many
 * seconds as the file slow says; /redirect leads elsewhere; /endless never ends. */
static const char server[] =
    "import http.server, os, sys, time\n"
    "def read(name, default):\n"
    "    try: return open(name).read().strip()\n"
    "    except FileNotFoundError: return default\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        if self.path == '/redirect':\n"
    "            self.send_response(302); self.send_header('Location', read('to', '/health'))\n"
    "            self.end_headers(); return\n"
    "        time.sleep(float(read('slow', '0')))\n"
    "        self.send_response(int(read('answer', '200'))); self.end_headers()\n"
    "        while self.path == '/endless': self.wfile.write(b'x' * 65536)\n"
    "        self.wfile.write(b'well')\n"
    "time.sleep(float(read('late', '0')))\n"
    "server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)\n"
    "sys.stderr.write('listening\\n'); sys.stderr.flush()\n"
    "server.serve_forever()\n";

static void put(const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

static void drop(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    unlink(path);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void use_path(const char *path)
{
    snprintf(the.url, sizeof the.url, "http://ann:s3cret@127.0.0.1:%d%s", the.port, path);
    snprintf(the.shown, sizeof the.shown, "http://127.0.0.1:%d%s", the.port, path);
}

static void begin(void)
{
    memset(&the, 0, sizeof the);
    the.port = free_port();
    static const char *const names[3] = {"start", "stop", "status"};
    const char **const argvs[3] = {the.start, the.stop, the.status};
    for (int i = 0; i < 3; i++) {
        snprintf(the.program[i], sizeof the.program[i], "%s/%s", check_folder(), names[i]);
        argvs[i][0] = the.program[i];
    }
    char text[512];
    put("server.py", server, 0644);
    snprintf(text, sizeof text, "#!/bin/sh\npython3 server.py %d &\necho $! >pid\n", the.port);
    put("start", text, 0755);
    put("stop", "#!/bin/sh\nkill $(cat pid)\n", 0755);
    put("status", "#!/bin/sh\ngrep -q '^State:.[RSD]' /proc/$(cat pid)/status\n", 0755);
    use_path("/health");
    the.service = (struct service){
        .kind = SERVICE_COMMANDS,
        .start = the.start,
        .stop = the.stop,
        .status = the.status,
        .folder = check_folder(),
        .timeout_s = 10,
    };
    the.health = (struct health){.url = the.url, .shown = the.shown, .timeout_s = 10};
}

static bool is_active(void)
{
    bool active = false;
    struct jb_error why = {0};
    CHECK(jbi_service_look(&the.service, &the.hooks, &the.arena, &active, &why) == JB_OK);
    CHECK_TEXT(why.text, "");
    return active;
}

static int start(void)
{
    the.err = (struct jb_error){0};
    int code = jbi_service_start(&the.service, &the.hooks, &the.arena, NULL, &the.err);
    CHECK(code == the.err.code);
    CHECK(code == JB_OK || the.err.hint[0] != '\0');
    return code;
}

static int stop(void)
{
    the.err = (struct jb_error){0};
    int code = jbi_service_stop(&the.service, &the.hooks, &the.arena, &the.err);
    CHECK(code == the.err.code);
    CHECK(code == JB_OK || the.err.hint[0] != '\0');
    return code;
}

static int health(void)
{
    the.err = (struct jb_error){0};
    int code = jbi_health_wait(&the.health, &the.hooks, &the.err);
    CHECK(code == the.err.code);
    CHECK(strstr(the.err.text, "s3cret") == NULL && strstr(the.err.hint, "s3cret") == NULL);
    return code;
}

static void end(void)
{
    char command[256];
    snprintf(command, sizeof command, "cd '%s' && test -e pid && kill -9 $(cat pid) 2>/dev/null",
             check_folder());
    if (system(command) != 0)
        fflush(stdout); /* it is down already */
    jbi_arena_free(&the.arena);
}

static void stopped_and_started(void)
{
    begin();
    CHECK(!is_active());
    int64_t before = jbi_monotonic_ms(), up_ms = 0;
    CHECK(jbi_service_start(&the.service, &the.hooks, &the.arena, &up_ms, &the.err) == JB_OK);
    int64_t after = jbi_monotonic_ms();
    CHECK(up_ms >= before && up_ms < after - 900); /* then it was watched */
    CHECK(is_active());
    CHECK(health() == JB_OK);
    end();
    check_remove_folder();
    begin();
    CHECK(start() == JB_OK && health() == JB_OK);
    CHECK(health() == JB_OK); /* it writes to its error output at each request, and lives */
    CHECK(stop() == JB_OK && !is_active());
    the.health.timeout_s = 1;
    CHECK(health() == JB_EIO);
    CHECK(start() == JB_OK && stop() == JB_OK);
    CHECK_TEXT(jbi_service_name(&the.service), the.program[0]);
    end();
}

static void crashes_at_start(void)
{
    begin();
    the.service.timeout_s = 2;
    put("start", "#!/bin/sh\nsleep 0.4 &\necho $! >pid\n", 0755);
    CHECK(start() == JB_EIO);
    CHECK_HAS(the.err.text, "has ended just after its start");
    CHECK(!is_active());
    put("start", "#!/bin/sh\nsleep 0 &\necho $! >pid\nwait\n", 0755);
    int64_t up_ms = 1;
    CHECK(jbi_service_start(&the.service, &the.hooks, &the.arena, &up_ms, NULL) == JB_EIO &&
          up_ms == 0);
    CHECK(start() == JB_EIO);
    CHECK_HAS(the.err.text, "did not start within 2 s");
    put("start", "#!/bin/sh\necho no such account >&2\nexit 3\n", 0755);
    int64_t begun = jbi_monotonic_ms();
    CHECK(start() == JB_EIO && jbi_monotonic_ms() - begun < 1500);
    CHECK_HAS(the.err.text, "did not start the service: exit status 3");
    end();
}

static void hangs_at_its_stop(void)
{
    begin();
    CHECK(start() == JB_OK);
    the.service.timeout_s = 1;
    put("stop", "#!/bin/sh\nsleep 60\n", 0755);
    CHECK(stop() == JB_EIO && is_active());
    CHECK_HAS(the.err.text, "did not end within 1 s and was killed");
    put("stop", "#!/bin/sh\nexit 0\n", 0755);
    CHECK(stop() == JB_EIO && is_active());
    CHECK_HAS(the.err.text, "did not stop within 1 s");
    put("stop", "#!/bin/sh\necho I may not >&2\nexit 1\n", 0755);
    CHECK(stop() == JB_EIO && is_active());
    CHECK_HAS(the.err.text, "did not stop the service: exit status 1, I may not");
    put("stop", "#!/bin/sh\nkill $(cat pid)\nsleep 0.3\nexit 1\n", 0755);
    CHECK(stop() == JB_OK && !is_active());
    end();
}

static void programs_that_are_not_there(void)
{
    begin();
    bool active;
    drop("stop");
    CHECK(jbi_service_look(&the.service, &the.hooks, &the.arena, &active, &the.err) ==
          JB_ENOTFOUND);
    CHECK_HAS(the.err.text, the.program[1]);
    the.stop[0] = "no-such-program-of-all";
    the.err = (struct jb_error){0};
    CHECK(jbi_service_look(&the.service, &the.hooks, &the.arena, &active, &the.err) ==
          JB_ENOTFOUND);
    the.stop[0] = "true";
    CHECK(!is_active());
    struct service unit = {.kind = SERVICE_SYSTEMD, .unit = "a b.service", .timeout_s = 1};
    the.err = (struct jb_error){0};
    CHECK(jbi_service_look(&unit, &the.hooks, &the.arena, &active, &the.err) == JB_EINVAL);
    CHECK_TEXT(jbi_service_name(&unit), "a b.service");
    end();
}

static void health_by_url(void)
{
    begin();
    the.health.timeout_s = 1;
    CHECK(health() == JB_EIO);
    CHECK_HAS(the.err.text, "did not succeed within 1 s");
    CHECK_HAS(the.err.text, "Connection refused");
    CHECK_HAS(the.err.text, the.shown);
    put("late", "1.5", 0644);
    CHECK(start() == JB_OK);
    the.health.timeout_s = 20;
    CHECK(health() == JB_OK);
    end();
}

static void health_of_all_kinds(void)
{
    begin();
    CHECK(start() == JB_OK);
    CHECK(health() == JB_OK);
    the.health.timeout_s = 1;
    use_path("/endless");
    CHECK(health() == JB_OK);
    /* The server deals with one request at a time. */
    use_path("/redirect");
    CHECK(health() == JB_OK);
    put("to", "file:///etc/passwd", 0644);
    CHECK(health() == JB_EIO);
    put("to", "/redirect", 0644);
    CHECK(health() == JB_EIO);
    use_path("/health?token=s3cret#s3cret");
    snprintf(the.shown, sizeof the.shown, "http://127.0.0.1:%d/health", the.port);
    CHECK(health() == JB_OK);
    put("slow", "2", 0644);
    CHECK(health() == JB_EIO);
    the.health.timeout_s = 20;
    CHECK(health() == JB_OK);
    end();
}

static void health_that_is_bad(void)
{
    begin();
    CHECK(start() == JB_OK && health() == JB_OK);
    the.health.timeout_s = 1;
    static const char *const answers[] = {"500", "404", "503", "199", "304"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        put("answer", answers[i], 0644);
        CHECK(health() == JB_EIO);
    }
    CHECK_HAS(the.err.text, "answers with status 304");
    put("answer", "204", 0644);
    CHECK(health() == JB_OK);
    end();
}

static void health_by_command(void)
{
    begin();
    put("ask", "#!/bin/sh\necho not yet >&2\ntest -e well\n", 0755);
    char program[256];
    snprintf(program, sizeof program, "%s/ask", check_folder());
    the.command[0] = program;
    the.health = (struct health){.command = the.command, .folder = check_folder(), .timeout_s = 1};
    CHECK(health() == JB_EIO);
    CHECK_HAS(the.err.text, "ended with exit status 1: not yet");
    put("well", "", 0644);
    CHECK(health() == JB_OK);
    put("ask", "#!/bin/sh\nsleep 30\n", 0755);
    int64_t begun = jbi_monotonic_ms();
    CHECK(health() == JB_EIO && jbi_monotonic_ms() - begun < 3000);
    the.command[0] = "/no/such/program";
    CHECK(health() == JB_ENOTFOUND);
    end();
}

static void *ask_in_thread(void *unused)
{
    (void)unused;
    struct jb_error own = {0};
    static const struct hooks hooks = {0};
    return jbi_health_wait(&the.health, &hooks, &own) == JB_OK ? &the : NULL;
}

static void from_several_threads(void)
{
    begin();
    CHECK(start() == JB_OK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, ask_in_thread, NULL) == 0);
    for (int i = 0; i < 4; i++) {
        void *well = NULL;
        REQUIRE(pthread_join(threads[i], &well) == 0);
        CHECK(well != NULL);
    }
    end();
}

int main(void)
{
    RUN(stopped_and_started);
    RUN(crashes_at_start);
    RUN(hangs_at_its_stop);
    RUN(programs_that_are_not_there);
    RUN(health_by_url);
    RUN(health_of_all_kinds);
    RUN(health_that_is_bad);
    RUN(health_by_command);
    RUN(from_several_threads);
    return check_end();
}
