#pragma once

#include <stdint.h>

/* The functions of libvirt that snap calls. They are loaded when they are first needed, so that snap
   neither links libvirt, which would double its start-up time, nor needs it otherwise.

   A connection or a domain is a number, 0 for none. The functions that return one, or text that the
   caller must free, return 0 or NULL on failure, and those that return an int return -1. Then
   snap_libvirt_error tells the reason, in the same thread. */
typedef uintptr_t snap_libvirt_handle;

/* Receives an event of QEMU and its time. It runs in the thread of the event loop. */
typedef void (*snap_libvirt_receiver)(
    void *context, const char *name, int64_t seconds, unsigned int microseconds);

/* Loads libvirt. Returns NULL, or the message of dlopen(3) or dlsym(3). */
const char *snap_libvirt_load(void);

/* Returns the version of the library: 1,000,000 * major + 1,000 * minor + release. */
unsigned long snap_libvirt_version(void);

/* Whether the library has virDomainQemuMonitorCommandWithFiles, which is from libvirt 8.2. */
int snap_libvirt_can_pass_descriptors(void);

/* Prepares the event loop, before the first connection; then runs it once. */
int snap_libvirt_prepare_events(void);
int snap_libvirt_run_events(void);

/* Returns the message of the last error in this thread, and sets its code (virErrorNumber). */
const char *snap_libvirt_error(int *code);

snap_libvirt_handle snap_libvirt_connect(const char *uri);
void snap_libvirt_disconnect(snap_libvirt_handle connection);
char *snap_libvirt_uri(snap_libvirt_handle connection);

snap_libvirt_handle snap_libvirt_find(snap_libvirt_handle connection, const char *name);
void snap_libvirt_release(snap_libvirt_handle domain);

/* Writes the domain's UUID as text, with a 0 byte at its end. */
enum { snap_libvirt_uuid_size = 37 };
int snap_libvirt_uuid(snap_libvirt_handle domain, char text[snap_libvirt_uuid_size]);
char *snap_libvirt_description(snap_libvirt_handle domain);

/* Returns the names of all active domains, each followed by a line feed, which no name contains. */
char *snap_libvirt_active_domains(snap_libvirt_handle connection);

/* Executes a QMP command, and passes QEMU a descriptor unless it is -1. Returns QEMU's reply, which
   can be an error. */
char *snap_libvirt_execute(snap_libvirt_handle domain, const char *command, int descriptor);

/* Starts to report when QEMU stops or resumes a domain, and returns a number that ends it. */
int snap_libvirt_watch(
    snap_libvirt_handle connection, snap_libvirt_handle domain, snap_libvirt_receiver receiver,
    void *context, void (*release)(void *context));
void snap_libvirt_unwatch(snap_libvirt_handle connection, int number);
