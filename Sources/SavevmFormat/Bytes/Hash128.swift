import CXXHash
import SnapSystem

/// A 128-bit XXH3 hash: a checksum or a digest.
///
/// A *checksum* has no key and protects bytes of a file. A *digest* uses the store's key and
/// identifies the content of a page (`DigestKey`). Neither is cryptographically secure.
package struct Hash128: Sendable, Hashable {
    /// The lower 64 bits, which come first in a file.
    package let low: UInt64
    /// The upper 64 bits.
    package let high: UInt64

    /// The length of a hash in a file, in bytes.
    package static let byteCount = 16

    /// Creates a hash from its two halves.
    ///
    /// - Parameters:
    ///   - low: The lower 64 bits.
    ///   - high: The upper 64 bits.
    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The hash that stands for "none": all bits are 0.
    package static let none = Hash128(low: 0, high: 0)

    /// Computes the checksum of bytes with xxHash's XXH3_128bits, without seed or secret.
    ///
    /// - Parameter bytes: The bytes; there can be none.
    package init(checksumOf bytes: RawSpan) {
        _ = Self.isLibraryReady
        self = unsafe bytes.withUnsafeBytes { bytes in
            Hash128(unsafe snap_xxh3_128(bytes.baseAddress, bytes.count))
        }
    }

    init(_ hash: snap_xxh128) {
        self.init(low: hash.low, high: hash.high)
    }

    /// Makes the library choose its vector functions.
    ///
    /// The library does this at its first long input and is not thread-safe then. Every caller
    /// reads this property first, so it happens once, in one thread.
    static let isLibraryReady: Bool = {
        let bytes = [UInt8](repeating: 0, count: 1024)
        return unsafe bytes.withUnsafeBytes { bytes in
            let plain = unsafe snap_xxh3_128(bytes.baseAddress, bytes.count)
            let keyed = unsafe snap_xxh3_128_with_secret(
                bytes.baseAddress, bytes.count, bytes.baseAddress, DigestKey.byteCount)
            return plain.low != keyed.low
        }
    }()

    /// The hash as 32 hex digits, the highest digit first, for messages.
    package var hex: String {
        [high, low].map { String($0, radix: 16).padded(to: 16) }.joined()
    }
}
