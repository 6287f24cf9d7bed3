import SnapSystem

/// A decoder for stored clusters and pieces of device sections, with any codec.
///
/// Each worker owns one and reuses it. Compressed pages in QEMU's streams have no codec field;
/// `Inflater` decodes those directly.
package struct Decompressor: ~Copyable {
    private let inflater = Inflater()

    /// Creates a decompressor.
    package init() {}

    /// Decodes stored bytes, which need not be valid.
    ///
    /// - Parameters:
    ///   - stored: The bytes as stored in the file.
    ///   - codec: Their codec.
    ///   - target: Receives the content. Its length must be that of the content.
    /// - Returns: false if the bytes are damaged or their content has another length; the bytes of
    ///   `target` are then undefined.
    package func decode(
        _ stored: RawSpan, _ codec: Codec, into target: inout MutableRawSpan
    ) -> Bool {
        switch codec {
        case .stored:
            guard stored.byteCount == target.byteCount else { return false }
            target.copy(stored)
            return true
        case .zlib: return inflater.inflate(stored, into: &target)
        }
    }
}
