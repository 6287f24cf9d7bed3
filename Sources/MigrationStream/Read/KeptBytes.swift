import SnapSystem

/// Bytes of a stream that are kept verbatim in a scratch file, with holes for long runs of zeros.
struct KeptBytes: ~Copyable {
    private let file: File
    private var waiting: [UInt8] = []
    private var writtenByteCount = 0

    private static let waitingByteCountMax = 1 << 16

    init(in directory: Directory) throws(SnapError) {
        file = try PendingFile.scratch(in: directory, for: "a scratch file for device state")
    }

    mutating func append(_ bytes: RawSpan) throws(SnapError) {
        waiting.append(copying: bytes)
        if waiting.count >= Self.waitingByteCountMax { try flush() }
    }

    private mutating func flush() throws(SnapError) {
        if waiting.contains(where: { $0 != 0 }) { try file.write(waiting, at: writtenByteCount) }
        writtenByteCount += waiting.count
        waiting.removeAll(keepingCapacity: true)
    }

    /// Writes the bytes that still wait and returns the file for reading.
    consuming func finish() throws(SnapError) -> SharedFile {
        try flush()
        // A hole at the end is never written, so it does not extend the file.
        try file.setLength(writtenByteCount)
        return SharedFile(file)
    }
}
