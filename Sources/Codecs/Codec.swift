// Codecs
//
// Compression into zlib streams, with three libraries, and the encoding of pages as deltas. It
// imports GuestMemory and SnapSystem, and depends on no file format. Start with this file. Then
// read `Deflater`, which compresses, `Decompressor`, which decodes, and `Delta`, which encodes the
// difference between two pages.

/// The way in which the bytes of a cluster, or of a piece of a device section, are stored.
///
/// Layout: savevm(5), "Groups" and "Section table".
package enum Codec: UInt8, Sendable {
    /// The bytes are stored unchanged.
    case stored = 0
    /// The bytes are stored as a zlib stream (RFC 1950).
    case zlib = 1
}
