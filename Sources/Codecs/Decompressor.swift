import SnapSystem

/// A decoder of stored clusters, with any codec.
///
/// Each worker owns one and reuses it.
package struct Decompressor: ~Copyable {
    private let inflater = ISALInflater()
    private let zstd = ZstdDecompressor()

    /// Creates a decompressor.
    package init() {}

    /// Decodes stored bytes, which need not be valid, as far as their content is needed.
    ///
    /// - Parameters:
    ///   - stored: The bytes as stored in the file.
    ///   - codec: Their codec.
    ///   - needed: The number of bytes that must be decoded, from the start of the content.
    ///   - target: Receives the content. Its length must be that of all of the content.
    /// - Returns: The number of bytes decoded, at least `needed`. nil if these bytes are damaged,
    ///   or if the content was decoded to its end and has another length. The bytes of `target`
    ///   that were not decoded are undefined.
    package func decode(
        _ stored: RawSpan, _ codec: Codec, needed: Int, into target: inout MutableRawSpan
    ) -> Int? {
        precondition(needed <= target.byteCount)
        switch codec {
        case .stored:
            guard stored.byteCount == target.byteCount else { return nil }
            target.copy(stored)
            return target.byteCount
        case .zlib:
            return inflater.inflate(stored, needed: needed, into: &target) ? needed : nil
        case .zstd:
            // snap's frames are one block, which is decoded as a whole.
            return zstd.decompress(stored, into: &target) ? target.byteCount : nil
        }
    }
}
