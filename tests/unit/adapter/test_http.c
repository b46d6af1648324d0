/* SPDX-License-Identifier: MIT */
/* Requests to a real web server on the loopback that answers, refuses, stalls and drops. */
#include "adapter/http.h"

#include <pthread.h>

#include "../http_fixture.h"
#include "base/clock.h"

static struct jb_error err;
static int status;

static const char *url(const char *path)
{
    static char text[256];
    snprintf(text, sizeof text, "http://ann:s3cret@127.0.0.1:%d%s", web.port, path);
    return text;
}

static int post(const char *path, const char *const *headers, const char *body, int timeout_ms)
{
    err = (struct jb_error){0};
    status = 0;
    int code = jbi_http_post(url(path), "application/json", headers, body, strlen(body), timeout_ms,
                             &status, &err);
    CHECK(code == err.code);
    CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.text, "token") == NULL);
    return code;
}

static void posts_a_body_with_headers(void)
{
    static const char *const headers[] = {"Title: one \xe2\x82\xac", "Priority: 5", NULL};
    web_start();
    CHECK(post("/hook/token?x=1", headers, "{\"a\": \"\xe2\x82\xac\"}", 5000) == JB_OK);
    CHECK(status == 200);
    const char *got = web_request(1);
    CHECK_HAS(got, "\"method\": \"POST\"");
    CHECK_HAS(got, "\"path\": \"/hook/token?x=1\"");
    CHECK_HAS(got, "\"body\": \"{\\\"a\\\": \\\"\\u20ac\\\"}\"");
    CHECK_HAS(got, "\"content-type\": \"application/json\"");
    CHECK_HAS(got, "\"priority\": \"5\"");
    CHECK_HAS(got, "\"user-agent\": \"jbackup/");
    CHECK(strstr(got, "expect") == NULL);
    CHECK(post("/", NULL, "", 5000) == JB_OK && status == 200);
    CHECK_HAS(web_request(2), "\"method\": \"POST\"");
    web_stop();
}

static void long_body(void)
{
    enum { LEN = 3 << 20 };
    web_start();
    char *body = malloc(LEN + 1);
    REQUIRE(body != NULL);
    memset(body, 'x', LEN);
    body[LEN] = '\0';
    int64_t begun = jbi_monotonic_ms();
    CHECK(post("/", NULL, body, 20000) == JB_OK && status == 200);
    CHECK(jbi_monotonic_ms() - begun < 10000);
    CHECK_HAS(web_request(1), "\"content-length\": \"3145728\"");
    free(body);
    web_stop();
}

static void refuses_headers_with_more_than_one_line(void)
{
    static const char *const bad[][2] = {
        {"Title: a\r\nX-Forged: 1", NULL}, {"Title: a\nb", NULL}, {"Title: \x7f", NULL}};
    web_start();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(post("/hook/token", bad[i], "x", 5000) == JB_EINVAL);
    CHECK_HAS(err.text, "control character in a header for http://127.0.0.1");
    CHECK(web_count() == 0);
    web_stop();
}

static void answers_of_each_kind(void)
{
    static const char *const answers[] = {"204", "302", "400", "404", "429", "500", "503"};
    web_start();
    web_set("to", "/elsewhere");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        web_set("status", answers[i]);
        CHECK(post("/hook/token", NULL, "{}", 5000) == JB_OK);
        CHECK(status == atoi(answers[i]));
    }
    CHECK(web_count() == (int)(sizeof answers / sizeof *answers)); /* no redirect was followed */
    web_set("status", NULL);
    CHECK(post("/endless", NULL, "{}", 5000) == JB_OK && status == 200);
    web_stop();
}

static void no_answer(void)
{
    web_start();
    web_set("slow", "3");
    int64_t begun = jbi_monotonic_ms();
    CHECK(post("/hook/token?token=1", NULL, "{}", 500) == JB_EIO);
    CHECK(jbi_monotonic_ms() - begun < 2000);
    char want[128];
    snprintf(want, sizeof want, "no answer from http://127.0.0.1:%d: ", web.port);
    CHECK_HAS(err.text, want);
    web_set("slow", NULL);
    web_set("drop", "1");
    CHECK(post("/hook/token", NULL, "{}", 5000) == JB_EIO);
    CHECK_HAS(err.text, want);
    web_stop();
    CHECK(post("/hook/token", NULL, "{}", 5000) == JB_EIO);
    CHECK_HAS(err.text, "Connection refused");
    CHECK(err.sys_errno != 0);
}

static void gets(void)
{
    web_start();
    CHECK(jbi_http_get(url("/health"), 5000, &status, &err) == JB_OK && status == 200);
    CHECK(jbi_http_get_secret(url("/ping/token"), 5000, &status, &err) == JB_OK && status == 200);
    CHECK_HAS(web_request(2), "\"method\": \"GET\"");
    CHECK_HAS(web_request(2), "\"path\": \"/ping/token\"");
    web_stop();
    CHECK(jbi_http_get_secret(url("/ping/token"), 5000, &status, &err) == JB_EIO);
    CHECK(strstr(err.text, "token") == NULL && strstr(err.text, "s3cret") == NULL);
    err = (struct jb_error){0};
    CHECK(jbi_http_get(url("/health"), 5000, &status, &err) == JB_EIO);
    CHECK_HAS(err.text, "/health");
}

static void shown_without_secrets(void)
{
    char shown[HTTP_SHOWN_SIZE];
    err = (struct jb_error){0};
    const char *given = "https://ann:pw@hooks.example:8443/services/T0/B0?key=1#f";
    CHECK(jbi_http_shown(given, shown, &err) == JB_OK);
    CHECK_TEXT(shown, "https://hooks.example:8443/services/T0/B0");
    CHECK(jbi_http_origin(given, shown, &err) == JB_OK);
    CHECK_TEXT(shown, "https://hooks.example:8443");
    CHECK(jbi_http_origin("http://[::1]/x", shown, &err) == JB_OK);
    CHECK_TEXT(shown, "http://[::1]");
    CHECK(jbi_http_origin("file:///etc/passwd", shown, &err) == JB_EINVAL);
    CHECK(strstr(err.text, "passwd") == NULL);
    CHECK(jbi_http_post("ftp://x/", "a/b", NULL, "", 0, 100, &status, &err) == JB_EINVAL);
}

int main(void)
{
    RUN(posts_a_body_with_headers);
    RUN(long_body);
    RUN(refuses_headers_with_more_than_one_line);
    RUN(answers_of_each_kind);
    RUN(no_answer);
    RUN(gets);
    RUN(shown_without_secrets);
    return check_end();
}
