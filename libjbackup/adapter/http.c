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

static bool strip(CURLU *url)
{
    static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                      CURLUPART_QUERY, CURLUPART_FRAGMENT};
    bool ok = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ok = ok && curl_url_set(url, parts[i], NULL, 0) == CURLUE_OK;
    return ok;
}

int jbi_http_shown(const char *text, char to[HTTP_SHOWN_SIZE], struct jb_error *err)
{
    char *shown = NULL;
    CURLU *url = curl_url();
    if (url == NULL)
        return jbi_fail_memory(err);
    CURLUcode rc = curl_url_set(url, CURLUPART_URL, text, 0);
    bool ok = rc == CURLUE_OK && is_http(url);
    bool fits = ok && strip(url) && curl_url_get(url, CURLUPART_URL, &shown, 0) == CURLUE_OK;
    if (fits)
        snprintf(to, HTTP_SHOWN_SIZE, "%s", shown);
    curl_free(shown);
    curl_url_cleanup(url);
    if (rc == CURLUE_OUT_OF_MEMORY || (ok && !fits))
        return jbi_fail_memory(err);
    return ok ? JB_OK : jbi_fail(err, JB_EINVAL, "not a URL that begins with http:// or https://");
}

/* ---- GET ----------------------------------------------------------------------------------- */

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

static bool choose(CURL *curl, const char *url, int timeout_ms, size_t *left)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
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
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "jbackup/" JBACKUP_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, left) == CURLE_OK;
}

static int fail_get(CURL *curl, CURLcode rc, const char *shown, struct jb_error *err)
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

int jbi_http_get(const char *url, int timeout_ms, int *status, struct jb_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char shown[HTTP_SHOWN_SIZE];
    size_t left = BODY_MAX;
    long answer = 0;
    pthread_once(&once, set_up);
    int code = jbi_http_shown(url, shown, err);
    if (code < 0)
        return code;
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return jbi_fail_memory(err);
    if (!choose(curl, url, timeout_ms, &left)) {
        curl_easy_cleanup(curl);
        return jbi_fail(err, JB_EUNSUPPORTED, "this libcurl can't ask for %s", shown);
    }
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    /* A body without end is not waited for: the status has come. */
    if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && answer > 0))
        code = fail_get(curl, rc, shown, err);
    *status = (int)answer;
    curl_easy_cleanup(curl);
    return code;
}
