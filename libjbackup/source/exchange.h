/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_EXCHANGE_H
#define JBI_SOURCE_EXCHANGE_H

#include <time.h>

#include "adapter/json.h"
#include "base/arena.h"

/*
 * Entries of two folders, live and aside, that change places by renames: each name of one side with
 * the same name of the other, or with nothing. Which of them is in place is told by inode numbers
 * (of the new one by its time of birth, too: an application may have replaced it, and numbers are
 * used again), so the renames can be done and undone again after a crash at any of them. What is
 * carried lies in an entry that is exchanged, and stays where it is for whoever looks at live: it
 * is moved first, and back last.
 *
 * By descriptors, component by component: no symbolic link is followed. Nothing is overwritten.
 * Where names can't be exchanged at once (RENAME_EXCHANGE), three renames go through "between" in
 * the folder beside.
 */
struct exchange_item {
    const char *path;  /* on both sides */
    uint64_t old, new; /* inode number; 0: there is none */
    int64_t born_s;    /* of the new one; 0: not known */
    uint32_t born_ns;
    bool is_carried;
    size_t within; /* carried: the item that it lies in */
};

/* A folder that is given back its mode and time when all is in its place, wherever it is then. */
struct exchange_folder {
    const char *path; /* on either side */
    uint64_t inode;
    unsigned mode;
    struct timespec mtime;
};

struct exchange {
    struct arena *arena;
    struct exchange_item *items;
    size_t count, room;
    struct exchange_folder *folders;
    size_t folder_count, folder_room;
};

struct exchange_sides {
    int live_fd, aside_fd; /* aside_fd -1: there is nothing any more */
    int beside_fd;
};

/* What lies under an item's path at present. */
struct exchange_found {
    bool is_there, is_old, is_new; /* neither old nor new: a stranger */
};
struct exchange_look {
    struct exchange_found live, aside;
};

/* The texts are copied. A carried item comes after the one that it lies in; JB_ECORRUPT. */
int jbi_exchange_add(struct exchange *exchange, const struct exchange_item *item,
                     struct jb_error *err);
int jbi_exchange_add_folder(struct exchange *exchange, const struct exchange_folder *folder,
                            struct jb_error *err);

/* Does what is missing. Everything is looked at before the first rename: what is neither old nor
 * new is an error then. Durable when it returns. */
int jbi_exchange_do(const struct exchange *exchange, const struct exchange_sides *sides,
                    struct jb_error *err);
/* Undoes what is done, all of it that can be; the first error is kept. A stranger that took the
 * place of a new one goes aside in its stead. */
int jbi_exchange_undo(const struct exchange *exchange, const struct exchange_sides *sides,
                      struct jb_error *err);

int jbi_exchange_look(const struct exchange *exchange, const struct exchange_sides *sides,
                      size_t index, struct exchange_look *look, struct jb_error *err);
/* Whether nothing of the old state lies aside, or else nothing of it is in place: only then may
 * what is aside be removed. */
int jbi_exchange_check_whole(const struct exchange *exchange, const struct exchange_sides *sides,
                             struct jb_error *err);

struct json *jbi_exchange_print(const struct exchange *exchange); /* NULL: out of memory */
/* The text is hostile: JB_ECORRUPT. exchange->arena is set, all else 0. */
int jbi_exchange_parse(struct exchange *exchange, const struct json *json, struct jb_error *err);

/* "key": text, or "key_hex" if it is not UTF-8; false: out of memory. */
bool jbi_journal_set_path(struct json *object, const char *key, const char *path);
/* NULL: absent, or not a path that jbi_is_safe_path. */
const char *jbi_journal_get_path(const struct json *object, const char *key, struct arena *arena);

/* Inode number, and time of birth if wanted; false and errno. */
struct exchange_identity {
    uint64_t inode;
    int64_t born_s;
    uint32_t born_ns;
    unsigned mode; /* with the type */
    struct timespec mtime;
};
bool jbi_identify(int dir_fd, const char *name, struct exchange_identity *identity);

#endif
