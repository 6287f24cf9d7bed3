#pragma once

/* On its first call, this version of the library selects the widest vectors that the processor has.
   Code that is inlined for baseline x86-64 takes three times as long for a page. */
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

/* In the dispatch header, the library's names are macros, which Swift does not import. */

typedef struct {
    uint64_t low, high;
} snap_xxh128;

static inline snap_xxh128 snap_xxh3_128(const void *bytes, size_t count) {
    XXH128_hash_t h = XXH3_128bits(bytes, count);
    return (snap_xxh128){h.low64, h.high64};
}

static inline snap_xxh128 snap_xxh3_128_with_secret(
    const void *bytes, size_t count, const void *secret, size_t secret_count) {
    XXH128_hash_t h = XXH3_128bits_withSecret(bytes, count, secret, secret_count);
    return (snap_xxh128){h.low64, h.high64};
}
