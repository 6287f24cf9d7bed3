#include "libvirt_calls.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The types and constants of libvirt's API that these functions need (libvirt.org/html). */
typedef struct connection *virConnectPtr;
typedef struct domain *virDomainPtr;
typedef void (*virQemuEvent)(
    virConnectPtr, virDomainPtr, const char *, long long, unsigned int, const char *, void *);
enum {
    active_domains = 1,     /* VIR_CONNECT_LIST_DOMAINS_ACTIVE */
    with_secrets = 1,       /* VIR_DOMAIN_XML_SECURE */
    migratable = 8,         /* VIR_DOMAIN_XML_MIGRATABLE */
    event_name_is_regex = 1 /* VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX */
};

static struct {
    int (*virGetVersion)(unsigned long *, const char *, unsigned long *);
    void (*virSetErrorFunc)(void *, void (*)(void *, void *));
    const char *(*virGetLastErrorMessage)(void);
    int (*virGetLastErrorCode)(void);
    int (*virEventRegisterDefaultImpl)(void);
    int (*virEventRunDefaultImpl)(void);
    virConnectPtr (*virConnectOpen)(const char *);
    int (*virConnectClose)(virConnectPtr);
    char *(*virConnectGetURI)(virConnectPtr);
    int (*virConnectListAllDomains)(virConnectPtr, virDomainPtr **, unsigned int);
    virDomainPtr (*virDomainLookupByName)(virConnectPtr, const char *);
    int (*virDomainFree)(virDomainPtr);
    const char *(*virDomainGetName)(virDomainPtr);
    int (*virDomainGetUUIDString)(virDomainPtr, char *);
    char *(*virDomainGetXMLDesc)(virDomainPtr, unsigned int);
    int (*virDomainQemuMonitorCommandWithFiles)(
        virDomainPtr, const char *, unsigned int, int *, unsigned int *, int **, char **,
        unsigned int);
    int (*virConnectDomainQemuMonitorEventRegister)(
        virConnectPtr, virDomainPtr, const char *, virQemuEvent, void *, void (*)(void *),
        unsigned int);
    int (*virConnectDomainQemuMonitorEventDeregister)(virConnectPtr, int);
} calls;

/* Without a function for errors, libvirt writes them to standard error. */
static void ignore(void *context, void *error) {
    (void)context;
    (void)error;
}

/* Converts through memcpy, because ISO C has no conversion from an object to a function pointer. */
static int find(void *library, const char *name, void *target) {
    void *found = dlsym(library, name);
    memcpy(target, &found, sizeof found);
    return found != NULL;
}

#define FIND(library, name) find(library, #name, &calls.name)

const char *snap_libvirt_load(void) {
    void *general = dlopen("libvirt.so.0", RTLD_NOW);
    void *qemu = general ? dlopen("libvirt-qemu.so.0", RTLD_NOW) : NULL;
    if (!qemu) return dlerror();
    int found = FIND(general, virGetVersion) && FIND(general, virSetErrorFunc) &&
        FIND(general, virGetLastErrorMessage) && FIND(general, virGetLastErrorCode) &&
        FIND(general, virEventRegisterDefaultImpl) && FIND(general, virEventRunDefaultImpl) &&
        FIND(general, virConnectOpen) && FIND(general, virConnectClose) &&
        FIND(general, virConnectGetURI) && FIND(general, virConnectListAllDomains) &&
        FIND(general, virDomainLookupByName) && FIND(general, virDomainFree) &&
        FIND(general, virDomainGetName) && FIND(general, virDomainGetUUIDString) &&
        FIND(general, virDomainGetXMLDesc) &&
        FIND(qemu, virConnectDomainQemuMonitorEventRegister) &&
        FIND(qemu, virConnectDomainQemuMonitorEventDeregister);
    if (!found) return dlerror();
    FIND(qemu, virDomainQemuMonitorCommandWithFiles);
    calls.virSetErrorFunc(NULL, ignore);
    return NULL;
}

unsigned long snap_libvirt_version(void) {
    unsigned long version = 0;
    calls.virGetVersion(&version, NULL, NULL);
    return version;
}

int snap_libvirt_can_pass_descriptors(void) {
    return calls.virDomainQemuMonitorCommandWithFiles != NULL;
}

