/* SPDX-License-Identifier: MIT */
/* RESTORE.txt: how to get the data back where jbackup itself is not at hand. */
#include <string.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/publish.h"

#define NAME "RESTORE.txt"

/* In pieces: a string literal may be no longer than 4095 characters in C11. */
static const char choose[] =
    "HOW TO RESTORE FROM THESE BACKUPS WITHOUT JBACKUP\n"
    "=================================================\n"
    "\n"
    "You need: a shell, sha256sum, tar, gunzip; sqlite3 for SQLite databases; pg_restore and\n"
    "psql for PostgreSQL databases. Nothing here needs jbackup. The commands below only read the\n"
    "backups and write into a new folder of your own, $NEW: nothing of yours is overwritten until "
    "you\n"
    "say so in the last step of each part.\n"
    "\n"
    "Type all of it as the user who owns the backups, or as root, in ONE shell, because the later\n"
    "steps use NEW, TS and CATEGORY from step 1.\n"
    "\n"
    "\n"
    "1. CHOOSE A BACKUP\n"
    "------------------\n"
    "Go to the folder that has this file in it, then list the backups, the newest last:\n"
    "\n"
    "    umask 077\n"
    "    NEW=$(mktemp -d /var/tmp/restore-XXXXXX); echo \"restoring into $NEW\"\n"
    "    cd /path/to/backups\n"
    "    ls -1 */manifest_*.json | sed 's/.*manifest_//' | sort\n"
    "\n"
    "A backup is named by the local time at which it was made: 20240708_143022 is 8 July 2024,\n"
    "14:30:22. Files without a manifest_TS.json of the same time are leavings of an interrupted\n"
    "run: do not use them. Say which backup you want, and in which category it lies (daily, "
    "weekly\n"
    "or monthly):\n"
    "\n"
    "    TS=20240708_143022\n"
    "    CATEGORY=$(dirname */manifest_$TS.json)\n"
    "    cd $CATEGORY && ls -l *_$TS*\n"
    "\n"
    "What is in it, and from where it was taken (\"from\"), says its manifest, a text file:\n"
    "\n"
    "    less manifest_$TS.json\n"
    "\n"
    "\n"
    "2. CHECK THAT IT IS UNDAMAGED\n"
    "-----------------------------\n"
    "    sha256sum -c checksums_$TS.sha256\n"
    "\n"
    "Every line must end in OK. If one says FAILED, that file is damaged: choose another backup,\n"
    "or go on with the files that are OK.\n"
    "\n";

static const char code_and_sqlite[] =
    "\n"
    "3. THE CODE  (if there is a codebase_TS.tar.gz)\n"
    "-----------------------------------------------\n"
    "Look first, then unpack into a new folder. Use sudo for the second command if the files\n"
    "belong to several users; --numeric-owner keeps their numbers.\n"
    "\n"
    "    tar -tvzf codebase_$TS.tar.gz | less\n"
    "    mkdir -p $NEW/code\n"
    "    tar -xpzf codebase_$TS.tar.gz --numeric-owner -C $NEW/code\n"
    "\n"
    "A single file (its name as tar -t shows it):\n"
    "\n"
    "    tar -xpzf codebase_$TS.tar.gz -C $NEW/code 'app/settings.py'\n"
    "\n"
    "The archive leaves some things out on purpose, among them .git and what jbackup.json\n"
    "excludes. Keep the old folder, and take those from it:\n"
    "\n"
    "    sudo systemctl stop YOUR-SERVICE\n"
    "    sudo mv /srv/app /srv/app.old && sudo mv $NEW/code /srv/app\n"
    "    sudo systemctl start YOUR-SERVICE\n"
    "\n"
    "\n"
    "4. SQLITE DATABASES  (if there is a db_TS/sqlite_NAME.db.gz)\n"
    "------------------------------------------------------------\n"
    "Unpack each into a new file, and let sqlite3 check it:\n"
    "\n"
    "    mkdir -p $NEW/databases\n"
    "    for f in db_$TS/sqlite_*.db.gz; do\n"
    "        n=$(basename \"$f\" .gz); gunzip -c \"$f\" > \"$NEW/databases/${n#sqlite_}\"\n"
    "    done\n"
    "    for f in $NEW/databases/*.db; do sqlite3 \"$f\" 'PRAGMA integrity_check'; done\n"
    "\n"
    "Each must say ok. To put one in its place, STOP the application first, and move the old\n"
    "-wal, -shm and -journal files away together with the old database: if an old -wal file "
    "stays,\n"
    "SQLite mixes its rows into the restored database.\n"
    "\n"
    "    sudo systemctl stop YOUR-SERVICE\n"
    "    cd /srv/app/instance && mkdir old\n"
    "    for f in journal.db journal.db-wal journal.db-shm journal.db-journal; do\n"
    "        if [ -e $f ]; then mv $f old/; fi\n"
    "    done\n"
    "    cp $NEW/databases/journal.db journal.db\n"
    "    chown --reference=old/journal.db journal.db; chmod --reference=old/journal.db journal.db\n"
    "    sudo systemctl start YOUR-SERVICE\n"
    "\n";

static const char postgresql[] =
    "\n"
    "5. POSTGRESQL DATABASES  (if there is a db_TS/postgresql_NAME.dump)\n"
    "-------------------------------------------------------------------\n"
    "Go back to the folder of the backup (cd /path/to/backups/$CATEGORY). Restore into a NEW\n"
    "database, look at it, and only then give it the old one's name:\n"
    "\n"
    "    createdb NAME_restored\n"
    "    pg_restore -j 2 --exit-on-error -d NAME_restored db_$TS/postgresql_NAME.dump\n"
    "    psql -d NAME_restored -c '\\dt+'\n"
    "\n"
    "    sudo systemctl stop YOUR-SERVICE\n"
    "    psql -d postgres -c 'ALTER DATABASE \"NAME\" RENAME TO \"NAME_old\"'\n"
    "    psql -d postgres -c 'ALTER DATABASE \"NAME_restored\" RENAME TO \"NAME\"'\n"
    "    sudo systemctl start YOUR-SERVICE\n"
    "\n"
    "If pg_restore says that a role does not exist, make it (createuser ROLE) and begin again, or\n"
    "add --no-owner --no-privileges. The pg_restore must not be older than the pg_dump that made\n"
    "the file: \"server_version\" in the manifest tells. A postgresql_NAME.sql beside it is the "
    "same\n"
    "data as text, for psql -d NAME_restored -f.\n"
    "\n"
    "\n"
    "6. AFTERWARDS\n"
    "-------------\n"
    "Try the application before you remove anything. Then remove what is old (/srv/app.old,\n"
    "instance/old, the database NAME_old), and $NEW: it has all the data in it, "
    "readable.\n";

int jbi_repository_write_restore_text(const struct repository *repository, struct jb_error *err)
{
    scope_text text = {0};
    scope_free char *old = NULL;
    size_t old_len = 0;
    jbi_text_adds(&text, choose);
    jbi_text_adds(&text, code_and_sqlite);
    jbi_text_adds(&text, postgresql);
    if (text.failed)
        return jbi_fail_memory(err);
    if (jbi_file_read(repository->fd, NAME, text.len, &old, &old_len, NULL) == JB_OK &&
        old_len == text.len && memcmp(old, text.at, text.len) == 0)
        return JB_OK;
    return jbi_file_write_atomic(repository->fd, NAME, text.at, text.len, 0600, err);
}
