/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over every file of the folders given and prints TAP. A folder without a file
 * is a failure: nothing was tried.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int number, failed;

static void tell(bool ok, const char *name)
{
    failed += !ok;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, name);
    fflush(stdout);
}

/* The input goes into a block of exactly its size, so that a read past its end is seen. */
static bool run_file(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    size_t len = (size_t)st.st_size;
    uint8_t *data = malloc(len > 0 ? len : 1);
    bool is_read = data != NULL && read(fd, data, len) == (ssize_t)len;
    close(fd);
    if (is_read) {
        printf("# %s\n", name);
        fflush(stdout);
        (void)LLVMFuzzerTestOneInput(data, len);
    }
    free(data);
    return is_read;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_folder(const char *path)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, is_visible, alphasort);
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (count <= 0 || dir_fd < 0)
        tell(false, path);
    for (int i = 0; i < count; i++) {
        if (dir_fd >= 0)
            tell(run_file(dir_fd, names[i]->d_name), names[i]->d_name);
        free(names[i]);
    }
    free(names);
    if (dir_fd >= 0)
        close(dir_fd);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_folder(argv[i]);
    printf("1..%d\n", number);
    return failed > 0 || number == 0;
}
