/* A disk with a volatile cache, as a FUSE file system with two files.

   usage: powerdisk MOUNTPOINT BYTES LOG

   "disk" is the disk, of BYTES bytes. Each write changes it in memory and is appended to LOG; each
   fsync appends a flush. "mark" stores nothing; a write to it appends a mark to LOG. A log entry is
   struct record, followed by the bytes of a write or mark. disk_log.py reads the log. */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { WRITE, FLUSH, MARK, ZEROS };
struct record { uint32_t type, length; uint64_t offset; };

static char *disk;
static off_t size;
static FILE *log_file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void append(uint32_t type, uint64_t offset, uint32_t length, const void *bytes) {
    struct record record = {type, length, offset};
    pthread_mutex_lock(&lock);
    if (type == WRITE) memcpy(disk + offset, bytes, length);
    if (type == ZEROS) memset(disk + offset, 0, length);
    fwrite(&record, sizeof record, 1, log_file);
    if (bytes) fwrite(bytes, length, 1, log_file);
    if (type == FLUSH || type == MARK) fflush(log_file);
    pthread_mutex_unlock(&lock);
}

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *file) {
    (void)file;
    memset(status, 0, sizeof *status);
    if (strcmp(path, "/") == 0) {
        status->st_mode = S_IFDIR | 0700;
        status->st_nlink = 2;
        return 0;
    }
    if (!is_disk(path) && strcmp(path, "/mark") != 0) return -ENOENT;
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    if (is_disk(path)) status->st_size = size;
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *file) {
    (void)path;
    file->direct_io = 1;
    return 0;
}

static int read_file(const char *path, char *bytes, size_t count, off_t offset,
                     struct fuse_file_info *file) {
    (void)file;
    if (!is_disk(path) || offset >= size) return 0;
    if (offset + (off_t)count > size) count = size - offset;
    pthread_mutex_lock(&lock);
    memcpy(bytes, disk + offset, count);
    pthread_mutex_unlock(&lock);
    return count;
}

static int write_file(const char *path, const char *bytes, size_t count, off_t offset,
                      struct fuse_file_info *file) {
    (void)file;
    if (is_disk(path) && offset + (off_t)count > size) return -ENOSPC;
    append(is_disk(path) ? WRITE : MARK, is_disk(path) ? offset : 0, count, bytes);
    return count;
}

static int sync_file(const char *path, int data_only, struct fuse_file_info *file) {
    (void)data_only, (void)file;
    if (is_disk(path)) append(FLUSH, 0, 0, NULL);
    return 0;
}

static int allocate(const char *path, int mode, off_t offset, off_t count,
                    struct fuse_file_info *file) {
    (void)file;
    if (!is_disk(path) || !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
        return -EOPNOTSUPP;
    append(ZEROS, offset, count, NULL);
    return 0;
}

static int set_length(const char *path, off_t count, struct fuse_file_info *file) {
    (void)path, (void)count, (void)file;
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = get_attributes, .open = open_file, .read = read_file, .write = write_file,
    .fsync = sync_file, .fallocate = allocate, .truncate = set_length,
};

int main(int count, char **arguments) {
    if (count != 4) return 2;
    size = atoll(arguments[2]);
    disk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
    log_file = fopen(arguments[3], "w");
    if (disk == MAP_FAILED || !log_file) return 1;
    char *mount[] = {arguments[0], "-f", "-o", "fsname=powerdisk", arguments[1], NULL};
    int status = fuse_main(5, mount, &operations, NULL);
    fclose(log_file);
    return status;
}
