import SnapSystem
import SystemPackage
import WorkPipeline

/// A stream that is read once, from its start to its end.
///
/// For any input, it reads only bytes of the stream, and its errors contain the offset. Integers
/// are big-endian.
struct StreamInput: ~Copyable {
    /// The source of the bytes; nil if all are in the buffer.
    private let source: StreamSource?
    /// The file that error messages name: the stream from which the bytes come.
    private let origin: FilePath
    /// The offset in that file of the first byte, which error messages add to their own.
    private let originOffset: Int
    /// Whether every hole that the file system reports is known to be zero.
    private let trustsHoles: Bool
    private var buffer: MemoryBuffer
    /// The range in the buffer of bytes that have been read from the source but not consumed.
    private var unread = 0..<0
    /// The offset of the next byte in the stream.
    private(set) var offset = 0
    /// The destination of the bytes that are kept; nil if none are.
    private var kept: KeptBytes?
    /// The number of bytes kept so far.
    private(set) var keptByteCount = 0
    /// The number of bytes that may be kept.
    var keptByteCountMax = Int.max
    /// The progress to which the number of bytes read is reported.
    var progress: WorkProgress?
    /// The number of bytes that the stream may have.
    private var byteCountMax = Int.max
    /// Whether bytes are kept when they are consumed.
    var isKeeping = false
    /// The time limits of a pipe.
    var arrival = StreamArrival()

    private static let bufferByteCount = 1 << 20
    /// The number of bytes that can be peeked at or lent at a time.
    static let windowByteCount = 1 << 17

    /// Opens a stream at its first byte.
    ///
    /// - Parameters:
    ///   - source: The stream.
    ///   - kept: The destination of the bytes that are kept; nil if none are.
    /// - Throws: `.inputOutput`.
    init(_ source: StreamSource, keeping kept: consuming KeptBytes?) throws(SnapError) {
        switch source {
        case .file(let file, let start):
            trustsHoles = try file.file.fileSystem()?.reportsDirtyPagesAsData ?? false
            origin = file.file.path
            originOffset = start
        case .pipe(let pipe):
            trustsHoles = false
            origin = pipe.file.path
            originOffset = 0
        case .compressed(let decompression, let byteCount):
            trustsHoles = false
            origin = FilePath("\(decompression.path) (decompressed)")
            originOffset = 0
            let (product, overflow) = byteCount.multipliedReportingOverflow(
                by: StreamLimits.expansionMax)
            byteCountMax = overflow ? .max : product
        }
        self.source = source
        self.kept = kept
        buffer = MemoryBuffer(byteCount: Self.bufferByteCount)
    }

    /// Opens the bytes that were kept of a stream.
    ///
    /// - Parameters:
    ///   - kept: The kept bytes.
    ///   - origin: The path of the stream, for error messages.
    ///   - originOffset: The number of bytes of the stream that were not kept, which error messages
    ///     add to offsets.
    init(kept: SharedFile, of origin: FilePath, _ originOffset: Int) {
        trustsHoles = false
        source = .file(kept, start: 0)
        self.origin = origin
        self.originOffset = originOffset
        self.kept = nil
        buffer = MemoryBuffer(byteCount: Self.bufferByteCount)
    }

    /// Opens bytes of a stream that are in memory.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - origin: The file from which they come, for error messages.
    init(bytes: [UInt8], of origin: FilePath) {
        source = nil
        self.origin = origin
        originOffset = 0
        trustsHoles = false
        buffer = MemoryBuffer(byteCount: max(bytes.count, 1))
        bytes.withBytes { buffer.copy($0, to: 0) }
        unread = 0..<bytes.count
        kept = nil
    }

    /// Returns the same kept bytes as a new stream, at its first byte.
    func copy() -> StreamInput {
        precondition(isSeekable)
        guard case .file(let kept, _) = source else { return StreamInput(bytes: [], of: origin) }
        return StreamInput(kept: kept, of: origin, originOffset)
    }

    /// Whether the source is a file, which can be read at any offset.
    var isSeekable: Bool { if case .file = source { true } else { false } }

    /// The offset in its file at which the stream starts, in bytes; nil if it is not known.
    var startInFile: Int? { if case .file(_, let start) = source, start > 0 { start } else { nil } }

    /// Whether the bytes are decompressed.
    var isDecompressed: Bool { if case .compressed = source { true } else { false } }

    /// The stream's path, for error messages.
    var path: FilePath { origin }

    /// Returns the kept bytes and stops keeping; nil if there is no destination for them.
    mutating func takeKept() throws(SnapError) -> SharedFile? {
        isKeeping = false
        guard let kept = kept.take() else { return nil }
        return try kept.finish()
    }

