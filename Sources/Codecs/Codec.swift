// Codecs
//
// The compression of clusters, the encoding of pages as deltas, and the decompression of files. It
// imports GuestMemory and SnapSystem, and knows no file of snap. Start with this file. Then read
// `Compressor`, which compresses clusters, `Decompressor`, which decodes them, `Delta`, which
// encodes the difference between two pages, and `FileDecoder`, which decodes a compressed file
// piece by piece. Each folder contains the use of the libraries for one format.

/// The way in which the bytes of a cluster are stored.
///
/// Layout: savevm(5), "Clusters".
package enum Codec: UInt8, Sendable, CaseIterable {
    /// The bytes are stored unchanged.
    case stored = 0
    /// The bytes are stored as a zlib stream (RFC 1950).
    case zlib = 1
    /// The bytes are stored as a zstd frame (RFC 8878) of one segment.
    case zstd = 2

    /// What the stored bytes are, for messages.
    package var shape: String {
        switch self {
        case .stored: "a copy"
        case .zlib: "a zlib stream"
        case .zstd: "a zstd frame"
        }
    }
}
