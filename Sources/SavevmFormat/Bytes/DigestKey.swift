import CXXHash

/// The key of the digests of pages: 192 random bytes.
///
/// XXH3 uses these bytes as its secret without deriving anything from them, so any implementation
/// of XXH3 can check a file. Digests can be compared only between files with the same key.
package struct DigestKey: Sendable, Hashable {
    /// The key's bytes, which are XXH3's secret.
    package let bytes: [UInt8]

    /// The key's length in bytes, which is the default length of XXH3's secret.
    package static let byteCount = 192

    /// Creates a key from stored bytes.
    ///
    /// - Parameter bytes: The key's bytes.
    /// - Returns: nil if there are not exactly 192 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Creates a new key with the system's source of randomness (getrandom(2)).
    ///
    /// - Returns: The key.
    package static func random() -> DigestKey {
        DigestKey(random: (0..<byteCount).map { _ in .random(in: 0...UInt8.max) })
    }

    private init(random bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Computes the digest of a page with xxHash's XXH3_128bits_withSecret.
    ///
    /// - Parameter page: The page's bytes.
    /// - Returns: The digest.
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
