import SnapSystem

/// Bytes on their way to standard output, written in large pieces: a result may have millions of
/// lines.
struct OutputBuffer {
    private var bytes: [UInt8] = []
    private var failure: SnapError?

    private static let pieceByteCount = 1 << 20

    /// Adds bytes; from some size on all are written.
    ///
    /// After a failure nothing more is written; `finish` says why.
    ///
    /// - Parameter more: The bytes.
    mutating func append(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
        if bytes.count >= Self.pieceByteCount { flush() }
    }

    /// Writes what is left.
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
