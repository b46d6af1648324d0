/* SPDX-License-Identifier: MIT */
/* Hosts looked up by a thread: what is found, what is not, and who goes first. */
#include "os/lookup.h"

#include <netinet/in.h>
#include <poll.h>

#include "../check.h"

static struct jb_error err;

static int look_up(const char *host, struct lookup **lookup, const struct addrinfo **found)
{
    REQUIRE(jbi_lookup_begin(lookup, host, "587", &err) == JB_OK);
    struct pollfd done = {.fd = jbi_lookup_fd(*lookup), .events = POLLIN};
    REQUIRE(poll(&done, 1, 30000) == 1);
    return jbi_lookup_result(*lookup, found);
}

static void an_address_is_found(void)
{
    struct lookup *lookup;
    const struct addrinfo *found;
    CHECK(look_up("127.0.0.1", &lookup, &found) == 0);
    CHECK(found != NULL && found->ai_family == AF_INET && found->ai_socktype == SOCK_STREAM);
    CHECK(ntohs(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_port) == 587);
    jbi_lookup_end(lookup);
    CHECK(look_up("::1", &lookup, &found) == 0 && found->ai_family == AF_INET6);
    jbi_lookup_end(lookup);
}

static void a_name_may_be_nobodys(void)
{
    struct lookup *lookup;
    const struct addrinfo *found;
    CHECK(look_up("no host", &lookup, &found) != 0 && found == NULL);
    jbi_lookup_end(lookup);
}

static void nobody_has_to_wait(void)
{
    struct lookup *lookup;
    for (int i = 0; i < 20; i++) {
        REQUIRE(jbi_lookup_begin(&lookup, "localhost", "25", &err) == JB_OK);
        jbi_lookup_end(lookup);
    }
    jbi_lookup_end(NULL);
    usleep(200000); /* for the threads, that none is thought to leak */
}

int main(void)
{
    RUN(an_address_is_found);
    RUN(a_name_may_be_nobodys);
    RUN(nobody_has_to_wait);
    return check_end();
}