    /// Returns the error for a damaged stream, by default with the current offset.
    func damage(_ message: String, at offset: Int? = nil) -> SnapError {
        SnapError(
            .inputDamaged, message, path: origin, offset: originOffset + (offset ?? self.offset))
    }

    /// Returns the error for a stream that snap cannot read, by default with the current offset.
    func unsupported(_ message: String, at offset: Int? = nil, hint: String? = nil) -> SnapError {
        SnapError(
            .unsupported, message, path: origin, offset: originOffset + (offset ?? self.offset),
            hint: hint)
    }

    // MARK: Peeking

    /// Fills the buffer with the next bytes.
    ///
    /// - Parameter count: The number of bytes, at most `windowByteCount`.
    /// - Returns: The number of bytes in the buffer, which is less only at the stream's end.
    private mutating func fill(_ count: Int) throws(SnapError) -> Int {
        precondition(count <= Self.windowByteCount)
        if unread.count >= count { return unread.count }
        if unread.lowerBound > 0 {
            buffer.move(unread, to: 0)
            unread = 0..<unread.count
        }
        while unread.count < count {
            try Interruption.check()
            let place = offset + unread.count
            let end = unread.upperBound
            let readByteCount = try buffer.withMutableBytes(end..<buffer.byteCount) {
                (target) throws(SnapError) in
                switch source {
                case nil: 0
                case .file(let file, let start):
                    try file.file.read(into: &target, at: start + place)
                case .pipe(let pipe):
                    try pipe.file.readNext(into: &target, until: arrival.nextDeadline)
                case .compressed(let decompression, _): try decompression.read(into: &target)
                }
            }
            if readByteCount == 0 { break }
            guard place + readByteCount <= byteCountMax else {
                throw damage(
                    "stream has more than \(byteCountMax) bytes, expected at most "
                        + "\(StreamLimits.expansionMax) times the length of its compressed form",
                    at: byteCountMax)
            }
            unread = 0..<end + readByteCount
            progress?.reach(place + readByteCount)
            arrival.report()
        }
        return unread.count
    }

    /// Returns the next bytes without consuming them.
    ///
    /// - Parameter count: The number of bytes, at most `windowByteCount`.
    /// - Returns: The bytes; fewer than `count` at the stream's end.
    /// - Throws: `.inputOutput` or `.interrupted`.
    mutating func peek(_ count: Int) throws(SnapError) -> [UInt8] {
        let count = min(count, try fill(count))
        return buffer.withBytes(unread.lowerBound..<unread.lowerBound + count) { $0.bytes }
    }

    /// Returns bytes at a later offset of a file.
    ///
    /// - Parameters:
    ///   - count: The number of bytes.
    ///   - distance: The distance from the next byte, in bytes.
    /// - Returns: The bytes; fewer than `count` at the file's end, and none for a pipe.
    /// - Throws: `.inputOutput`.
    func peek(_ count: Int, ahead distance: Int) throws(SnapError) -> [UInt8] {
        guard case .file(let file, let start) = source else { return [] }
        return try file.file.read(byteCount: count, at: start + offset + distance)
    }

    /// Finds the next run of data in a file.
    ///
    /// - Parameter place: The offset at which the search starts.
    /// - Returns: The range of a run of data, which other runs may follow. The bytes between
    ///   `place` and the run are zero. If the result is nil, all bytes after `place` are zero.
    func data(from place: Int) -> Range<Int>? {
        guard case .file(let file, let start) = source, trustsHoles else {
            return place..<Int.max
        }
        guard let data = file.file.data(from: start + place) else { return nil }
        return data.lowerBound - start..<data.upperBound - start
    }

    /// Finds the description at a file's end.
    ///
    /// - Returns: The description; nil if there is no valid one, and for all other sources.
    /// - Throws: `.inputOutput`.
    func descriptionAtEnd() throws(SnapError) -> VMDescription? {
        guard case .file(let file, let start) = source else { return nil }
        return try PlacedDescription.last(in: file.file, from: start + offset)?.description
    }

    /// Consumes all remaining bytes without keeping them.
    ///
    /// - Parameter count: The number of bytes that the caller needs of the end.
    /// - Returns: The last bytes: at least `count` of them, if that many remain.
    /// - Throws: `.inputOutput` or `.interrupted`.
    mutating func takeTail(byteCountMax count: Int) throws(SnapError) -> [UInt8] {
        isKeeping = false
        var tail: [UInt8] = []
        while try fill(1) > 0 {
            tail += buffer.withBytes(unread) { $0.bytes }
            try advance(unread.count)
            if tail.count > 2 * count { tail.removeFirst(tail.count - count) }
        }
        return tail
    }

    // MARK: Consuming

