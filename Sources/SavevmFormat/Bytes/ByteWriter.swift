import GuestMemory
import SnapSystem

/// A writer that encodes the fields of a structure as little-endian bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    mutating func append<Field: FixedWidthInteger>(_ field: Field) {
        var rest = field
        for _ in 0..<MemoryLayout<Field>.size {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            if MemoryLayout<Field>.size > 1 { rest >>= 8 }
        }
    }

    mutating func append(_ hash: Hash128) {
        append(hash.low)
        append(hash.high)
    }

    /// Appends the bytes of an identifier, in the order of its hex digits.
    mutating func append(_ id: Identifier) {
        append(id.high.byteSwapped)
        append(id.low.byteSwapped)
    }

    mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    /// Appends a text: its length in two bytes, then its UTF-8.
    mutating func append(text: String) {
        append(UInt16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Appends a number as a ULEB128: seven bits in each byte, the lowest bits first, and the
    /// highest bit of each byte but the last set.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Appends reserved bytes, which are zero, until all bytes together have a length.
    mutating func pad(to byteCount: Int) {
        precondition(bytes.count <= byteCount)
        bytes.append(contentsOf: repeatElement(0, count: byteCount - bytes.count))
    }

    /// Computes the checksum of all bytes, and writes it over 16 zero bytes among them.
    @discardableResult
    mutating func seal(at offset: Int) -> Hash128 {
        let checksum = bytes.withBytes { Hash128(checksumOf: $0) }
        var field = ByteWriter()
        field.append(checksum)
        bytes.replaceSubrange(offset..<offset + Hash128.byteCount, with: field.bytes)
        return checksum
    }
}
