import GuestMemory
import SnapSystem
import SystemPackage

/// Takes the fields of a structure, little-endian, from bytes of a file.
///
/// Whatever the bytes are, it reads nothing outside them and throws an error that names the
/// file and the place.
struct ByteReader {
    private let bytes: [UInt8]
    private let path: FilePath
    private let startOffset: Int
    private(set) var position = 0

    /// Begins at the first of some bytes.
    ///
    /// - Parameters:
    ///   - bytes: The structure's bytes.
    ///   - path: The file they were read from.
    ///   - startOffset: Where in that file the first of them is.
    init(_ bytes: [UInt8], path: FilePath, startOffset: Int) {
        self.bytes = bytes
        self.path = path
        self.startOffset = startOffset
    }

    /// The error that something before the current position is wrong.
    func damage(_ message: String, bytesBack: Int = 0) -> SnapError {
        SnapError(
            .damaged, message, path: path, offset: startOffset + position - bytesBack)
    }

    /// The error that what ends at the current position is of a later version.
    func unsupported(_ message: String, bytesBack: Int) -> SnapError {
        SnapError(
            .unsupported, message, path: path, offset: startOffset + position - bytesBack)
    }

    /// Passes over bytes.
    ///
    /// - Throws: `.damaged` if they are not there.
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

    /// An integer field as an `Int`, checked against its limits.
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

    /// Reserved bytes, which must be zero.
    mutating func zeros(_ count: Int, _ what: String) throws(SnapError) {
        let offset = try advance(count, what)
        guard bytes[offset..<offset + count].allSatisfy({ $0 == 0 }) else {
            throw damage("\(what): reserved bytes are not zero", bytesBack: count)
        }
    }

    /// Whether the next bytes are there and all zero.
    func isZero(_ count: Int) -> Bool {
        bytes.count - position >= count
            && bytes[position..<position + count].allSatisfy { $0 == 0 }
    }

    /// Checks that nothing is left.
    func finish(_ what: String) throws(SnapError) {
        guard position == bytes.count else {
            throw damage("\(what) has \(bytes.count - position) bytes too many")
        }
    }

    /// Checks the checksum of all bytes, which stands among them, as `ByteWriter.seal` made it.
    func checkSeal(at offset: Int, _ what: String) throws(SnapError) {
        var unsealed = bytes
        unsealed.replaceSubrange(
            offset..<offset + Hash128.byteCount, with: repeatElement(0, count: Hash128.byteCount))
        var reader = self
        reader.position = offset
        let expected = try reader.hash(what)
        let found = unsealed.withBytes { Hash128(checksumOf: $0) }
        guard found == expected else {
            throw damage("\(what) checksum is \(found.hex), it says \(expected.hex)")
        }
    }

    /// Checks all bytes against a checksum that stands elsewhere.
    func check(_ expected: Hash128, _ what: String) throws(SnapError) {
        let found = bytes.withBytes { Hash128(checksumOf: $0) }
        guard found == expected else {
            throw damage("\(what) checksum is \(found.hex), expected \(expected.hex)")
        }
    }
}
