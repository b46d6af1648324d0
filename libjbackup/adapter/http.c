/* SPDX-License-Identifier: MIT */
/* HTTP by libcurl. Invariant: no text made here holds more of a URL than jbi_http_shown lets
 * through; curl's own words for an error are those for its number, which hold nothing of it. */
#include "adapter/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define BODY_MAX      (1u << 20)
#define REDIRECTS_MAX 5

/* ---- URLs ---------------------------------------------------------------------------------- */

static bool is_http(CURLU *url)
{
    char *scheme = NULL;
    bool ok = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return ok;
}

static bool strip(CURLU *url, bool with_path)
{
    static const CURLUPart parts[] = {CURLUPART_USER,  CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                      CURLUPART_QUERY, CURLUPART_FRAGMENT, CURLUPART_PATH};
    size_t count = sizeof parts / sizeof *parts - (with_path ? 0 : 1);
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        ok = ok && curl_url_set(url, parts[i], NULL, 0) == CURLUE_OK;
    return ok;
}

static int show(const char *text, bool without_path, char to[HTTP_SHOWN_SIZE], struct jb_error *err)
{
    char *shown = NULL;
    CURLU *url = curl_url();
    if (url == NULL)
        return jbi_fail_memory(err);
    CURLUcode rc = curl_url_set(url, CURLUPART_URL, text, 0);
    bool ok = rc == CURLUE_OK && is_http(url);
    bool fits =
        ok && strip(url, without_path) && curl_url_get(url, CURLUPART_URL, &shown, 0) == CURLUE_OK;
    if (fits)
        snprintf(to, HTTP_SHOWN_SIZE, "%s", shown);
    size_t len = fits ? strlen(to) : 0;
    if (without_path && len > 0 && to[len - 1] == '/')
        to[len - 1] = '\0';
    curl_free(shown);
    curl_url_cleanup(url);
    if (rc == CURLUE_OUT_OF_MEMORY || (ok && !fits))
        return jbi_fail_memory(err);
    return ok ? JB_OK : jbi_fail(err, JB_EINVAL, "not a URL that begins with http:// or https://");
}

int jbi_http_shown(const char *url, char to[HTTP_SHOWN_SIZE], struct jb_error *err)
{
    return show(url, false, to, err);
}

int jbi_http_origin(const char *url, char to[HTTP_SHOWN_SIZE], struct jb_error *err)
{
    return show(url, true, to, err);
}

/* ---- Requests ------------------------------------------------------------------------------ */

struct request {
    const char *url;
    char shown[HTTP_SHOWN_SIZE]; /* what error texts say */
    int timeout_ms;
    bool follows;
    const void *body; /* NULL: GET */
    size_t len;
    struct curl_slist *headers;
};

static void set_up(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t drop(char *bytes, size_t size, size_t count, void *user)
{
    size_t *left = user, len = size * count;
    (void)bytes;
    if (len > *left)
        return 0;
    *left -= len;
    return len;
}

static bool choose(CURL *curl, const struct request *request, size_t *left)
{
    return curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
#if LIBCURL_VERSION_NUM >= 0x075500
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
#else
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) ==
               CURLE_OK &&
#endif
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request->follows ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "jbackup/" JBACKUP_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, left) == CURLE_OK;
}

static bool choose_body(CURL *curl, const struct request *request)
{
    if (request->body == NULL)
        return true;
    return curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers) == CURLE_OK;
}

static int fail_request(CURL *curl, CURLcode rc, const char *shown, struct jb_error *err)
{
    long number = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    const char *why =
        number > 0 && rc == CURLE_COULDNT_CONNECT ? strerrordesc_np((int)number) : NULL;
    jbi_fail(err, JB_EIO, "no answer from %s: %s", shown, why ? why : curl_easy_strerror(rc));
    if (err != NULL && err->sys_errno == 0)
        err->sys_errno = (int)number;
    return JB_EIO;
}

static int perform(const struct request *request, int *status, struct jb_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t left = BODY_MAX;
    long answer = 0;
    int code = JB_OK;
    pthread_once(&once, set_up);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return jbi_fail_memory(err);
    if (!choose(curl, request, &left) || !choose_body(curl, request)) {
        curl_easy_cleanup(curl);
        return jbi_fail(err, JB_EUNSUPPORTED, "this libcurl can't ask for %s", request->shown);
    }
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    /* A body without end is not waited for: the status has come. */
    if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && answer > 0))
        code = fail_request(curl, rc, request->shown, err);
    *status = (int)answer;
    curl_easy_cleanup(curl);
    return code;
}

int jbi_http_get(const char *url, int timeout_ms, int *status, struct jb_error *err)
{
    struct request request = {.url = url, .timeout_ms = timeout_ms, .follows = true};
    int code = jbi_http_shown(url, request.shown, err);
    return code < 0 ? code : perform(&request, status, err);
}

int jbi_http_get_secret(const char *url, int timeout_ms, int *status, struct jb_error *err)
{
    struct request request = {.url = url, .timeout_ms = timeout_ms, .follows = true};
    int code = jbi_http_origin(url, request.shown, err);
    return code < 0 ? code : perform(&request, status, err);
}

/* ---- POST ---------------------------------------------------------------------------------- */

static bool is_one_line(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static int add_header(struct request *request, const char *header, struct jb_error *err)
{
    if (!is_one_line(header))
        return jbi_fail(err, JB_EINVAL, "a control character in a header for %s", request->shown);
    struct curl_slist *longer = curl_slist_append(request->headers, header);
    if (longer == NULL)
        return jbi_fail_memory(err);
    request->headers = longer;
    return JB_OK;
}

int jbi_http_post(const char *url, const char *content_type, const char *const *headers,
                  const void *body, size_t len, int timeout_ms, int *status, struct jb_error *err)
{
    struct request request = {.url = url, .timeout_ms = timeout_ms, .body = body, .len = len};
    char type[128];
    int code = jbi_http_origin(url, request.shown, err);
    snprintf(type, sizeof type, "Content-Type: %s", content_type);
    if (code == JB_OK)
        code = add_header(&request, type, err);
    /* Without it a server that does not know the word is waited for. */
    if (code == JB_OK)
        code = add_header(&request, "Expect:", err);
    for (size_t i = 0; code == JB_OK && headers != NULL && headers[i] != NULL; i++)
        code = add_header(&request, headers[i], err);
    if (code == JB_OK)
        code = perform(&request, status, err);
    curl_slist_free_all(request.headers);
    return code;
}
