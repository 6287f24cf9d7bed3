import CXXHash
import SnapSystem

/// 128 bits of XXH3, of which a file has two sorts.
///
/// A *checksum* has no key and guards the bytes of a file; a *digest* has the store's key and
/// stands for the content of a page (`DigestKey`). Neither is a cryptographic promise.
package struct Hash128: Sendable, Hashable {
    /// The lower half, first in a file.
    package let low: UInt64
    /// The upper half.
    package let high: UInt64

    /// The length in a file, in bytes.
    package static let byteCount = 16

    /// Makes a hash of its halves.
    ///
    /// - Parameters:
    ///   - low: The lower half.
    ///   - high: The upper half.
    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The hash that stands for none.
    package static let none = Hash128(low: 0, high: 0)

    /// Computes the checksum of some bytes: XXH3_128bits of xxHash, without seed or secret.
    ///
    /// - Parameter bytes: Any number of bytes.
    package init(checksumOf bytes: RawSpan) {
        _ = Self.isLibraryReady
        self = unsafe bytes.withUnsafeBytes { bytes in
            Hash128(unsafe snap_xxh3_128(bytes.baseAddress, bytes.count))
        }
    }

    init(_ hash: snap_xxh128) {
        self.init(low: hash.low, high: hash.high)
    }

    /// The library chooses its vectors at its first long input and guards that against no other
    /// thread, so it is done once, before anything else.
    static let isLibraryReady: Bool = {
        let bytes = [UInt8](repeating: 0, count: 1024)
        return unsafe bytes.withUnsafeBytes { bytes in
            let plain = unsafe snap_xxh3_128(bytes.baseAddress, bytes.count)
            let keyed = unsafe snap_xxh3_128_with_secret(
                bytes.baseAddress, bytes.count, bytes.baseAddress, DigestKey.byteCount)
            return plain.low != keyed.low
        }
    }()

    /// The hash as 32 hex digits, the highest first, for messages.
    package var hex: String {
        [high, low].map { String($0, radix: 16).padded(to: 16) }.joined()
    }
}
