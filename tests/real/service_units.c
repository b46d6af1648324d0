/* SPDX-License-Identifier: MIT */
/* Services of a systemd that really runs, with the units that tests/real/service.sh puts there. */
#include "api/service.h"

#include "base/clock.h"
#include "check.h"

static struct arena arena;
static const struct hooks hooks;
static struct jb_error err;

static struct service unit(const char *name, int timeout_s)
{
    err = (struct jb_error){0};
    return (struct service){.kind = SERVICE_SYSTEMD, .unit = name, .timeout_s = timeout_s};
}

static int look(const char *name, bool *active)
{
    const struct service service = unit(name, 10);
    *active = false;
    return jbi_service_look(&service, &hooks, &arena, active, &err);
}

static bool is_active(const char *name)
{
    bool active;
    CHECK(look(name, &active) == JB_OK);
    CHECK_TEXT(err.text, "");
    return active;
}

static int start(const char *name, int timeout_s)
{
    const struct service service = unit(name, timeout_s);
    int code = jbi_service_start(&service, &hooks, &arena, NULL, &err);
    CHECK(code == err.code && (code == JB_OK || err.hint[0] != '\0'));
    return code;
}

static int stop(const char *name, int timeout_s)
{
    const struct service service = unit(name, timeout_s);
    int code = jbi_service_stop(&service, &hooks, &arena, &err);
    CHECK(code == err.code && (code == JB_OK || err.hint[0] != '\0'));
    return code;
}

static void stopped_and_started(void)
{
    CHECK(!is_active("steady.service"));
    const struct service service = unit("steady.service", 10);
    int64_t before = jbi_monotonic_ms(), up_ms = 0;
    CHECK(jbi_service_start(&service, &hooks, &arena, &up_ms, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK(up_ms >= before && up_ms - before < 900 && jbi_monotonic_ms() - up_ms > 900);
    CHECK(is_active("steady.service") && start("steady.service", 10) == JB_OK);
    CHECK(stop("steady.service", 10) == JB_OK && !is_active("steady.service"));
    CHECK(stop("steady.service", 10) == JB_OK);
}

static void one_that_needs_its_time(void)
{
    CHECK(start("slow.service", 10) == JB_OK && is_active("slow.service"));
    CHECK(stop("slow.service", 10) == JB_OK);
    CHECK(start("slow.service", 1) == JB_EIO);
    CHECK_HAS(err.text, "the service \"slow.service\" did not start within 1 s");
    CHECK(stop("slow.service", 10) == JB_OK && !is_active("slow.service"));
}

static void crashes_at_start(void)
{
    CHECK(start("crashing.service", 10) == JB_EIO);
    CHECK_HAS(err.text, "has ended just after its start (exit-code)");
    CHECK_HAS(err.hint, "journalctl --unit crashing.service");
    CHECK(!is_active("crashing.service"));
    CHECK(start("failing.service", 10) == JB_EIO);
    CHECK_HAS(err.text, "failing.service");
    CHECK(start("looping.service", 10) == JB_EIO);
    CHECK_HAS(err.text, "looping.service");
    CHECK(stop("looping.service", 10) == JB_OK && !is_active("looping.service"));
}

/* The way back must not fail because the new state made it crash again and again. */
static void crashes_do_not_keep_it_from_a_start(void)
{
    CHECK(start("limited.service", 10) == JB_EIO);
    FILE *file = fopen("/run/well", "w");
    REQUIRE(file != NULL && fclose(file) == 0);
    CHECK(start("limited.service", 10) == JB_OK);
    CHECK_TEXT(err.text, "");
}

static void hangs_at_its_stop(void)
{
    CHECK(start("hanging.service", 10) == JB_OK);
    CHECK(stop("hanging.service", 1) == JB_EIO);
    CHECK_HAS(err.text, "the service \"hanging.service\" did not stop within 1 s");
    CHECK(is_active("hanging.service")); /* it is stopping */
}

static void units_that_can_not_be_started(void)
{
    bool active;
    CHECK(look("absent.service", &active) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "there is no service \"absent.service\"");
    CHECK(look("masked.service", &active) == JB_EIO);
    CHECK_HAS(err.text, "it is masked");
    CHECK(look("broken.service", &active) == JB_EIO);
    CHECK_HAS(err.text, "it is bad-setting");
    struct service user = unit("steady.service", 10);
    user.is_user = true;
    CHECK(jbi_service_look(&user, &hooks, &arena, &active, &err) < 0);
    CHECK(err.text[0] != '\0');
}

int main(void)
{
    RUN(stopped_and_started);
    RUN(one_that_needs_its_time);
    RUN(crashes_at_start);
    RUN(crashes_do_not_keep_it_from_a_start);
    RUN(hangs_at_its_stop);
    RUN(units_that_can_not_be_started);
    jbi_arena_free(&arena);
    return check_end();
}
