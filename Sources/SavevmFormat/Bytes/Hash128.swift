import CXXHash

/// 128 bits of XXH3, of which a file has two sorts.
///
/// A *checksum* has no key and guards the bytes of a file; a *digest* has the store's key and
/// stands for the content of a page (`DigestKey`). Neither is a cryptographic promise.
public struct Hash128: Sendable, Hashable {
    /// The lower half, first in a file.
    public let low: UInt64
    /// The upper half.
    public let high: UInt64

    /// The length in a file, in bytes.
    package static let byteCount = 16

    /// Makes a hash of its halves.
    ///
    /// - Parameters:
    ///   - low: The lower half.
    ///   - high: The upper half.
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The hash that stands for none.
    package static let none = Hash128(low: 0, high: 0)

    /// Computes the checksum of some bytes: XXH3_128bits of xxHash, without seed or secret.
    ///
    /// - Parameter bytes: Any number of bytes.
    package init(checksumOf bytes: RawSpan) {
        _ = isLibraryReady
        self = unsafe bytes.withUnsafeBytes { bytes in
            Hash128(unsafe snap_xxh3_128(bytes.baseAddress, bytes.count))
        }
    }

    fileprivate init(_ hash: snap_xxh128) {
        self.init(low: hash.low, high: hash.high)
    }

    /// The hash as 32 hex digits, the highest first, for messages.
    package var hex: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// The secret with which digests of pages are computed: 192 random bytes.
///
/// It is XXH3's secret itself, so nothing has to be derived from it and any implementation of
/// XXH3 can check a file. Digests compare only between files of equal key.
public struct DigestKey: Sendable, Hashable {
    /// The secret.
    public let bytes: [UInt8]

    /// The secret's length: XXH3's own default.
    public static let byteCount = 192

    /// Makes a key of stored bytes.
    ///
    /// - Parameter bytes: The secret.
    /// - Returns: nil unless they are 192.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// A new key from the system's source of randomness (getrandom(2)).
    public static func random() -> DigestKey {
        DigestKey(random: (0..<byteCount).map { _ in .random(in: 0...UInt8.max) })
    }

    private init(random bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The digest of a page: XXH3_128bits_withSecret of xxHash.
    ///
    /// - Parameter page: The page's bytes.
    public func digest(of page: RawSpan) -> Hash128 {
        _ = isLibraryReady
        return unsafe bytes.withUnsafeBytes { key in
            unsafe page.withUnsafeBytes { page in
                Hash128(
                    unsafe snap_xxh3_128_with_secret(
                        page.baseAddress, page.count, key.baseAddress, key.count))
            }
        }
    }
}

/// The library chooses its vectors at its first long input and guards that against no other thread,
/// so it is done once, before anything else.
private let isLibraryReady: Bool = {
    let bytes = [UInt8](repeating: 0, count: 1024)
    return unsafe bytes.withUnsafeBytes { bytes in
        let plain = unsafe snap_xxh3_128(bytes.baseAddress, bytes.count)
        let keyed = unsafe snap_xxh3_128_with_secret(
            bytes.baseAddress, bytes.count, bytes.baseAddress, DigestKey.byteCount)
        return plain.low != keyed.low
    }
}()
