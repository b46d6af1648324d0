/* SPDX-License-Identifier: MIT */
/*
 * TLS of a mail session: an SSL_CTX of its own for each (libesmtp frees the one that it would make
 * while it goes on using it), which checks the chain and the name within the handshake. Invariant:
 * is_up only with a certificate that is good for the host that was asked for.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/smtp_parts.h"
#include "base/error.h"

static struct smtp_trust *trust_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* libesmtp does not name the host that it wants to talk to, and hosts of many names need that.
 *
 * With TLS 1.3 the server's session tickets come right after the handshake, at a time when libesmtp
 * has not sent its EHLO yet but would, seeing that there is something to read, wait for the answer
 * to it. So the server's bytes are held back from the end of its part of the handshake on, until
 * EHLO goes out (smtp_session.c). */
static void follow_handshake(const SSL *ssl, int where, int value)
{
    struct smtp_trust *trust = trust_of(ssl);
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) && !trust->is_address &&
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) == NULL)
        SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, trust->host);
    if (where == SSL_CB_CONNECT_LOOP && SSL_version(ssl) >= TLS1_3_VERSION &&
        SSL_get_state(ssl) == TLS_ST_CR_FINISHED)
        jbi_smtp_gate_set(trust->gate, &trust->gate->is_held, true);
}

/* Keeps the first reason; the handshake fails with it. */
static int judge_certificate(int is_good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct smtp_trust *trust = trust_of(ssl);
    if (!is_good && trust->why == X509_V_OK)
        trust->why = X509_STORE_CTX_get_error(store);
    return is_good;
}

static bool expect_host(struct smtp_trust *trust)
{
    X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(trust->context);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    trust->is_address = X509_VERIFY_PARAM_set1_ip_asc(wanted, trust->host) == 1;
    return trust->is_address || X509_VERIFY_PARAM_set1_host(wanted, trust->host, 0) == 1;
}

static int fail_tls(struct jb_error *err, const char *what)
{
    unsigned long number = ERR_peek_last_error();
    const char *why = ERR_reason_error_string(number);
    ERR_clear_error();
    return jbi_fail(err, JB_EIO, "%s: %s", what, why != NULL ? why : "no reason given");
}

static int load_authorities(SSL_CTX *context, const char *file, struct jb_error *err)
{
    if (file == NULL)
        return SSL_CTX_set_default_verify_paths(context) == 1
                   ? JB_OK
                   : fail_tls(err, "cannot find the system's certificate authorities");
    if (SSL_CTX_load_verify_locations(context, file, NULL) == 1)
        return JB_OK;
    ERR_clear_error();
    jbi_fail(err, JB_EINVAL, "cannot read a certificate from the CA file \"%s\"", file);
    jbi_hint(err, "MAIL_CA_FILE names a readable file of certificates (PEM)");
    return JB_EINVAL;
}

/* libesmtp looks into the user's folder for a certificate to show to the host, which for it is the
 * relay's. It gives up if it can't look, and uses memory that is freed if there is one. */
static int check_own_file(struct jb_error *err)
{
    char path[PATH_MAX];
    const char *folder = getenv("XDG_CONFIG_DIR"), *home = getenv("HOME");
    struct stat st;
    if (folder != NULL)
        snprintf(path, sizeof path, "%s/libesmtp/private/127.0.0.1.pem", folder);
    else
        snprintf(path, sizeof path, "%s/.config/libesmtp/private/127.0.0.1.pem",
                 home != NULL ? home : "(null)");
    if (stat(path, &st) < 0 && errno == ENOENT)
        return JB_OK;
    jbi_fail(err, JB_EIO, "libesmtp cannot do TLS because of \"%s\"", path);
    jbi_hint(err, "remove that file if it is there, or set XDG_CONFIG_DIR=/nonexistent for the "
                  "program (in a unit: Environment=)");
    return JB_EIO;
}

int jbi_smtp_trust_begin(struct smtp_trust *trust, const struct smtp_server *server,
                         struct smtp_gate *gate, struct jb_error *err)
{
    trust->host = server->host;
    trust->gate = gate;
    if (server->tls == SMTP_TLS_OFF)
        return JB_OK;
    int code = check_own_file(err);
    if (code < 0)
        return code;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    trust->context = context;
    if (context == NULL)
        return fail_tls(err, "cannot prepare TLS");
    SSL_CTX_set_app_data(context, trust);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, judge_certificate);
    SSL_CTX_set_info_callback(context, follow_handshake);
    if (!expect_host(trust))
        return fail_tls(err, "cannot prepare TLS");
    return load_authorities(context, server->ca_file, err);
}

void jbi_smtp_trust_end(struct smtp_trust *trust)
{
    SSL_CTX_free(trust->context);
    trust->context = NULL;
}

bool jbi_smtp_is_trusted(const struct smtp_trust *trust, void *ssl)
{
    return ssl != NULL && trust->context != NULL && trust->why == X509_V_OK &&
           (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0 &&
           SSL_get_verify_result(ssl) == X509_V_OK && SSL_get0_peer_certificate(ssl) != NULL;
}

void jbi_smtp_trust_note(struct smtp_trust *trust)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    if (why != NULL && trust->said[0] == '\0')
        snprintf(trust->said, sizeof trust->said, "%s", why);
    ERR_clear_error();
}

const char *jbi_smtp_trust_why(const struct smtp_trust *trust)
{
    return trust->why != X509_V_OK ? X509_verify_cert_error_string(trust->why) : trust->said;
}
