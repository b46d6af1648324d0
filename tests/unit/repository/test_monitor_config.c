/* SPDX-License-Identifier: MIT */
#include "repository/monitor_config.h"

#include "base/scope.h"
#include "fixture.h"
#include "os/file.h"

static struct repository repository;
static struct monitor_config config;
static struct jb_error err;

static void begin(void)
{
    err = (struct jb_error){0};
    open_repository(&repository);
}

static void end(void)
{
    jbi_repository_close(&repository);
}

static int parse(const char *text)
{
    err = (struct jb_error){0};
    return jbi_monitor_config_parse(&config, text, strlen(text), "the file", &fixture_arena, &err);
}

static int set(const char *key, const char *value)
{
    err = (struct jb_error){0};
    return jbi_monitor_config_set(&repository, key, value, &err);
}

static bool load(void)
{
    bool is_there = false;
    err = (struct jb_error){0};
    REQUIRE(jbi_monitor_config_load(&config, &repository, &fixture_arena, &is_there, &err) ==
            JB_OK);
    return is_there;
}

static char *file_text(void)
{
    char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    REQUIRE(jbi_file_read(repository.fd, MONITOR_CONFIG_NAME, 1 << 20, &text, &len, &why) == JB_OK);
    return text;
}

/* What a key has, as it is shown. */
static const char *shown(const char *wanted)
{
    const char *name, *value, *standard;
    for (size_t i = 0; jbi_monitor_config_key(&config, i, &fixture_arena, &name, &value, &standard);
         i++) {
        if (strcmp(name, wanted) == 0)
            return value;
    }
    return NULL;
}

static void has_the_defaults_of_the_guide(void)
{
    begin();
    CHECK(!load());
    CHECK(config.max_backup_age_hours == 26 && config.min_backup_size == 1000000);
    CHECK(config.check_interval_minutes == 60 && config.disk_usage_threshold == 85);
    CHECK(config.email_enabled && config.recipient_count == 0);
    CHECK(config.alert_cooldown_minutes == 60 && config.min_level == JB_WARNING);
    CHECK_TEXT(config.sources[0], "default");
    end();
}

