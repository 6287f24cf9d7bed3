// Codecs
//
// How bytes become fewer: zlib streams through three libraries, and pages as differences from other
// pages. It imports GuestMemory and knows no file format. Start here; `Deflater` compresses,
// `Decompressor` decodes, `Delta` is the difference of two pages.

/// How a cluster's bytes are stored.
///
/// Layout: savevm(5), "Clusters".
package enum Codec: UInt8, Sendable {
    /// As they are.
    case stored = 0
    /// As a zlib stream (RFC 1950).
    case zlib = 1
}
