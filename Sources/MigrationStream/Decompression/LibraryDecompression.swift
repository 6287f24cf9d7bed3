import Codecs
import GuestMemory
import SnapSystem
import SystemPackage

/// The decompression of a stream by a library.
final class LibraryDecompression: Decompression {
    private let file: SharedFile
    private let decoder: any FileDecoder
    /// The name of the format, for messages.
    private let format: String
    /// The offset in the file of the next byte to decode.
    private var offset: Int
    private var buffer = MemoryBuffer(byteCount: bufferByteCount)
    /// The range in the buffer of bytes that are not decoded yet.
    private var unread = 0..<0

    private static let bufferByteCount = 1 << 17

    /// Creates a decompression.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - offset: The offset at which the compressed stream starts, in bytes. It ends with the
    ///     file.
    ///   - format: The name of the format, for messages.
    ///   - decoder: A decoder of that format.
    init(of file: SharedFile, from offset: Int, _ format: String, _ decoder: any FileDecoder) {
        self.file = file
        self.offset = offset
        self.format = format
        self.decoder = decoder
    }

    var path: FilePath { file.file.path }

    func read(into target: inout MutableRawSpan) throws(SnapError) -> Int {
        while true {
            try Interruption.check()
            if unread.isEmpty { try fill() }
            let isAtEnd = unread.isEmpty
            if decoder.isComplete {
                if isAtEnd { return 0 }
                if skipZeros() { continue }
            }
            let progress = buffer.withBytes(unread) { decoder.decode($0, into: &target) }
            consume(progress.consumedByteCount)
            if progress.isDamaged { throw damage("\(format) data is damaged") }
            if progress.writtenByteCount > 0 { return progress.writtenByteCount }
            if isAtEnd { throw damage("\(format) data ends early") }
        }
    }

    /// Skips zeros, which pad a file, and with which no data starts; returns false without any.
    private func skipZeros() -> Bool {
        // Looks at one byte first, because a file can have very many short pieces.
        guard buffer.withBytes(unread.prefix(1), { $0.bytes }) == [0] else { return false }
        consume(buffer.withBytes(unread) { $0.bytes.prefix { $0 == 0 }.count })
        return true
    }

    private func consume(_ count: Int) {
        unread = unread.lowerBound + count..<unread.upperBound
        offset += count
    }

    private func fill() throws(SnapError) {
        let count = try buffer.withMutableBytes(0..<Self.bufferByteCount) {
            (bytes) throws(SnapError) in try file.file.read(into: &bytes, at: offset)
        }
        unread = 0..<count
    }

    private func damage(_ message: String) -> SnapError {
        SnapError(.inputDamaged, message, path: path, offset: offset)
    }
}