static void is_made_once_for_the_owner_alone(void)
{
    struct stat st;
    begin();
    CHECK(jbi_monitor_config_make(&repository, &err) == JB_OK);
    CHECK(fstatat(repository.fd, MONITOR_CONFIG_NAME, &st, 0) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(load());
    CHECK(config.max_backup_age_hours == 26 && config.journal && config.webhook_url == NULL);
    CHECK_TEXT(config.sources[0], MONITOR_CONFIG_NAME);
    CHECK(set("max_backup_age_hours", "30") == JB_OK);
    CHECK(jbi_monitor_config_make(&repository, &err) == JB_OK && load());
    CHECK(config.max_backup_age_hours == 30);
    end();
}

static void reads_every_kind(void)
{
    CHECK(parse("{\"monitoring\": {\"min_backup_size_mb\": 0.5, \"services\": false},"
                " \"alerting\": {\"email_recipients\": [\"a@b.example\", \"c@d.example\"],"
                " \"min_level\": \"ERROR\", \"webhook_format\": \"ntfy\","
                " \"webhook_url\": \"https://user:pw@hooks.example/T0/secret?key=1\","
                " \"prometheus_file\": \"/var/lib/x/jbackup.prom\", \"ping_url\": null}}") ==
          JB_OK);
    CHECK(config.min_backup_size == 500000 && !config.services && config.database);
    CHECK(config.recipient_count == 2 && config.min_level == JB_ERROR);
    CHECK_TEXT(config.email_recipients[1], "c@d.example");
    CHECK(config.webhook_format == WEBHOOK_NTFY && config.ping_url == NULL);
    CHECK_TEXT(config.webhook_url, "https://user:pw@hooks.example/T0/secret?key=1");
    CHECK_TEXT(shown("alerting.webhook_url"), "\"https://hooks.example/...\"");
    CHECK_TEXT(shown("alerting.ping_url"), "null");
    CHECK_TEXT(shown("monitoring.min_backup_size_mb"), "0.5");
    CHECK_TEXT(shown("alerting.email_recipients"), "[\"a@b.example\", \"c@d.example\"]");
    CHECK_TEXT(config.sources[1], "the file");
    CHECK_TEXT(config.sources[0], "default");
}

static void names_line_and_key_of_a_mistake(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"[]", "the file: must hold an object, {...}"},
        {"{\n\"alarm\": {}}", "the file, line 2: unknown key \"alarm\""},
        {"{\"monitoring\": 3}", "the file, line 1: \"monitoring\" must be an object, not a number"},
        {"{\"monitoring\": {\n\n\"max_age\": 3}}", "the file, line 3: unknown key \"max_age\""},
        {"{\"monitoring\": {\"email_enabled\": true}}",
         "the file, line 1: unknown key \"email_enabled\""},
        {"{\"monitoring\": {\"max_backup_age_hours\": \"26\"}}",
         "the file, line 1: \"max_backup_age_hours\" must be a whole number, not a text"},
        {"{\"monitoring\": {\"max_backup_age_hours\": 26.5}}",
         "the file, line 1: \"max_backup_age_hours\" must be a whole number, not a number"},
        {"{\"monitoring\": {\"max_backup_age_hours\": 0}}",
         "the file, line 1: \"max_backup_age_hours\" must be from 1 to 87600, not 0"},
        {"{\"monitoring\": {\"min_backup_size_mb\": -0.5}}",
         "the file, line 1: \"min_backup_size_mb\" must be from 0 to 1000000000, not -0.5"},
        {"{\"monitoring\": {\"services\": 1}}",
         "the file, line 1: \"services\" must be true or false, not a number"},
        {"{\"alerting\": {\"min_level\": \"INFO\"}}",
         "the file, line 1: \"min_level\" must be \"WARNING\", \"ERROR\" or \"CRITICAL\", not "
         "\"INFO\""},
        {"{\"alerting\": {\"webhook_format\": null}}",
         "the file, line 1: \"webhook_format\" must be \"json\", \"slack\" or \"ntfy\", not null"},
        {"{\"alerting\": {\"webhook_url\": \"ftp://secret\"}}",
         "the file, line 1: \"webhook_url\" must be a URL that begins with http:// or https://, or "
         "null"},
        {"{\"alerting\": {\"ping_url\": \"http://a.example/\\nX: y\"}}",
         "the file, line 1: \"ping_url\" must be a URL that begins with http:// or https://, or "
         "null"},
        {"{\"alerting\": {\"prometheus_file\": \"a.prom\"}}",
         "the file, line 1: \"prometheus_file\" must be the absolute path of a file, or null, not "
         "\"a.prom\""},
        {"{\"alerting\": {\"email_recipients\": \"a@b.example\"}}",
         "the file, line 1: \"email_recipients\" must be a list of mail addresses, not a text"},
        {"{\"alerting\": {\"email_recipients\": [\"a@b\\r\\nDATA\"]}}",
         "the file, line 1: \"email_recipients\" must be a list of mail addresses; "
         "\"a@b\\x0d\\x0aDATA\" is none"},
        {"{\"alerting\": {\"email_recipients\": [7]}}",
         "the file, line 1: \"email_recipients\" must be a list of mail addresses; \"a number\" is "
         "none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(parse(cases[i].text) == JB_EINVAL);
        CHECK_TEXT(err.text, cases[i].error);
        CHECK(config.max_backup_age_hours == 26 && config.webhook_url == NULL);
    }
    CHECK(parse("{\"alerting\": {\"mail\": 1}}") == JB_EINVAL);
    CHECK_HAS(err.hint, "known keys here: email_enabled, email_recipients, ");
    CHECK(parse("{\"x\": 1}") == JB_EINVAL);
    CHECK_TEXT(err.hint, "known keys here: monitoring, alerting");
    CHECK(parse("{\"alerting\": {}, \"alerting\": {}}") == JB_EINVAL);
}

static void sets_one_key_and_keeps_the_rest(void)
{
    begin();
    write_file(repository.fd, MONITOR_CONFIG_NAME,
               "{\"alerting\": {\"ping_url\": \"http://p.example/uuid\"}}");
    CHECK(set("max_backup_age_hours", "48") == JB_OK);
    CHECK(set("alerting.email_recipients", "a@b.example, c@d.example") == JB_OK);
    CHECK(set("min_backup_size_mb", "0.25") == JB_OK);
    CHECK(set("email_enabled", "false") == JB_OK);
    CHECK(set("min_level", "CRITICAL") == JB_OK);
    CHECK(load());
    CHECK(config.max_backup_age_hours == 48 && config.recipient_count == 2);
    CHECK(config.min_backup_size == 250000 && !config.email_enabled);
    CHECK(config.min_level == JB_CRITICAL);
    CHECK_TEXT(config.ping_url, "http://p.example/uuid");
    CHECK(set("ping_url", "null") == JB_OK && set("email_recipients", "") == JB_OK);
    CHECK(load() && config.ping_url == NULL && config.recipient_count == 0);
    scope_free char *text = file_text();
    CHECK(strstr(text, "disk_usage_threshold") == NULL);
    end();
}

