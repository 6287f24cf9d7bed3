import SnapSystem
import SystemPackage
import WorkPipeline

/// Reads a stream from its beginning to its end, once: a file, or a pipe.
///
/// Whatever the bytes are, it reads nothing outside them and throws an error that names the place.
/// Integers are big-endian.
struct StreamInput: ~Copyable {
    /// What is read; nil if all of it is in the buffer.
    private let source: SharedFile?
    /// Where its bytes come from: what messages name.
    private let origin: FilePath
    private let originOffset: Int
    /// Whether it is a file, in which one can look ahead.
    let isSeekable: Bool
    /// Whether what the file system calls a hole is zero for sure.
    private let trustsHoles: Bool
    private var buffer: MemoryBuffer
    /// The bytes of the buffer that have been read from the source and not yet taken.
    private var unread = 0..<0
    /// Where in the stream the next byte is.
    private(set) var offset = 0
    /// What takes the bytes that are kept.
    private var kept: KeptBytes?
    /// How many bytes have been kept, and may be.
    private(set) var keptByteCount = 0
    var keptByteCountMax = Int.max
    /// Where it tells how far it has come.
    var progress: WorkProgress?
    /// Whether bytes are kept as they are taken.
    var isKeeping = false
    /// Until when bytes come from a pipe; nil for no limit.
    var deadline: ContinuousClock.Instant?

    private static let bufferByteCount = 1 << 20
    /// The most that can be looked at at once.
    static let windowByteCount = 1 << 17

    /// Begins at a stream's first byte.
    ///
    /// - Parameters:
    ///   - source: The stream.
    ///   - kept: What takes the bytes that are kept; nil if none are.
    init(_ source: SharedFile, keeping kept: consuming KeptBytes?) throws(SnapError) {
        // A descriptor that stands elsewhere than at the start is read on from there, like a pipe.
        let isFile = try source.file.status().kind == .regular
        let isAtStart = isFile ? try source.file.position() == 0 : false
        let fileSystem = try source.file.fileSystem()
        isSeekable = isAtStart
        trustsHoles = isAtStart && fileSystem?.reportsDirtyPagesAsData ?? false
        origin = source.file.path
        originOffset = 0
        self.source = source
        self.kept = kept
        buffer = MemoryBuffer(byteCount: Self.bufferByteCount)
    }

    /// Begins at the first of the bytes that were kept of a stream.
    ///
    /// - Parameters:
    ///   - kept: The kept bytes.
    ///   - origin: The stream they are of.
    ///   - originOffset: How many bytes of it, before those that are of interest, were not kept.
    init(kept: SharedFile, of origin: FilePath, _ originOffset: Int) {
        isSeekable = true
        trustsHoles = false
        source = kept
        self.origin = origin
        self.originOffset = originOffset
        self.kept = nil
        buffer = MemoryBuffer(byteCount: Self.bufferByteCount)
    }

    /// Begins at the first of some bytes of a stream.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - origin: Where they are from, for messages.
    init(bytes: [UInt8], of origin: FilePath) {
        source = nil
        self.origin = origin
        originOffset = 0
        isSeekable = false
        trustsHoles = false
        buffer = MemoryBuffer(byteCount: max(bytes.count, 1))
        bytes.withBytes { buffer.copy($0, to: 0) }
        unread = 0..<bytes.count
        kept = nil
    }

    /// The same kept bytes again, from their beginning.
    func copy() -> StreamInput {
        precondition(isSeekable)
        guard let source else { return StreamInput(bytes: [], of: origin) }
        return StreamInput(kept: source, of: origin, originOffset)
    }

    /// The stream's path, for messages.
    var path: FilePath { origin }

    /// Hands over what has been kept; no more is.
    mutating func takeKept() throws(SnapError) -> SharedFile? {
        isKeeping = false
        guard let kept = kept.take() else { return nil }
        return try kept.finish()
    }

    /// The error that the stream is not what it should be.
    func damage(_ message: String, at offset: Int? = nil) -> SnapError {
        SnapError(
            .inputDamaged, message, path: origin, offset: originOffset + (offset ?? self.offset))
    }

    /// The error that the stream is of a sort that cannot be read.
    func unsupported(_ message: String, at offset: Int? = nil, hint: String? = nil) -> SnapError {
        SnapError(
            .unsupported, message, path: origin, offset: originOffset + (offset ?? self.offset),
            hint: hint)
    }

