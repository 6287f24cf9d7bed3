import SnapSystem

/// A buffer that writes in large pieces, because a result may have millions of lines.
struct OutputBuffer {
    private var bytes: [UInt8] = []
    private var failure: SnapError?
    private let destination: ([UInt8]) throws(SnapError) -> Void

    private static let pieceByteCount = 1 << 20

    /// Creates an empty buffer.
    ///
    /// - Parameter destination: Receives the bytes in pieces; writes them to standard output by
    ///   default.
    init(
        to destination: @escaping ([UInt8]) throws(SnapError) -> Void = {
            (bytes) throws(SnapError) in try Console.write(bytes)
        }
    ) {
        self.destination = destination
    }

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
            do throws(SnapError) { try destination(bytes) } catch { failure = error }
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