static void sets_nothing_that_is_wrong(void)
{
    begin();
    CHECK(set("max_backup_age_hours", "48") == JB_OK);
    scope_free char *before = file_text();
    CHECK(set("max_age", "48") == JB_EINVAL);
    CHECK_TEXT(err.text, "backup_monitor_config.json has no key \"max_age\"");
    CHECK(set("alerting.max_backup_age_hours", "48") == JB_EINVAL);
    CHECK(set("max_backup_age_hours", "two") == JB_EINVAL);
    CHECK_TEXT(err.text, "\"max_backup_age_hours\" must be a whole number, not a text");
    CHECK(set("max_backup_age_hours", "") == JB_EINVAL);
    CHECK(set("max_backup_age_hours", "1 2") == JB_EINVAL);
    CHECK(set("services", "{}") == JB_EINVAL);
    CHECK(set("email_recipients", "a@b.example,,c@d.example") == JB_EINVAL);
    CHECK(set("webhook_url", "hooks.example") == JB_EINVAL);
    CHECK(set("webhook_format", "\xff") == JB_EINVAL);
    scope_free char *after = file_text();
    CHECK_TEXT(after, before);
    end();
}

/* A file that is wrong elsewhere is not written; one that the change mends is. */
static void does_not_write_over_another_mistake(void)
{
    begin();
    write_file(repository.fd, MONITOR_CONFIG_NAME,
               "{\"monitoring\":\n{\"services\": 3,\n\"reread_days\": 3}}");
    CHECK(set("reread_days", "5") == JB_EINVAL);
    CHECK_TEXT(err.text, "backup_monitor_config.json, line 2: \"services\" must be true or false, "
                         "not a number");
    CHECK(set("services", "true") == JB_OK && load() && config.reread_days == 3);
    write_file(repository.fd, MONITOR_CONFIG_NAME, "{\"monitoring\":\n");
    CHECK(set("reread_days", "5") == JB_EINVAL);
    write_file(repository.fd, MONITOR_CONFIG_NAME, "{\"monitoring\": []}");
    CHECK(set("reread_days", "5") == JB_EINVAL);
    CHECK_HAS(err.text, "\"monitoring\" must be an object, not a list");
    end();
}

/* Every key's default, read from what is shown of it, is that default. */
static void prints_what_it_reads(void)
{
    const char *name, *value, *standard;
    size_t count = 0;
    begin();
    CHECK(jbi_monitor_config_make(&repository, &err) == JB_OK && load());
    for (; jbi_monitor_config_key(&config, count, &fixture_arena, &name, &value, &standard);
         count++) {
        CHECK_TEXT(value, standard);
        bool is_list = value[0] == '[', is_text = value[0] == '"';
        char plain[100];
        snprintf(plain, sizeof plain, "%s", is_list ? "" : is_text ? value + 1 : value);
        plain[strcspn(plain, "\"")] = '\0';
        CHECK(set(name, plain) == JB_OK);
    }
    CHECK(count == 19);
    end();
}

static void refuses_what_is_no_file(void)
{
    bool is_there = false;
    begin();
    REQUIRE(symlinkat("/etc/passwd", repository.fd, MONITOR_CONFIG_NAME) == 0);
    CHECK(jbi_monitor_config_load(&config, &repository, &fixture_arena, &is_there, &err) < 0);
    CHECK_HAS(err.text, "cannot read the configuration of the monitor");
    CHECK(is_there);
    end();
}

int main(void)
{
    RUN(has_the_defaults_of_the_guide);
    RUN(is_made_once_for_the_owner_alone);
    RUN(reads_every_kind);
    RUN(names_line_and_key_of_a_mistake);
    RUN(sets_one_key_and_keeps_the_rest);
    RUN(sets_nothing_that_is_wrong);
    RUN(does_not_write_over_another_mistake);
    RUN(prints_what_it_reads);
    RUN(refuses_what_is_no_file);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
