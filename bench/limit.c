/*
 * limit: measures snap's data path without anything else, as the limit of this machine.
 *
 *     gcc -O3 -o limit limit.c -lisal -lzstd -lpthread
 *     limit IMAGE OUTPUT [THREADS [ROUNDS]]
 *
 * IMAGE is a raw memory image whose length is a multiple of 4096. Read it before, so that it is in
 * the page cache. Each round writes OUTPUT and deletes it, so OUTPUT selects the measured file
 * system. The default of THREADS is 2, and that of ROUNDS is 1.
 *
 * The threads take units of 2 MiB from a shared counter, as snap's workers do. A round has three
 * loops for each codec, and prints one line of key=value words for it:
 *
 *     digest     read, test for zero, XXH3-128 with a secret of 192 bytes
 *     compress   the same, and compress the other pages in clusters; the clusters stay in memory
 *     restore    decompress, digest, compare, write; zero pages become holes
 *
 * The codecs, levels and lengths of clusters are those of a save by default: zlib streams of 48 KiB
 * with ISA-L's level 2, and zstd frames of 32 KiB with level 2.
 *
 * Buffers are allocated and touched before the first loop, so a complete program can only be slower
 * than these loops. Needs libisal-dev, libzstd-dev and libxxhash-dev.
 */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    PAGE = 4096,
    UNIT_PAGES = 512,
    UNIT = UNIT_PAGES * PAGE,
    CLUSTER_MIN = 8 * PAGE,
    UNIT_CLUSTERS = UNIT / CLUSTER_MIN,
    UNIT_ROOM = UNIT + UNIT / 8,           /* the largest compressed size of a unit's clusters */
    ZSTD_LEVEL = 2,
    SECRET = 192,
};

struct worker;

/* A codec. Both functions return the length of their result, or 0 if they fail. */
struct codec {
    const char *name;
    unsigned cluster;                      /* the content of a cluster in bytes */
    size_t (*compress)(struct worker *, const void *, size_t, void *, size_t);
    size_t (*decompress)(struct worker *, const void *, size_t, void *, size_t);
};

/* The result of the compress loop for a unit, which the restore loop reads. */
struct unit {
    unsigned char *clusters;               /* compressed, one after another */
    unsigned cluster_length[UNIT_CLUSTERS];
    unsigned page_count;                   /* pages that are not zero */
    unsigned short page[UNIT_PAGES];       /* their numbers in the unit */
    XXH128_hash_t digest[UNIT_PAGES];
};

struct worker {
    pthread_t thread;
    unsigned char *pages;                  /* a unit, as read or decompressed */
    unsigned char *packed;                 /* a unit's pages that are not zero */
    unsigned char *arena;                  /* memory for the compressed clusters */
    size_t arena_used;
    struct isal_zstream stream;
    unsigned char level_buffer[ISAL_DEF_LVL2_DEFAULT];
    struct inflate_state inflater;
    ZSTD_CCtx *zstd_compressor;
    ZSTD_DCtx *zstd_decompressor;
};

static int image, output;
static size_t image_length, unit_count, thread_count = 2;
static atomic_size_t next_unit;
static struct unit *units;
static struct worker *workers;
static const struct codec *codec;
static unsigned char secret[SECRET];

static void die(const char *what) { error(1, errno, "%s", what); }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* Returns memory that is already mapped, so that no loop includes page faults. */
static void *touched_memory(size_t length) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    return memory;
}