    private mutating func require(_ count: Int, _ what: String) throws(SnapError) {
        let found = try fill(count)
        guard found >= count else {
            throw damage(
                "stream ends in \(what): \(found) bytes, expected \(count)", at: offset + found)
        }
    }

    private mutating func advance(_ count: Int) throws(SnapError) {
        if isKeeping {
            guard count <= keptByteCountMax - keptByteCount else {
                throw damage(
                    "device state has at least \(keptByteCount + count) bytes, expected at most "
                        + "\(keptByteCountMax)", at: offset + keptByteCountMax - keptByteCount
                ).with(hint: "use --device-state-limit to allow more")
            }
            let bytes = unread.lowerBound..<unread.lowerBound + count
            try buffer.withBytes(bytes) { (bytes) throws(SnapError) in try kept?.append(bytes) }
            keptByteCount += count
        }
        unread = unread.lowerBound + count..<unread.upperBound
        offset += count
    }

    /// Reads an integer; `what` names it in the error message.
    mutating func integer<Field: FixedWidthInteger & BitwiseCopyable>(
        _ what: String, as type: Field.Type = Field.self
    ) throws(SnapError) -> Field {
        let size = MemoryLayout<Field>.size
        try require(size, what)
        let bytes = unread.lowerBound..<unread.lowerBound + size
        // In bounds by `require`; any bits are a valid integer.
        let field = buffer.withBytes(bytes) { bytes in
            unsafe Field(bigEndian: bytes.unsafeLoadUnaligned(as: Field.self))
        }
        try advance(size)
        return field
    }

    /// Reads bytes and lends them to a closure.
    ///
    /// - Parameters:
    ///   - count: The number of bytes, at most `windowByteCount`.
    ///   - what: The name of the bytes in the error message.
    ///   - body: Called once with the bytes.
    /// - Throws: `.inputDamaged` if fewer bytes remain, and what `body` throws.
    mutating func withBytes(
        _ count: Int, _ what: String, body: (RawSpan) throws(SnapError) -> Void
    ) throws(SnapError) {
        try require(count, what)
        try buffer.withBytes(unread.lowerBound..<unread.lowerBound + count) {
            (bytes) throws(SnapError) in try body(bytes)
        }
        try advance(count)
    }

    /// Reads bytes.
    ///
    /// - Parameters:
    ///   - count: The number of bytes, which the caller has compared with a limit.
    ///   - what: The name of the bytes in the error message.
    /// - Returns: Exactly `count` bytes.
    /// - Throws: `.inputDamaged` if fewer bytes remain.
    mutating func bytes(_ count: Int, _ what: String) throws(SnapError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = min(count - bytes.count, Self.windowByteCount)
            try withBytes(part, what) { bytes += $0.bytes }
        }
        return bytes
    }

    /// Reads a name: its length in one byte, then printable ASCII characters.
    mutating func name(_ what: String) throws(SnapError) -> String {
        let place = offset
        let bytes = try bytes(Int(try integer(what, as: UInt8.self)), what)
        guard !bytes.isEmpty, let name = Self.text(bytes) else {
            throw damage("\(what) is not printable text", at: place)
        }
        return name
    }

    /// Decodes printable ASCII; returns nil if there are other bytes.
    static func text(_ bytes: [UInt8]) -> String? {
        bytes.allSatisfy { (0x20...0x7e).contains($0) }
            ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Skips bytes.
    ///
    /// In a file, this may move past the end without an error. The next read then finds no bytes.
    mutating func skip(_ count: Int) throws(SnapError) {
        var left = count
        while left > 0 {
            if unread.isEmpty && isSeekable && !isKeeping {
                offset += left
                return
            }
            let part = min(left, try fill(1))
            guard part > 0 else { throw damage("stream ends \(left) bytes early") }
            try advance(part)
            left -= part
        }
    }

    /// Skips to the next byte with a given value.
    ///
    /// - Returns: false if the stream ends before such a byte.
    mutating func skip(to byte: UInt8) throws(SnapError) -> Bool {
        while try fill(1) > 0 {
            let found = buffer.withBytes(unread) { bytes in
                unsafe bytes.withUnsafeBytes { unsafe $0.firstIndex(of: byte) }
            }
            try advance(found ?? unread.count)
            if found != nil { return true }
        }
        return false
    }

    /// Skips all remaining bytes.
    mutating func skipRest() throws(SnapError) {
        while case let count = try fill(1), count > 0 { try advance(count) }
    }

    /// Moves forward or backward to an offset in a file.
    mutating func move(to offset: Int) {
        precondition(isSeekable && !isKeeping)
        if offset >= self.offset, offset - self.offset <= unread.count {
            unread = unread.lowerBound + offset - self.offset..<unread.upperBound
        } else {
            unread = 0..<0
        }
        self.offset = offset
    }
}
