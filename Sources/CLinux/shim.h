#pragma once

/* Linux calls and flags that the C library declares only under _GNU_SOURCE, which Swift's own
   import of its headers does not set. Nothing is included here, so that no declaration comes twice. */

extern int renameat2(int old_directory, const char *old_path,
                     int new_directory, const char *new_path, unsigned int flags);
extern int fallocate(int descriptor, int mode, long offset, long count);
extern int sync_file_range(int descriptor, long offset, long count, unsigned int flags);

enum {
    snap_rename_noreplace = 1, /* RENAME_NOREPLACE, rename(2) */
    snap_sync_file_range_write = 2, /* SYNC_FILE_RANGE_WRITE, sync_file_range(2) */
    snap_fallocate_punch_hole = 1 | 2, /* FALLOC_FL_KEEP_SIZE | …PUNCH_HOLE, fallocate(2) */
    snap_seek_data = 3, /* SEEK_DATA, lseek(2) */
    snap_seek_hole = 4, /* SEEK_HOLE, lseek(2) */
    snap_o_tmpfile = 020000000, /* O_TMPFILE without its O_DIRECTORY, open(2) */
    snap_o_path = 010000000, /* O_PATH, open(2) */
    snap_at_symlink_follow = 0x400, /* AT_SYMLINK_FOLLOW, linkat(2) */
};

/* fstatfs(2): Glibc's module does not have it. On 64-bit Linux the type is the first long of 120
   bytes. -1 on failure. */
struct statfs;
extern int fstatfs(int descriptor, struct statfs *status);
static inline long snap_file_system_type(int descriptor) {
    long status[32] = {0};
    return fstatfs(descriptor, (struct statfs *)status) == 0 ? status[0] : -1;
}

/* unix(7), cmsg(3): Swift does not see the macros that lay a control message out. */
struct snap_descriptor_message {
    unsigned long length; /* CMSG_LEN(sizeof(int)) */
    int level, type;      /* SOL_SOCKET, SCM_RIGHTS */
    int descriptor, padding;
};
struct snap_peer { int process; unsigned int user, group; }; /* struct ucred, unix(7) */
enum { snap_so_peercred = 17 };                              /* SO_PEERCRED, x86 and ARM */

/* ioctl_tty(2): Swift sees no function of variable arguments. 0 columns where there is no terminal. */
extern int ioctl(int descriptor, unsigned long request, ...);
static inline int snap_terminal_columns(int descriptor) {
    unsigned short size[4] = {0, 0, 0, 0}; /* struct winsize: rows, columns, pixels */
    return ioctl(descriptor, 0x5413 /* TIOCGWINSZ */, size) == 0 ? size[1] : 0;
}
