import Glibc

/// A fixed run of page-aligned memory with one owner.
///
/// Spans of the buffer are passed to closures and never returned, so no span outlives the buffer.
@safe
package struct MemoryBuffer: ~Copyable {
    // The memory exists from `init` to `deinit` and is never handed out. Every access goes through
    // `part`, which checks the bounds; the compiler checks exclusivity.
    private let memory: UnsafeMutableRawBufferPointer
    /// The buffer's length in bytes.
    package let byteCount: Int

    /// Allocates a buffer that is filled with zeros.
    ///
    /// - Parameter byteCount: The buffer's length in bytes.
    package init(byteCount: Int) {
        unsafe memory = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        self.byteCount = byteCount
    }

    deinit { unsafe memory.deallocate() }

    @unsafe private func part(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[range])
    }

    /// Passes some of the buffer's bytes to a closure that reads them.
    ///
    /// - Parameters:
    ///   - range: The offsets of the bytes in the buffer.
    ///   - body: Reads the bytes; the span is valid only during the call.
    /// - Returns: The result of `body`.
    /// - Throws: What `body` throws.
    package func withBytes<Result, Failure>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let part = unsafe part(range)
        return try body(unsafe part.bytes)
    }

    /// Passes some of the buffer's bytes to a closure that can change them.
    ///
    /// - Parameters:
    ///   - range: The offsets of the bytes in the buffer.
    ///   - body: Reads and writes the bytes; the span is valid only during the call.
    /// - Returns: The result of `body`.
    /// - Throws: What `body` throws.
    package mutating func withMutableBytes<Result, Failure>(
        _ range: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let part = unsafe part(range)
        var span = unsafe part.mutableBytes
        return try body(&span)
    }

    /// Copies bytes within the buffer; the ranges may overlap.
    ///
    /// - Parameters:
    ///   - source: The offsets of the bytes to copy.
    ///   - target: The offset to which the first of them is copied.
    package mutating func move(_ source: Range<Int>, to target: Int) {
        let bytes = unsafe UnsafeRawBufferPointer(part(source))
        unsafe part(target..<target + source.count).copyMemory(from: bytes)
    }

    /// Copies bytes into the buffer.
    ///
    /// - Parameters:
    ///   - source: The bytes to copy.
    ///   - target: The offset in the buffer to which the first of them is copied.
    package mutating func copy(_ source: RawSpan, to target: Int) {
        let part = unsafe part(target..<target + source.byteCount)
        unsafe source.withUnsafeBytes { source in unsafe part.copyMemory(from: source) }
    }
}

extension [UInt8] {
    /// Passes the array's bytes to a closure that reads them.
    ///
    /// - Parameter body: Reads the bytes; the span is valid only during the call.
    /// - Returns: The result of `body`.
    /// - Throws: What `body` throws.
    package func withBytes<Result, Failure>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe span.bytes)
    }

    /// Appends the bytes of a span to the array.
    ///
    /// - Parameter source: The bytes to append.
    package mutating func append(copying source: RawSpan) {
        unsafe source.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }

    /// Passes the array's bytes to a closure that can change them.
    ///
    /// - Parameter body: Reads and writes the bytes; the span is valid only during the call.
    /// - Returns: The result of `body`.
    /// - Throws: What `body` throws.
    package mutating func withMutableBytes<Result, Failure>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = mutableSpan
        var bytes = unsafe span.mutableBytes
        return try body(&bytes)
    }
}

extension MutableRawSpan {
    /// Copies bytes into the span.
    ///
    /// - Parameters:
    ///   - source: The bytes to copy.
    ///   - offset: The offset in this span to which the first of them is copied.
    package mutating func copy(_ source: RawSpan, to offset: Int = 0) {
        precondition(offset >= 0 && source.byteCount <= byteCount - offset)
        unsafe withUnsafeMutableBytes { target in
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...])
            unsafe source.withUnsafeBytes { unsafe part.copyMemory(from: $0) }
        }
    }
}

extension RawSpan {
    /// Compares the bytes of two spans.
    ///
    /// - Parameter other: The span to compare with.
    /// - Returns: true if both spans have the same length and contain the same bytes.
    package func isEqual(to other: RawSpan) -> Bool {
        unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { other in
                guard mine.count == other.count else { return false }
                guard let mine = mine.baseAddress, let other = other.baseAddress else {
                    return true
                }
                return unsafe memcmp(mine, other, byteCount) == 0
            }
        }
    }

    /// A copy of the span's bytes.
    package var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
