#pragma once

/* Linux calls and flags that the C library declares only under _GNU_SOURCE, which Swift's import of
   its headers does not set. This file includes no header, so that nothing is declared twice. */

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
    snap_at_symlink_nofollow = 0x100, /* AT_SYMLINK_NOFOLLOW, fstatat(2) */
    snap_at_removedir = 0x200, /* AT_REMOVEDIR, unlinkat(2) */
};

/* openat2(2) that follows no symbolic link and never leaves the directory. The C library has no
   function for it; the number of the system call is the same on every architecture. */
extern long syscall(long number, ...);
static inline int snap_open_beneath(int directory, const char *path, int flags, unsigned int mode) {
    struct { unsigned long long flags, mode, resolve; } how = {
        (unsigned int)flags, mode, 0x02 | 0x04 | 0x08 /* NO_MAGICLINKS | NO_SYMLINKS | BENEATH */};
    return (int)syscall(437, directory, path, &how, sizeof how);
}

/* fcntl_locking(2): open file description locks on ranges of bytes, which need not exist. The kernel
   releases them when the open file is closed. */
extern int fcntl(int descriptor, int operation, ...);
struct snap_record_lock { short type, whence; long start, length; int process; }; /* struct flock */
static inline int snap_lock_open_file(int descriptor, int type, long start, long length) {
    struct snap_record_lock lock = {(short)type, 0, start, length, 0};
    return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}
/* The start of a lock of another open file that overlaps the range, or start + length without one.
   Returns -1 on failure. A lock that starts before the range is reported at the range's start; the
   end of the lock is stored in *end, 0 for one without an end. */
static inline long snap_find_lock(int descriptor, long start, long length, long *end) {
    struct snap_record_lock lock = {1 /* F_WRLCK */, 0, start, length, 0};
    if (fcntl(descriptor, 36 /* F_OFD_GETLK */, &lock) == -1) return -1;
    if (lock.type == 2 /* F_UNLCK */) return start + length;
    *end = lock.length == 0 ? 0 : lock.start + lock.length;
    return lock.start > start ? lock.start : start;
}
enum { snap_lock_read = 0, snap_lock_none = 2 }; /* F_RDLCK, F_UNLCK */

/* getxattr(2) */
extern long fgetxattr(int descriptor, const char *name, void *value, unsigned long byte_count);

/* prctl(2) */
extern int prctl(int operation, ...);
static inline int snap_forbid_dumps(void) { return prctl(4 /* PR_SET_DUMPABLE */, 0, 0, 0, 0); }

/* fstatfs(2), which Swift's Glibc module does not contain. On 64-bit Linux, the structure has 120
   bytes and starts with the type, a long. Returns -1 on failure. */
struct statfs;
extern int fstatfs(int descriptor, struct statfs *status);
static inline long snap_file_system_type(int descriptor) {
    long status[32] = {0};
    return fstatfs(descriptor, (struct statfs *)status) == 0 ? status[0] : -1;
}
/* A number of blocks in bytes, from the fields f_bsize and the given one of the structure. */
static inline long snap_block_byte_count(int descriptor, int field) {
    long status[32] = {0};
    if (fstatfs(descriptor, (struct statfs *)status) != 0) return -1;
    long block = status[1], count = status[field];
    return count > 0x7fffffffffffffff / (block > 0 ? block : 1) ? 0x7fffffffffffffff : count * block;
}
/* f_bavail: the free bytes for an unprivileged user. */
static inline long snap_free_byte_count(int descriptor) { return snap_block_byte_count(descriptor, 4); }
/* f_blocks: the size of the file system. */
static inline long snap_capacity(int descriptor) { return snap_block_byte_count(descriptor, 2); }

/* unix(7), cmsg(3): Swift does not import the macros that lay out a control message. */
struct snap_descriptor_message {
    unsigned long length; /* CMSG_LEN(sizeof(int)) */
    int level, type;      /* SOL_SOCKET, SCM_RIGHTS */
    int descriptor, padding;
};
struct snap_peer { int process; unsigned int user, group; }; /* struct ucred, unix(7) */
enum { snap_so_peercred = 17 };                              /* SO_PEERCRED, x86 and ARM */

/* ioctl_tty(2): Swift does not import variadic functions. Returns 0 if the descriptor is not a
   terminal. */
extern int ioctl(int descriptor, unsigned long request, ...);
static inline int snap_terminal_columns(int descriptor) {
    unsigned short size[4] = {0, 0, 0, 0}; /* struct winsize: rows, columns, pixels */
    return ioctl(descriptor, 0x5413 /* TIOCGWINSZ */, size) == 0 ? size[1] : 0;
}
