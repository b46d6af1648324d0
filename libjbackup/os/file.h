/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_FILE_H
#define JBI_OS_FILE_H

#include <jbackup.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Reads or writes until done, over short counts and EINTR. -1 with errno on failure;
 * the readers return less than len only at the end of the file. */
ssize_t jbi_read_full(int fd, void *to, size_t len);
ssize_t jbi_pread_full(int fd, void *to, size_t len, uint64_t offset);
int jbi_write_full(int fd, const void *from, size_t len);

/* Reads a regular file of at most limit bytes; *out is malloc'd and NUL-terminated. The last
 * component is not followed if it is a symbolic link. Absent: JB_ENOTFOUND. */
int jbi_file_read(int dir_fd, const char *path, size_t limit, char **out, size_t *len,
                  struct jb_error *err);

/* The same, but a symbolic link is followed: for files that the user keeps where he likes. */
int jbi_file_read_linked(int dir_fd, const char *path, size_t limit, char **out, size_t *len,
                         struct jb_error *err);

/* Temporary name, write, fsync, rename over name, fsync the folder: the file is old or new. */
int jbi_file_write_atomic(int dir_fd, const char *name, const char *from, size_t len, mode_t mode,
                          struct jb_error *err);

/* Whether two files hold the same bytes, by reading both from their beginning: 1, 0, or a negative
 * code. The descriptors' offsets are not moved. */
int jbi_file_equal(int a, int b, struct jb_error *err);

/* Removes a file or a folder with all in it; follows no symbolic link; absent is fine. */
int jbi_remove_tree(int dir_fd, const char *name, struct jb_error *err);

/* Opens a regular file to read, path relative to dir_fd: no symbolic link is followed on the way,
 * and what is no regular file (a FIFO, say) is refused. Absent: JB_ENOTFOUND; not such a file:
 * JB_ECORRUPT. */
int jbi_open_regular(int dir_fd, const char *path, int *out, struct jb_error *err);

/* Opens a folder, no symbolic link followed at its end. path is for the error text. */
int jbi_open_dir(int dir_fd, const char *name, int *out, struct jb_error *err);

/* Opens the folder at the first len bytes of path below dir_fd, making what is missing with this
 * mode; no symbolic link is followed. The descriptor, or -1 with errno. */
int jbi_make_path(int dir_fd, const char *path, size_t len, mode_t mode);
/* The same without making any. */
int jbi_open_path(int dir_fd, const char *path, size_t len);

#endif
