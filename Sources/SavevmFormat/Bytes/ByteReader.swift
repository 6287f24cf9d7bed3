import GuestMemory
import SnapSystem
import SystemPackage

/// A reader of the little-endian fields of a structure in a file.
///
/// It never reads outside the structure's bytes. If they are invalid, it throws an error with the
/// file's path and the offset in the file.
struct ByteReader {
    private let bytes: [UInt8]
    private let path: FilePath
    private let startOffset: Int
    private(set) var position = 0

    /// Creates a reader that starts at the first byte.
    ///
    /// - Parameters:
    ///   - bytes: The structure's bytes.
    ///   - path: The path of the file that they were read from.
    ///   - startOffset: The offset of the first byte in that file.
    init(_ bytes: [UInt8], path: FilePath, startOffset: Int) {
        self.bytes = bytes
        self.path = path
        self.startOffset = startOffset
    }

    /// Creates an error that reports damage `bytesBack` bytes before the current position.
    func damage(_ message: String, bytesBack: Int = 0) -> SnapError {
        SnapError(
            .damaged, message, path: path, offset: startOffset + position - bytesBack)
    }

    /// Creates an error that reports a feature of a later version, `bytesBack` bytes before the
    /// current position.
    func unsupported(_ message: String, bytesBack: Int) -> SnapError {
        SnapError(
            .unsupported, message, path: path, offset: startOffset + position - bytesBack)
    }

    /// Skips bytes.
    ///
    /// - Throws: `.damaged` if fewer bytes are left.
    mutating func skip(_ count: Int, _ what: String) throws(SnapError) {
        _ = try advance(count, what)
    }

    private mutating func advance(_ count: Int, _ what: String) throws(SnapError) -> Int {
        guard bytes.count - position >= count else {
            throw damage("\(what) ends early: \(bytes.count - position) bytes, expected \(count)")
        }
        defer { position += count }
        return position
    }

    mutating func integer<Field: FixedWidthInteger & BitwiseCopyable>(
        _ what: String, as type: Field.Type = Field.self
    ) throws(SnapError) -> Field {
        let offset = try advance(MemoryLayout<Field>.size, what)
        // In bounds by `advance`; any bits are a valid integer.
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe Field(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Field.self))
        }
    }

    /// Reads an integer field as an `Int`, and checks that it is within its limits.
    mutating func count<Field: FixedWidthInteger & BitwiseCopyable>(
        _ what: String, as type: Field.Type, in range: ClosedRange<Int>
    ) throws(SnapError) -> Int {
        let field = try integer(what, as: type)
        guard let value = Int(exactly: field), range.contains(value) else {
            throw damage(
                "\(what) is \(field), expected \(range.lowerBound) to \(range.upperBound)",
                bytesBack: MemoryLayout<Field>.size)
        }
        return value
    }

    mutating func hash(_ what: String) throws(SnapError) -> Hash128 {
        let low = try integer(what, as: UInt64.self)
        return Hash128(low: low, high: try integer(what, as: UInt64.self))
    }

    mutating func identifier(_ what: String) throws(SnapError) -> Identifier {
        let high = try integer(what, as: UInt64.self).byteSwapped
        return Identifier(high: high, low: try integer(what, as: UInt64.self).byteSwapped)
    }

    mutating func bytes(_ count: Int, _ what: String) throws(SnapError) -> [UInt8] {
        let offset = try advance(count, what)
        return Array(bytes[offset..<offset + count])
    }

    mutating func text(_ what: String) throws(SnapError) -> String {
        let count = try count(what, as: UInt16.self, in: 0...Limits.textByteCountMax)
        let utf8 = try bytes(count, what)
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw damage("\(what) is not UTF-8", bytesBack: count)
        }
        return text
    }

    mutating func varint(_ what: String) throws(SnapError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            let byte = try integer(what, as: UInt8.self)
            let bits = UInt64(byte & 0x7f)
            guard (bits << shift) >> shift == bits else { break }
            value |= bits << shift
            if byte < 0x80 { return value }
        }
        throw damage("\(what) is longer than 64 bits", bytesBack: 1)
    }

    /// Reads reserved bytes, which must be zero.
    mutating func zeros(_ count: Int, _ what: String) throws(SnapError) {
        let offset = try advance(count, what)
        guard bytes[offset..<offset + count].allSatisfy({ $0 == 0 }) else {
            throw damage("\(what): reserved bytes are not zero", bytesBack: count)
        }
    }

    /// Checks whether the next bytes exist and are all zero.
    func isZero(_ count: Int) -> Bool {
        bytes.count - position >= count
            && bytes[position..<position + count].allSatisfy { $0 == 0 }
    }

    /// Checks that no bytes are left.
    func finish(_ what: String) throws(SnapError) {
        guard position == bytes.count else {
            throw damage("\(what) has \(bytes.count - position) extra bytes")
        }
    }

    /// Checks the checksum of all bytes that `ByteWriter.seal` wrote among them, at `offset`.
    func checkSeal(at offset: Int, _ what: String) throws(SnapError) {
        var unsealed = bytes
        unsealed.replaceSubrange(
            offset..<offset + Hash128.byteCount, with: repeatElement(0, count: Hash128.byteCount))
        var reader = self
        reader.position = offset
        let expected = try reader.hash(what)
        let found = unsealed.withBytes { Hash128(checksumOf: $0) }
        guard found == expected else {
            throw damage("\(what) checksum is \(found.hex), expected \(expected.hex)")
        }
    }

    /// Checks all bytes against a checksum that is stored elsewhere.
    func check(_ expected: Hash128, _ what: String) throws(SnapError) {
        let found = bytes.withBytes { Hash128(checksumOf: $0) }
        guard found == expected else {
            throw damage("\(what) checksum is \(found.hex), expected \(expected.hex)")
        }
    }
}
