import SnapSystem

/// A buffer that writes to standard output in large pieces, because a result may have millions of
/// lines.
struct OutputBuffer {
    private var bytes: [UInt8] = []
    private var failure: SnapError?

    private static let pieceByteCount = 1 << 20

    /// Adds bytes, and writes the buffer to standard output if it is large enough.
    ///
    /// After a failed write, bytes are dropped, and `finish` throws the error.
    ///
    /// - Parameter more: The bytes to add.
    mutating func append(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
        if bytes.count >= Self.pieceByteCount { flush() }
    }

    /// Writes the remaining bytes.
    ///
    /// - Throws: `.inputOutput` if standard output could not be written.
    mutating func finish() throws(SnapError) {
        flush()
        if let failure { throw failure }
    }

    private mutating func flush() {
        if failure == nil && !bytes.isEmpty {
            do throws(SnapError) { try Console.write(bytes) } catch { failure = error }
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
