import SavevmFormat
import SnapSystem

/// Recomputes checksums in files that a test has changed.
enum Checksums {
    /// Writes the checksum of a part of a file into its field in this part.
    ///
    /// The checksum is computed with the field set to zero.
    @discardableResult
    static func seal(_ part: Range<Int>, at offset: Int, in file: inout [UInt8]) -> [UInt8] {
        file.replaceSubrange(offset..<offset + 16, with: repeatElement(0, count: 16))
        return write(checksumOf: part, to: offset, in: &file)
    }

    /// Writes the checksum of a part of a file into a field elsewhere.
    @discardableResult
    static func write(
        checksumOf part: Range<Int>, to offset: Int, in file: inout [UInt8]
    ) -> [UInt8] {
        let checksum = Array(file[part]).withBytes { Hash128(checksumOf: $0) }
        let bytes = [checksum.low, checksum.high].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> ($0 * 8)) }
        }
        file.replaceSubrange(offset..<offset + 16, with: bytes)
        return bytes
    }

    /// Returns the checksum of a file's trailer, as a savevm file contains it.
    static func trailerChecksum(of file: [UInt8]) -> Hash128 {
        Array(file[(file.count - 256)...]).withBytes { Hash128(checksumOf: $0) }
    }

    /// Reads a little-endian integer of 8 bytes.
    static func integer(_ file: [UInt8], at offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(file[offset + $1]) << (8 * $1) }
    }
}
