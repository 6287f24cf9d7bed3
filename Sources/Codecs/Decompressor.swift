import SnapSystem

/// Decodes stored bytes, whichever codec they have: clusters, and pieces of device sections.
///
/// A worker owns one and uses it for all of them. The zlib pages of QEMU's own streams name no
/// codec; `Inflater` alone decodes them.
package struct Decompressor: ~Copyable {
    private let inflater = Inflater()

    /// Sets a decompressor up.
    package init() {}

    /// Decodes bytes, whatever they are.
    ///
    /// - Parameters:
    ///   - stored: The bytes as they stand in a file.
    ///   - codec: How they are stored.
    ///   - target: Where their content goes: exactly as long.
    /// - Returns: false if the bytes are damaged or their content is of another length.
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
