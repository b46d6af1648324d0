/* SPDX-License-Identifier: MIT */
/*
 * The relay between libesmtp and the server. Invariant: it never blocks but in poll, which the
 * deadline ends; between the server's answer to STARTTLS and the client's first byte of TLS no byte
 * of the server passes; once the gate is shut no byte goes to the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/smtp_parts.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"

#define LEAVE_MS 2000 /* for QUIT, when all is decided */
#define STARTTLS "STARTTLS\r\n"

void jbi_smtp_gate_set(struct smtp_gate *gate, atomic_bool *which, bool value)
{
    atomic_store(which, value);
    eventfd_write(gate->wake_fd, 1);
}

/* ---- The loopback ---- */

int jbi_smtp_relay_begin(struct smtp_relay *relay, int server_fd, struct smtp_gate *gate,
                         struct jb_error *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    relay->server_fd = server_fd;
    relay->client_fd = -1;
    relay->gate = gate;
    relay->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (relay->listen_fd < 0 || bind(relay->listen_fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        listen(relay->listen_fd, 4) < 0 ||
        getsockname(relay->listen_fd, (struct sockaddr *)&at, &len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot listen on the loopback to send mail");
    relay->port = ntohs(at.sin_port);
    return JB_OK;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void jbi_smtp_relay_end(struct smtp_relay *relay)
{
    close_one(&relay->client_fd);
    close_one(&relay->server_fd);
    close_one(&relay->listen_fd);
}

static bool is_same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_family == AF_INET && b->sin_family == AF_INET && a->sin_port == b->sin_port &&
           a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Whether fd's two ends are these. */
static bool has_ends(int fd, const struct sockaddr_in *own, const struct sockaddr_in *peer)
{
    struct sockaddr_in a = {0}, b = {0};
    socklen_t a_len = sizeof a, b_len = sizeof b;
    return getsockname(fd, (struct sockaddr *)&a, &a_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&b, &b_len) == 0 && is_same(&a, own) &&
           is_same(&b, peer);
}

/* Whether the other end of the connection is ours, not of another user of the machine who has found
 * the port. libesmtp's descriptor is made close-on-exec on the way. Without /proc it can't be told.
 */
static bool is_ours(int fd)
{
    struct sockaddr_in own = {0}, peer = {0};
    socklen_t own_len = sizeof own, peer_len = sizeof peer;
    scope_dir DIR *all = opendir("/proc/self/fd");
    if (all == NULL)
        return true;
    if (getsockname(fd, (struct sockaddr *)&own, &own_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0)
        return false;
    for (struct dirent *each; (each = readdir(all)) != NULL;) {
        int other = atoi(each->d_name);
        if (each->d_name[0] != '.' && has_ends(other, &peer, &own)) {
            fcntl(other, F_SETFD, FD_CLOEXEC);
            return true;
        }
    }
    return false;
}

static void take_client(struct smtp_relay *relay)
{
    const int on = 1;
    int fd = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (relay->client_fd >= 0 || !is_ours(fd)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    relay->client_fd = fd;
}

/* ---- Before TLS ---- */

/* The client's bytes. */
static void watch_up(struct smtp_relay *relay)
{
    const struct relay_half *up = &relay->up;
    size_t len = strlen(STARTTLS);
    if (relay->state == RELAY_ANSWERED)
        relay->state = RELAY_RAW;
    else if (relay->state == RELAY_PLAIN && up->end >= len &&
             memcmp(up->bytes + up->end - len, STARTTLS, len) == 0)
        relay->state = RELAY_ASKED;
}

/* The server's: with its answer to STARTTLS its turn ends. What follows in the clear would be read
 * as if it had been said within TLS. */
static void watch_down(struct smtp_relay *relay)
{
    struct relay_half *down = &relay->down;
    for (size_t i = down->begin; i < down->end; i++) {
        if (relay->state == RELAY_ANSWERED) {
            relay->is_injected = true;
            return;
        }
        if (down->bytes[i] != '\n') {
            if (relay->column < sizeof relay->answer)
                relay->answer[relay->column++] = (char)down->bytes[i];
            continue;
        }
        bool is_last = relay->column < sizeof relay->answer || relay->answer[3] != '-';
        if (relay->state == RELAY_ASKED && is_last)
            relay->state = memcmp(relay->answer, "220", 3) == 0 ? RELAY_ANSWERED : RELAY_PLAIN;
        relay->column = 0;
    }
}

/* ---- Passing on ---- */

static bool is_empty(const struct relay_half *half)
{
    return half->begin == half->end;
}

/* Takes what has come; true: something has. */
static bool take(struct relay_half *half, int fd)
{
    ssize_t got = recv(fd, half->bytes, sizeof half->bytes, 0);
    half->begin = half->end = 0;
    if (got > 0)
        half->end = (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        half->is_ended = true;
    return got > 0;
}

/* Passes on what there is. What nobody takes any more is dropped, so that the sender goes on. */
static void give(struct relay_half *half, int fd)
{
    if (is_empty(half))
        return;
    ssize_t gone = send(fd, half->bytes + half->begin, half->end - half->begin, MSG_NOSIGNAL);
    if (gone < 0 && errno != EAGAIN && errno != EINTR)
        half->is_broken = true;
    if (half->is_broken)
        half->begin = half->end;
    else if (gone > 0)
        half->begin += (size_t)gone;
}

static void pass_down(struct smtp_relay *relay, bool has_come)
{
    struct relay_half *down = &relay->down;
    if (has_come && take(down, relay->server_fd) && relay->is_watched && relay->state != RELAY_RAW)
        watch_down(relay);
    if (relay->is_injected || relay->client_fd < 0)
        return;
    give(down, relay->client_fd);
    /* libesmtp reads what is left, and then the end. */
    if (down->is_ended && is_empty(down))
        shutdown(relay->client_fd, SHUT_WR);
}

static void pass_up(struct smtp_relay *relay, bool has_come)
{
    struct relay_half *up = &relay->up;
    if (has_come && take(up, relay->client_fd)) {
        /* The worker says so before it sends what must not go out. */
        if (atomic_load(&relay->gate->is_shut))
            up->begin = up->end;
        else if (relay->is_watched)
            watch_up(relay);
    }
    bool was_broken = up->is_broken;
    give(up, relay->server_fd);
    /* What is lost of a farewell is no loss. */
    if (up->is_broken && !was_broken && !atomic_load(&relay->gate->is_leaving))
        relay->is_cut = true;
}

/* ---- The loop ---- */

enum { WAKE, LISTEN, CLIENT, SERVER, ENDS };

static struct pollfd wanted(int fd, bool to_read, bool to_write)
{
    short events = (short)((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
    return (struct pollfd){.fd = events != 0 ? fd : -1, .events = events};
}

static void choose(const struct smtp_relay *relay, struct pollfd at[ENDS])
{
    const struct relay_half *up = &relay->up, *down = &relay->down;
    bool is_held = atomic_load(&relay->gate->is_held);
    at[WAKE] = wanted(relay->gate->wake_fd, true, false);
    at[LISTEN] = wanted(relay->listen_fd, true, false);
    at[CLIENT] = wanted(relay->client_fd, is_empty(up) && !up->is_ended, !is_empty(down));
    at[SERVER] =
        wanted(relay->server_fd, is_empty(down) && !down->is_ended && !is_held, !is_empty(up));
}

static bool is_over(const struct smtp_relay *relay)
{
    return relay->is_injected || atomic_load(&relay->gate->is_done) ||
           atomic_load(&relay->gate->is_shut);
}

/* One round; false: the time is up. */
static bool turn(struct smtp_relay *relay)
{
    struct pollfd at[ENDS];
    eventfd_t count;
    int64_t now = jbi_monotonic_ms();
    if (atomic_load(&relay->gate->is_leaving) && relay->until_ms > now + LEAVE_MS)
        relay->until_ms = now + LEAVE_MS;
    if (now >= relay->until_ms)
        return false;
    choose(relay, at);
    if (poll(at, ENDS, (int)(relay->until_ms - now)) < 0)
        return errno == EINTR;
    if (at[WAKE].revents != 0)
        eventfd_read(relay->gate->wake_fd, &count);
    if (at[LISTEN].revents != 0)
        take_client(relay);
    pass_down(relay, at[SERVER].revents & ~POLLOUT && at[SERVER].events & POLLIN);
    if (!relay->is_injected && relay->client_fd >= 0)
        pass_up(relay, at[CLIENT].revents & ~POLLOUT && at[CLIENT].events & POLLIN);
    return true;
}

void jbi_smtp_relay_run(struct smtp_relay *relay)
{
    char byte;
    while (!is_over(relay) && !relay->is_late)
        relay->is_late = !turn(relay);
    /* Of a worker that leaves, only its farewell may still be on the way here. */
    relay->is_all_sent = !relay->is_cut && is_empty(&relay->up) && relay->client_fd >= 0 &&
                         (atomic_load(&relay->gate->is_leaving) ||
                          recv(relay->client_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0);
    close_one(&relay->client_fd);
    close_one(&relay->server_fd);
}
