/* SPDX-License-Identifier: MIT */
/* jb_service on a service that is three commands: it is up while there is a file. */
#include <sys/stat.h>

#include "fixture.h"

#define PLACES "\"backup_dir\": \"../backups\", \"databases\": []"
#define SERVICE                                                                                    \
    "{" PLACES ", \"service\": {\"start\": [\"touch\", \"up\"], \"stop\": [\"rm\", \"up\"],"       \
    "\"status\": [\"test\", \"-e\", \"up\"]}}"

static int act(int action)
{
    struct jb_service_options options = JB_SERVICE_OPTIONS_INIT;
    options.action = action;
    err = (struct jb_error){0};
    free_report();
    return jb_service(project, &options, &report, &err);
}

static void expect_active(bool wanted)
{
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "service"), "touch");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "manager"), "commands");
    CHECK(jb_report_number(report, JB_FIGURES, "active") == wanted);
    CHECK(is_there("app/up") == wanted);
}

static void it_is_looked_at_started_and_stopped(void)
{
    err = (struct jb_error){0};
    make_app();
    open_with(SERVICE);
    CHECK(tell(act(JB_SERVICE_LOOK)) == JB_OK);
    expect_active(false);
    CHECK(tell(act(JB_SERVICE_START)) == JB_OK);
    expect_active(true);
    CHECK(tell(act(JB_SERVICE_START)) == JB_OK);
    expect_active(true);
    struct stat before, after;
    REQUIRE(stat(in_folder("app/up"), &before) == 0);
    CHECK(tell(act(JB_SERVICE_RESTART)) == JB_OK);
    expect_active(true);
    REQUIRE(stat(in_folder("app/up"), &after) == 0);
    CHECK(before.st_ctim.tv_sec != after.st_ctim.tv_sec ||
          before.st_ctim.tv_nsec != after.st_ctim.tv_nsec);
    CHECK(tell(act(JB_SERVICE_STOP)) == JB_OK);
    expect_active(false);
    CHECK(tell(act(JB_SERVICE_STOP)) == JB_OK);
    CHECK(tell(act(JB_SERVICE_LOOK)) == JB_OK);
    expect_active(false);
    CHECK(act(4) == JB_EINVAL && act(-1) == JB_EINVAL);
    CHECK(!is_there("backups"));
    end();
}

static void one_that_can_not_be_asked_about_is_an_error(void)
{
    make_app();
    open_with("{" PLACES
              ", \"service\": {\"start\": [\"touch\", \"up\"], \"stop\": [\"rm\", \"up\"],"
              "\"status\": [\"./no-such\"]}}");
    CHECK(act(JB_SERVICE_LOOK) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "no-such");
    CHECK(act(JB_SERVICE_START) == JB_ENOTFOUND && !is_there("app/up"));
    end();
}

static void while_a_restore_is_open_it_is_left_alone(void)
{
    struct jb_restore_options restore = JB_RESTORE_OPTIONS_INIT;
    err = (struct jb_error){0};
    make_app();
    open_with(SERVICE);
    restore.timestamp = backup();
    restore.confirm = 1;
    free_report();
    REQUIRE(tell(restore_safe(project, &restore, &report, &err)) == JB_OK);
    REQUIRE(shell(textf("sed -i 's/\"phase\": \"done\"/\"phase\": \"starting\"/' '%s'",
                        in_folder("backups/.jbackup/restore.json"))));
    CHECK(act(JB_SERVICE_START) == JB_ELOCKED && !is_there("app/up"));
    CHECK_HAS(err.hint, "jbackup-restore recover");
    CHECK(act(JB_SERVICE_STOP) == JB_ELOCKED && act(JB_SERVICE_RESTART) == JB_ELOCKED);
    CHECK(tell(act(JB_SERVICE_LOOK)) == JB_OK);
    expect_active(false);
    free_report();
    CHECK(tell(jb_recover(project, NULL, &report, &err)) == JB_OK);
    CHECK(tell(act(JB_SERVICE_START)) == JB_OK);
    expect_active(true);
    end();
}

static void without_a_service_there_is_nothing_to_do(void)
{
    make_app();
    open_with("{" PLACES "}");
    CHECK(tell(act(JB_SERVICE_LOOK)) == JB_OK);
    CHECK(jb_report_text(report, JB_FIGURES, "service") == NULL);
    CHECK(jb_report_text(report, JB_FIGURES, "manager") == NULL);
    CHECK(act(JB_SERVICE_START) == JB_ENOTFOUND && act(JB_SERVICE_STOP) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "\"service\"");
    end();
}

int main(void)
{
    RUN(it_is_looked_at_started_and_stopped);
    RUN(one_that_can_not_be_asked_about_is_an_error);
    RUN(while_a_restore_is_open_it_is_left_alone);
    RUN(without_a_service_there_is_nothing_to_do);
    return check_end();
}
