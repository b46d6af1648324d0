/* SPDX-License-Identifier: MIT */
#include "adapter/json.h"

#include <stdint.h>

#include "../check.h"

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct jb_error err = {0};
    CHECK(jbi_json_parse(&json, text, strlen(text), "x.json", &err) == JB_OK);
    return json;
}

static void prints_what_was_set_in_order(void)
{
    struct json *object = jbi_json_object(), *array = jbi_json_array();
    CHECK(jbi_json_push_text(array, "a\n\"\xc3\xa9") && jbi_json_push(array, jbi_json_object()));
    CHECK(jbi_json_set_int(object, "z", INT64_MIN) && jbi_json_set_real(object, "y", 5.7));
    CHECK(jbi_json_set_bool(object, "x", false) && jbi_json_set_text(object, "w", NULL));
    CHECK(jbi_json_set(object, "v", array) && jbi_json_set_text(object, "u", "t"));
    CHECK(!jbi_json_set(object, "n", NULL) && !jbi_json_set_text(object, "n", "\xff"));
    CHECK(!jbi_json_set_int(NULL, "n", 1) && !jbi_json_push_text(NULL, "n"));
    char *text = jbi_json_print(object, 0);
    CHECK_TEXT(text, "{\"z\": -9223372036854775808, \"y\": 5.7, \"x\": false, \"w\": null, "
                     "\"v\": [\"a\\n\\\"\xc3\xa9\", {}], \"u\": \"t\"}");
    CHECK_TEXT(jbi_json_key(object, 0), "z");
    CHECK_TEXT(jbi_json_key(object, 5), "u");
    CHECK(jbi_json_key(object, 6) == NULL);
    free(text);
    jbi_json_free(object);
}

static void getters_take_their_kind_only(void)
{
    int64_t number = 7;
    double real = 7;
    bool truth = true;
    scope_json *json = parse("{\"i\":-3,\"r\":2.5,\"t\":\"x\",\"b\":true,\"n\":null,\"a\":[1]}");
    CHECK(jbi_json_int(jbi_json_get(json, "i"), &number) && number == -3);
    CHECK(!jbi_json_int(jbi_json_get(json, "r"), &number) && number == -3);
    CHECK(jbi_json_real(jbi_json_get(json, "i"), &real) && real < -2.9);
    CHECK(!jbi_json_real(jbi_json_get(json, "t"), &real));
    CHECK(!jbi_json_bool(jbi_json_get(json, "n"), &truth) && truth);
    CHECK(jbi_json_text(jbi_json_get(json, "i")) == NULL);
    CHECK(jbi_json_get(json, "absent") == NULL && jbi_json_get(NULL, "a") == NULL);
    CHECK(jbi_json_is_null(NULL) && jbi_json_is_null(jbi_json_get(json, "n")));
    CHECK(jbi_json_length(jbi_json_get(json, "a")) == 1 && jbi_json_length(json) == 0);
    CHECK(jbi_json_at(jbi_json_get(json, "a"), 1) == NULL && jbi_json_at(json, 0) == NULL);
    CHECK(jbi_json_print(NULL, 0) == NULL);
    static const char *const kinds[] = {"i", "a number", "r", "a number",      "t", "a text",
                                        "a", "a list",   "b", "true or false", "n", "null"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i += 2)
        CHECK_TEXT(jbi_json_kind(jbi_json_get(json, kinds[i])), kinds[i + 1]);
    CHECK_TEXT(jbi_json_kind(json), "an object");
    CHECK_TEXT(jbi_json_kind(NULL), "nothing");
}

static void refuses_what_is_not_json(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":01}",
        "[1,]",
        "\"\xff\"",
        "nul",
        "{'a':1}",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "[1e999]",
        "[NaN]",
        "\"a\nb\"",
        "[99999999999999999999]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json *json = NULL;
        struct jb_error err = {0};
        int code = jbi_json_parse(&json, bad[i], strlen(bad[i]), "x.json", &err);
        CHECK(code == JB_EINVAL && err.code == JB_EINVAL && json == NULL);
        CHECK_HAS(err.text, "x.json, line ");
    }
    struct json *json = NULL;
    struct jb_error err = {0};
    CHECK(jbi_json_parse(&json, "{\n\"a\": 1\n\"b\": 2}", 17, "x.json", &err) == JB_EINVAL);
    CHECK_HAS(err.text, "line 3");
    char *deep = malloc(200000);
    REQUIRE(deep != NULL);
    memset(deep, '[', 200000);
    CHECK(jbi_json_parse(&json, deep, 200000, "x.json", NULL) == JB_EINVAL);
    free(deep);
}

static void finds_the_line_of_a_key(void)
{
    static const char text[] = "{\n \"name\": \"root\",\n \"environments\": {\n  \"staging\": {\n"
                               "   \"root\" : 5 } },\n \"root\": 6 }";
    const char *const inner[] = {"environments", "staging", "root"};
    const char *const absent[] = {"environments", "production"};
    CHECK(jbi_json_line(text, inner, 3) == 5 && jbi_json_line(text, inner, 1) == 3);
    CHECK(jbi_json_line(text, absent, 2) == 0 && jbi_json_line(text, inner, 0) == 0);
}

int main(void)
{
    RUN(prints_what_was_set_in_order);
    RUN(getters_take_their_kind_only);
    RUN(refuses_what_is_not_json);
    RUN(finds_the_line_of_a_key);
    return check_end();
}