    // MARK: Looking

    /// Makes a number of bytes ready to be looked at.
    ///
    /// - Parameter count: How many, at most `windowByteCount`.
    /// - Returns: How many there are: fewer only at the stream's end.
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
            guard let source else { break }
            let readByteCount = try buffer.withMutableBytes(end..<buffer.byteCount) {
                (target) throws(SnapError) in
                isSeekable
                    ? try source.file.read(into: &target, at: place)
                    : try source.file.readNext(into: &target, until: deadline)
            }
            if readByteCount == 0 { break }
            unread = 0..<end + readByteCount
            progress?.reach(place + readByteCount)
        }
        return unread.count
    }

    /// Some of the next bytes, without taking them.
    ///
    /// - Parameter count: How many, at most `windowByteCount`; fewer at the stream's end.
    mutating func peek(_ count: Int) throws(SnapError) -> [UInt8] {
        let count = min(count, try fill(count))
        return buffer.withBytes(unread.lowerBound..<unread.lowerBound + count) { $0.bytes }
    }

    /// Some bytes farther on, in a file.
    ///
    /// - Parameters:
    ///   - count: How many; fewer at the stream's end.
    ///   - distance: How far behind the next byte.
    func look(_ count: Int, ahead distance: Int) throws(SnapError) -> [UInt8] {
        guard let source, isSeekable else { return [] }
        return try source.file.read(byteCount: count, at: offset + distance)
    }

    /// Finds the data in a file from a place on.
    ///
    /// - Parameter place: Where to look from.
    /// - Returns: A run of bytes behind which there may be more; what is before it is zero, and
    ///   all is that follows if there is none.
    func data(from place: Int) -> Range<Int>? {
        guard let source, trustsHoles else { return place..<Int.max }
        return source.file.data(from: place)
    }

    /// Takes all that is left, without keeping it.
    ///
    /// - Parameter count: How much of the end is wanted.
    /// - Returns: The last bytes, at least so many if there are.
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

    // MARK: Taking

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
                ).with(hint: "--device-state-limit allows more")
            }
            let bytes = unread.lowerBound..<unread.lowerBound + count
            try buffer.withBytes(bytes) { (bytes) throws(SnapError) in try kept?.append(bytes) }
            keptByteCount += count
        }
        unread = unread.lowerBound + count..<unread.upperBound
        offset += count
    }

    /// Takes an integer.
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

    /// Takes bytes and lends them.
    ///
    /// - Parameters:
    ///   - count: How many, at most `windowByteCount`.
    ///   - what: What they are, for the message.
    ///   - body: Takes them.
    mutating func withBytes(
        _ count: Int, _ what: String, body: (RawSpan) throws(SnapError) -> Void
    ) throws(SnapError) {
        try require(count, what)
        try buffer.withBytes(unread.lowerBound..<unread.lowerBound + count) {
            (bytes) throws(SnapError) in try body(bytes)
        }
        try advance(count)
    }

    /// Takes bytes.
    ///
    /// - Parameters:
    ///   - count: How many; already compared with a limit by the caller.
    ///   - what: What they are, for the message.
    mutating func bytes(_ count: Int, _ what: String) throws(SnapError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = min(count - bytes.count, Self.windowByteCount)
            try withBytes(part, what) { bytes += $0.bytes }
        }
        return bytes
    }

    /// Takes a name: its length in one byte, and printable ASCII.
    mutating func name(_ what: String) throws(SnapError) -> String {
        let place = offset
        let bytes = try bytes(Int(try integer(what, as: UInt8.self)), what)
        guard !bytes.isEmpty, let name = Self.text(bytes) else {
            throw damage("\(what) is not printable text", at: place)
        }
        return name
    }

    /// Printable ASCII as text; nil if it is anything else.
    static func text(_ bytes: [UInt8]) -> String? {
        bytes.allSatisfy { (0x20...0x7e).contains($0) }
            ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Takes bytes that nobody wants to see.
    ///
    /// Those that a file has beyond its end are missed by whatever is taken next.
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

    /// Takes bytes until the next is a certain one.
    ///
    /// - Returns: false if the stream ends first.
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

    /// Takes all that is left.
    mutating func skipRest() throws(SnapError) {
        while case let count = try fill(1), count > 0 { try advance(count) }
    }

    /// Goes to a place in a file, forwards or back.
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
