/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_SCRATCH_H
#define JBI_SOURCE_POSTGRESQL_SCRATCH_H

#include "adapter/postgres.h"
#include "source/postgresql.h"
#include "source/source.h"

/*
 * A place to restore a dump to, of which nothing is left: a new database on the server that the
 * source names, or, where there is none or it lets us make none, on a cluster of our own.
 *
 * What carries our mark, and nobody holds, is removed by the next begin:
 * - a database jbackup_scratch_<8 hex digits>_<8 hex digits>, the first of them a hash of the
 *   source's database and this host: the name is the mark, so it is there from the first instant.
 *   Held by an advisory lock (of the source's database, its key from the name) from before it is
 *   made. Its comment is for people; where somebody gave it another, or is connected to it, it is
 *   left alone;
 * - a folder jbackup-cluster-<8 hex digits> of ours in TMPDIR or /var/tmp, held by a kernel lock,
 *   with what runs in it.
 *
 * A cluster of our own runs as we do; as root, which PostgreSQL refuses, as the user postgres. It
 * listens on nothing but a socket in its own data folder, which that user and root alone can enter,
 * and ends with the thread that began it.
 */
struct postgresql_scratch;

/* source may be NULL: a cluster of our own. dump says encoding, collation, ctype, versions,
 * settings, extensions. The restored database does not keep owners, grants and tablespaces.
 * JB_EUNSUPPORTED: neither is possible; the text says why for both. JB_ECANCELED: where the server
 * was making a database and did not answer within a moment, that stays until the next begin. */
int jbi_postgresql_scratch_begin(struct postgresql_scratch **out,
                                 const struct postgresql_source *source,
                                 const struct artifact *dump, const struct source_job *job,
                                 struct jb_error *err);
/* Where it is, "a database on the server" or "a cluster of its own": for people. */
const char *jbi_postgresql_scratch_kind(const struct postgresql_scratch *scratch);
bool jbi_postgresql_scratch_is_cluster(const struct postgresql_scratch *scratch);
/* Why it is not on the server that the source names; "": it is, or none is named. */
const char *jbi_postgresql_scratch_why(const struct postgresql_scratch *scratch);
int jbi_postgresql_scratch_server_major(const struct postgresql_scratch *scratch);
const struct postgres_tools *jbi_postgresql_scratch_tools(const struct postgresql_scratch *scratch);
const struct postgres_login *jbi_postgresql_scratch_login(const struct postgresql_scratch *scratch);
/* Makes, on a cluster of our own, the roles that the globals of a backup name, which policies and
 * user mappings need: without rights or passwords. Of the file only the lines "CREATE ROLE name;"
 * count, and of them the name. Elsewhere nothing is done. */
int jbi_postgresql_scratch_roles(struct postgresql_scratch *scratch, int globals_fd,
                                 struct jb_error *err);
/* Whether its server still answers. */
bool jbi_postgresql_scratch_is_alive(struct postgresql_scratch *scratch);
/* The job was canceled: its end will not wait for a server that is silent. NULL is fine. */
void jbi_postgresql_scratch_hurry(struct postgresql_scratch *scratch);
/* Removes it, also after a failure. NULL is fine. */
void jbi_postgresql_scratch_end(struct postgresql_scratch *scratch);

/* Removes what killed runs left, as begin does; source may be NULL. */
void jbi_postgresql_scratch_clear(const struct postgresql_source *source,
                                  const struct source_job *job);

#endif
