import Glibc

/// A fixed run of page-aligned memory with one owner.
///
/// Spans of it go down into closures, never up as results, so none outlives the buffer.
@safe
package struct MemoryBuffer: ~Copyable {
    // Owned from `init` to `deinit` and never handed out; every access goes through `part`, which
    // checks the bounds, and the compiler checks exclusivity.
    private let memory: UnsafeMutableRawBufferPointer
    /// The buffer's length in bytes.
    package let byteCount: Int

    /// Allocates a buffer of zeros.
    ///
    /// - Parameter byteCount: Its length in bytes.
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

    /// Lends some of the bytes to be read.
    ///
    /// - Parameters:
    ///   - range: Which bytes, from the buffer's start.
    ///   - body: What reads them.
    package func withBytes<Result, Failure>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let part = unsafe part(range)
        return try body(unsafe part.bytes)
    }

    /// Lends some of the bytes to be written.
    ///
    /// - Parameters:
    ///   - range: Which bytes, from the buffer's start.
    ///   - body: What writes them.
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
    ///   - source: Which bytes to copy.
    ///   - target: Where the first of them goes.
    package mutating func move(_ source: Range<Int>, to target: Int) {
        let bytes = unsafe UnsafeRawBufferPointer(part(source))
        unsafe part(target..<target + source.count).copyMemory(from: bytes)
    }

    /// Copies bytes into the buffer.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - target: Where the first of them goes.
    package mutating func copy(_ source: RawSpan, to target: Int) {
        let part = unsafe part(target..<target + source.byteCount)
        unsafe source.withUnsafeBytes { source in unsafe part.copyMemory(from: source) }
    }
}

extension [UInt8] {
    /// Lends the array's bytes to be read.
    ///
    /// - Parameter body: What reads them.
    package func withBytes<Result, Failure>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe span.bytes)
    }

    /// Appends bytes.
    ///
    /// - Parameter source: The bytes.
    package mutating func append(copying source: RawSpan) {
        unsafe source.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }

    /// Lends the array's bytes to be written.
    ///
    /// - Parameter body: What writes them.
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
    ///   - source: The bytes.
    ///   - offset: Where the first of them goes.
    package mutating func copy(_ source: RawSpan, to offset: Int = 0) {
        precondition(offset >= 0 && source.byteCount <= byteCount - offset)
        unsafe withUnsafeMutableBytes { target in
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...])
            unsafe source.withUnsafeBytes { unsafe part.copyMemory(from: $0) }
        }
    }
}

extension RawSpan {
    /// Whether two spans hold the same bytes.
    ///
    /// - Parameter other: The other span.
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

    /// The span's bytes in an array of their own.
    package var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