static bool is_zero(const unsigned char *page) {
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static size_t unit_length(size_t index) {
    size_t rest = image_length - index * UNIT;
    return rest < UNIT ? rest : UNIT;
}

/* Reads a unit and digests its non-zero pages; with pack, also copies them together. */
static void digest_unit(struct worker *worker, size_t index, bool pack) {
    struct unit *unit = &units[index];
    size_t length = unit_length(index);
    if (pread(image, worker->pages, length, index * UNIT) != (ssize_t)length) die("read");
    unit->page_count = 0;
    for (size_t number = 0; number < length / PAGE; number++) {
        const unsigned char *page = worker->pages + number * PAGE;
        if (is_zero(page)) continue;
        if (pack) memcpy(worker->packed + unit->page_count * PAGE, page, PAGE);
        unit->digest[unit->page_count] = XXH3_128bits_withSecret(page, PAGE, secret, SECRET);
        unit->page[unit->page_count++] = number;
    }
}

static size_t zlib_compress(struct worker *worker, const void *pages, size_t length, void *target,
                            size_t room) {
    struct isal_zstream *stream = &worker->stream;
    isal_deflate_reset(stream);
    stream->level = 2;
    stream->level_buf = worker->level_buffer;
    stream->level_buf_size = sizeof worker->level_buffer;
    stream->gzip_flag = IGZIP_ZLIB;
    stream->end_of_stream = 1;
    stream->flush = NO_FLUSH;
    stream->next_in = (void *)pages;
    stream->avail_in = length;
    stream->next_out = target;
    stream->avail_out = room;
    return isal_deflate_stateless(stream) == COMP_OK ? stream->total_out : 0;
}

static size_t zlib_decompress(struct worker *worker, const void *cluster, size_t length,
                              void *target, size_t room) {
    struct inflate_state *state = &worker->inflater;
    isal_inflate_reset(state);
    state->crc_flag = ISAL_ZLIB;
    state->next_in = (void *)cluster;
    state->avail_in = length;
    state->next_out = target;
    state->avail_out = room;
    return isal_inflate_stateless(state) == ISAL_DECOMP_OK ? state->total_out : 0;
}

static size_t zstd_compress(struct worker *worker, const void *pages, size_t length, void *target,
                            size_t room) {
    size_t made = ZSTD_compress2(worker->zstd_compressor, target, room, pages, length);
    return ZSTD_isError(made) ? 0 : made;
}

static size_t zstd_decompress(struct worker *worker, const void *cluster, size_t length,
                              void *target, size_t room) {
    size_t made = ZSTD_decompressDCtx(worker->zstd_decompressor, target, room, cluster, length);
    return ZSTD_isError(made) ? 0 : made;
}

static const struct codec codecs[] = {
    {"zlib", 12 * PAGE, zlib_compress, zlib_decompress},
    {"zstd", CLUSTER_MIN, zstd_compress, zstd_decompress},
};

/* Compresses a cluster to the end of the arena and returns its length there. */
static unsigned compress_cluster(struct worker *worker, unsigned char *pages, size_t length) {
    size_t made = codec->compress(worker, pages, length, worker->arena + worker->arena_used,
                                  UNIT_ROOM);
    if (made == 0) error(1, 0, "%s cannot compress a cluster", codec->name);
    worker->arena_used += made;
    return made;
}

static void compress_unit(struct worker *worker, size_t index) {
    struct unit *unit = &units[index];
    digest_unit(worker, index, true);
    unit->clusters = worker->arena + worker->arena_used;
    size_t length = (size_t)unit->page_count * PAGE;
    for (size_t offset = 0; offset < length; offset += codec->cluster) {
        size_t rest = length - offset;
        unit->cluster_length[offset / codec->cluster] = compress_cluster(
            worker, worker->packed + offset, rest < codec->cluster ? rest : codec->cluster);
    }
}

/* Decompresses the pages of a unit and compares their digests. */
static void decompress_unit(struct worker *worker, const struct unit *unit) {
    const unsigned char *cluster = unit->clusters;
    size_t length = (size_t)unit->page_count * PAGE;
    for (size_t offset = 0; offset < length; offset += codec->cluster) {
        size_t rest = length - offset, content = rest < codec->cluster ? rest : codec->cluster;
        size_t cluster_length = unit->cluster_length[offset / codec->cluster];
        if (codec->decompress(worker, cluster, cluster_length, worker->packed + offset, content)
            != content)
            error(1, 0, "%s cannot decompress a cluster", codec->name);
        cluster += cluster_length;
    }
    for (unsigned i = 0; i < unit->page_count; i++) {
        XXH128_hash_t digest = XXH3_128bits_withSecret(worker->packed + i * PAGE, PAGE,
                                                       secret, SECRET);
        if (!XXH128_isEqual(digest, unit->digest[i])) error(1, 0, "the digest of a page differs");
    }
}

/* Writes a unit, with one write per run of non-zero pages. */
static void restore_unit(struct worker *worker, size_t index) {
    const struct unit *unit = &units[index];
    decompress_unit(worker, unit);
    for (unsigned begin = 0, end; begin < unit->page_count; begin = end) {
        for (end = begin + 1; end < unit->page_count; end++)
            if (unit->page[end] != unit->page[begin] + (end - begin)) break;
        size_t length = (size_t)(end - begin) * PAGE;
        off_t offset = (off_t)index * UNIT + (off_t)unit->page[begin] * PAGE;
        if (pwrite(output, worker->packed + begin * PAGE, length, offset) != (ssize_t)length)
            die("write");
    }
}

static void *digest_loop(void *worker) {
    for (size_t index; (index = atomic_fetch_add(&next_unit, 1)) < unit_count;)
        digest_unit(worker, index, false);
    return NULL;
}

static void *compress_loop(void *argument) {
    struct worker *worker = argument;
    worker->arena_used = 0;
    for (size_t index; (index = atomic_fetch_add(&next_unit, 1)) < unit_count;)
        compress_unit(worker, index);
    return NULL;
}

static void *restore_loop(void *worker) {
    for (size_t index; (index = atomic_fetch_add(&next_unit, 1)) < unit_count;)
        restore_unit(worker, index);
    return NULL;
}

/* Runs a loop in all threads and returns its duration in seconds. */
static double seconds(void *(*loop)(void *)) {
    double begin = now();
    next_unit = 0;
    for (size_t i = 0; i < thread_count; i++)
        if ((errno = pthread_create(&workers[i].thread, NULL, loop, &workers[i])) != 0)
            die("pthread_create");
    for (size_t i = 0; i < thread_count; i++) pthread_join(workers[i].thread, NULL);
    return now() - begin;
}

static double restore_seconds(const char *path) {
    double begin = now();
    output = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (output < 0) die(path);
    if (ftruncate(output, image_length) != 0) die("ftruncate");
    seconds(restore_loop);
    if (close(output) != 0) die("close");
    double taken = now() - begin;
    if (unlink(path) != 0) die("unlink");
    return taken;
}

static void round_of_loops(unsigned number, const char *path) {
    double digest = seconds(digest_loop);
    double compress = seconds(compress_loop);
    double restore = restore_seconds(path);
    size_t compressed = 0, pages = 0;
    for (size_t i = 0; i < thread_count; i++) compressed += workers[i].arena_used;
    for (size_t i = 0; i < unit_count; i++) pages += units[i].page_count;
    printf("round=%u codec=%s threads=%zu bytes=%zu nonzero_bytes=%zu compressed_bytes=%zu "
           "digest_s=%.4f compress_s=%.4f restore_s=%.4f\n",
           number, codec->name, thread_count, image_length, pages * PAGE, compressed,
           digest, compress, restore);
}

static void set_up(const char *path) {
    image = open(path, O_RDONLY);
    if (image < 0) die(path);
    off_t length = lseek(image, 0, SEEK_END);
    if (length <= 0 || length % PAGE != 0) error(1, 0, "%s: length is not a multiple of 4096", path);
    image_length = length;
    unit_count = (image_length + UNIT - 1) / UNIT;
    units = touched_memory(unit_count * sizeof *units);
    workers = touched_memory(thread_count * sizeof *workers);
    for (size_t i = 0; i < SECRET; i++) secret[i] = i * 167 + 13; /* any bytes that differ */
    for (size_t i = 0; i < thread_count; i++) {
        workers[i].pages = touched_memory(UNIT);
        workers[i].packed = touched_memory(UNIT);
        /* A thread may get all units, and no unit may become smaller. */
        workers[i].arena = touched_memory((unit_count + 1) * UNIT_ROOM);
        isal_deflate_stateless_init(&workers[i].stream);
        isal_inflate_init(&workers[i].inflater);
        workers[i].zstd_compressor = ZSTD_createCCtx();
        workers[i].zstd_decompressor = ZSTD_createDCtx();
        if (workers[i].zstd_compressor == NULL || workers[i].zstd_decompressor == NULL) die("zstd");
        ZSTD_CCtx_setParameter(workers[i].zstd_compressor, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    }
}

int main(int count, char **arguments) {
    if (count < 3 || count > 5) error(64, 0, "usage: limit IMAGE OUTPUT [THREADS [ROUNDS]]");
    thread_count = count > 3 ? strtoul(arguments[3], NULL, 10) : 2;
    unsigned rounds = count > 4 ? strtoul(arguments[4], NULL, 10) : 1;
    if (thread_count < 1 || thread_count > 1024 || rounds < 1) error(64, 0, "bad number");
    set_up(arguments[1]);
    for (unsigned number = 1; number <= rounds; number++)
        for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
            codec = &codecs[i];
            round_of_loops(number, arguments[2]);
        }
    return 0;
}
