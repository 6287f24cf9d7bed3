#define _GNU_SOURCE
#include "stream_drain.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits until a descriptor can be read; returns 0 if it cannot within the time. */
static int wait_to_read(int descriptor, int milliseconds) {
    struct pollfd entry = {descriptor, POLLIN, 0};
    int count;
    do count = poll(&entry, 1, milliseconds);
    while (count < 0 && errno == EINTR);
    return count;
}

static ssize_t read_some(int descriptor, void *target, size_t byte_count) {
    ssize_t count;
    do count = read(descriptor, target, byte_count);
    while (count < 0 && errno == EINTR);
    return count;
}

static void close_from_to(unsigned int first, unsigned int last) {
    if (first > last || close_range(first, last, 0) == 0) return;
    /* Linux before 5.9, or a filter of system calls. */
    unsigned int limit = sysconf(_SC_OPEN_MAX);
    for (unsigned int descriptor = first; descriptor <= last && descriptor < limit; descriptor++)
        close(descriptor);
}

/* Closes all descriptors except two, so that no lock and no output of the caller stays open. */
static void close_others(int one, int other) {
    unsigned int low = one < other ? one : other, high = one < other ? other : one;
    if (low > 0) close_from_to(0, low - 1);
    close_from_to(low + 1, high - 1);
    close_from_to(high + 1, ~0U);
}

static void drain(int control, int stream, int milliseconds) {
    static char bytes[1 << 16];
    while (wait_to_read(control, milliseconds) > 0 &&
           read_some(control, bytes, sizeof bytes) > 0) {}
    char is_incomplete = 0;
    /* Without a time limit: the writer must not fail, and ends the stream itself. */
    while (read_some(stream, bytes, sizeof bytes) > 0) is_incomplete = 1;
    send(control, &is_incomplete, 1, MSG_NOSIGNAL);
    _exit(0);
}

/* The process that runs drain() is the child of a process that ends immediately, so that init(1)
   waits for it. As a child of the caller, it could stay behind as a zombie. */
static void start(int control, int stream, int milliseconds) {
    setsid();
    int process = fork();
    if (process != 0) _exit(process > 0 ? 0 : errno);
    close_others(control, stream);
    drain(control, stream, milliseconds);
}

static int wait_for(int process) {
    int status;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    return -1;
}

int snap_start_stream_drain(int control, int stream, int milliseconds) {
    /* All signals stay blocked in the new process, so it outlives the caller's Ctrl-C. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int process = fork();
    if (process == 0) start(control, stream, milliseconds);
    int result = process < 0 ? -1 : wait_for(process);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return result;
}
