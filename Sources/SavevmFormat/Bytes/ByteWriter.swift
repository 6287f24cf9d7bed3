import GuestMemory
import SnapSystem

/// Appends the fields of a structure, little-endian, to a run of bytes.
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

    /// An identifier's bytes in the order in which they are printed.
    mutating func append(_ id: Identifier) {
        append(id.high.byteSwapped)
        append(id.low.byteSwapped)
    }

    mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    /// A text as its length in two bytes and its UTF-8.
    mutating func append(text: String) {
        append(UInt16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// A number in groups of seven bits, the lowest first, the highest bit set on all but the
    /// last (ULEB128).
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reserved bytes, up to a length of the whole.
    mutating func pad(to byteCount: Int) {
        precondition(bytes.count <= byteCount)
        bytes.append(contentsOf: repeatElement(0, count: byteCount - bytes.count))
    }

    /// Computes the checksum of all bytes and puts it over 16 zeros among them.
    @discardableResult
    mutating func seal(at offset: Int) -> Hash128 {
        let checksum = bytes.withBytes { Hash128(checksumOf: $0) }
        var field = ByteWriter()
        field.append(checksum)
        bytes.replaceSubrange(offset..<offset + Hash128.byteCount, with: field.bytes)
        return checksum
    }
}
