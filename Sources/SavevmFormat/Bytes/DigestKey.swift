import CXXHash

/// The secret with which digests of pages are computed: 192 random bytes.
///
/// It is XXH3's secret itself, so nothing has to be derived from it and any implementation of
/// XXH3 can check a file. Digests compare only between files of equal key.
package struct DigestKey: Sendable, Hashable {
    /// The secret.
    package let bytes: [UInt8]

    /// The secret's length: XXH3's own default.
    package static let byteCount = 192

    /// Makes a key of stored bytes.
    ///
    /// - Parameter bytes: The secret.
    /// - Returns: nil unless they are 192.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// A new key from the system's source of randomness (getrandom(2)).
    package static func random() -> DigestKey {
        DigestKey(random: (0..<byteCount).map { _ in .random(in: 0...UInt8.max) })
    }

    private init(random bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The digest of a page: XXH3_128bits_withSecret of xxHash.
    ///
    /// - Parameter page: The page's bytes.
    package func digest(of page: RawSpan) -> Hash128 {
        _ = Hash128.isLibraryReady
        return unsafe bytes.withUnsafeBytes { key in
            unsafe page.withUnsafeBytes { page in
                Hash128(
                    unsafe snap_xxh3_128_with_secret(
                        page.baseAddress, page.count, key.baseAddress, key.count))
            }
        }
    }
}