int snap_libvirt_prepare_events(void) { return calls.virEventRegisterDefaultImpl(); }

int snap_libvirt_run_events(void) { return calls.virEventRunDefaultImpl(); }

const char *snap_libvirt_error(int *code) {
    *code = calls.virGetLastErrorCode();
    return calls.virGetLastErrorMessage();
}

snap_libvirt_handle snap_libvirt_connect(const char *uri) {
    return (snap_libvirt_handle)calls.virConnectOpen(uri);
}

void snap_libvirt_disconnect(snap_libvirt_handle connection) {
    calls.virConnectClose((virConnectPtr)connection);
}

char *snap_libvirt_uri(snap_libvirt_handle connection) {
    return calls.virConnectGetURI((virConnectPtr)connection);
}

snap_libvirt_handle snap_libvirt_find(snap_libvirt_handle connection, const char *name) {
    return (snap_libvirt_handle)calls.virDomainLookupByName((virConnectPtr)connection, name);
}

void snap_libvirt_release(snap_libvirt_handle domain) {
    calls.virDomainFree((virDomainPtr)domain);
}

int snap_libvirt_uuid(snap_libvirt_handle domain, char text[snap_libvirt_uuid_size]) {
    return calls.virDomainGetUUIDString((virDomainPtr)domain, text);
}

char *snap_libvirt_description(snap_libvirt_handle domain) {
    return calls.virDomainGetXMLDesc((virDomainPtr)domain, with_secrets | migratable);
}

static char *joined(virDomainPtr *domains, int count) {
    size_t length = 1;
    for (int i = 0; i < count; i++) length += strlen(calls.virDomainGetName(domains[i])) + 1;
    char *names = malloc(length), *end = names;
    if (!names) return NULL;
    for (int i = 0; i < count; i++) {
        end = stpcpy(end, calls.virDomainGetName(domains[i]));
        *end++ = '\n';
    }
    *end = 0;
    return names;
}

char *snap_libvirt_active_domains(snap_libvirt_handle connection) {
    virDomainPtr *domains = NULL;
    int count =
        calls.virConnectListAllDomains((virConnectPtr)connection, &domains, active_domains);
    if (count < 0) return NULL;
    char *names = joined(domains, count);
    for (int i = 0; i < count; i++) calls.virDomainFree(domains[i]);
    free(domains);
    return names;
}

char *snap_libvirt_execute(snap_libvirt_handle domain, const char *command, int descriptor) {
    unsigned int received_count = 0;
    int *received = NULL;
    char *reply = NULL;
    int status = calls.virDomainQemuMonitorCommandWithFiles(
        (virDomainPtr)domain, command, descriptor < 0 ? 0 : 1, &descriptor, &received_count,
        &received, &reply, 0);
    free(received); /* QEMU sends no descriptors for the commands of snap. */
    if (status < 0) {
        free(reply);
        return NULL;
    }
    return reply;
}

struct watch {
    snap_libvirt_receiver receiver;
    void *context;
    void (*release)(void *context);
};

static void report(
    virConnectPtr connection, virDomainPtr domain, const char *name, long long seconds,
    unsigned int microseconds, const char *details, void *context) {
    (void)connection;
    (void)domain;
    (void)details;
    struct watch *watch = context;
    watch->receiver(watch->context, name, seconds, microseconds);
}

static void end(void *context) {
    struct watch *watch = context;
    watch->release(watch->context);
    free(watch);
}

int snap_libvirt_watch(
    snap_libvirt_handle connection, snap_libvirt_handle domain, snap_libvirt_receiver receiver,
    void *context, void (*release)(void *context)) {
    struct watch *watch = malloc(sizeof *watch);
    if (!watch) return -1;
    *watch = (struct watch){receiver, context, release};
    int number = calls.virConnectDomainQemuMonitorEventRegister(
        (virConnectPtr)connection, (virDomainPtr)domain, "^(STOP|RESUME)$", report, watch, end,
        event_name_is_regex);
    if (number < 0) free(watch);
    return number;
}

void snap_libvirt_unwatch(snap_libvirt_handle connection, int number) {
    calls.virConnectDomainQemuMonitorEventDeregister((virConnectPtr)connection, number);
}
