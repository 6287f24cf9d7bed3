package import SnapSystem

/// Compresses clusters at one level, whichever library is best at it.
///
/// All of them write the zlib format, so that any of them reads what another wrote. A worker
/// owns one and uses it for all its clusters.
@safe
package struct Deflater: ~Copyable {
    // Not private: the linker does not find the metadata of a private type without copies.
    enum Engine: ~Copyable {
        case none
        case isal(ISALDeflater)
        case zlib(ZlibDeflater)
    }

    private let engine: Engine

    /// Sets a compressor up.
    ///
    /// ISA-L's own level 1 would take 2 % less time and 1.3 % more room than its level 2.
    ///
    /// - Parameter level: 0 stores, 1 is ISA-L's 2, 2 and 3 are its 3, 4 to 9 are zlib's own.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    package init(_ level: CompressionLevel) throws(SnapError) {
        switch level.rawValue {
        case ...0: engine = .none
        case 1...3: engine = .isal(ISALDeflater(level: min(level.rawValue + 1, 3)))
        default: engine = .zlib(try ZlibDeflater(level: level.rawValue))
        }
    }

    /// Appends bytes in the form that takes less room.
    ///
    /// - Parameters:
    ///   - source: The bytes of a cluster.
    ///   - target: What they are appended to.
    /// - Returns: The form they got.
    /// - Throws: `.internalFailure` if the library fails.
    package func deflate(
        _ source: RawSpan, appendingTo target: inout [UInt8]
    ) throws(SnapError) -> Codec {
        var codec = Codec.stored
        var failure: SnapError?
        target.append(addingCapacity: source.byteCount) { target in
            unsafe target.withUnsafeMutableBufferPointer { room, count in
                // A stream is worth while only if it is shorter than what it stands for.
                let room = UnsafeMutableRawBufferPointer(room)
                let limited = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: room.prefix(max(source.byteCount - 1, 0)))
                do throws(SnapError) {
                    if let streamByteCount = unsafe try deflate(source, into: limited) {
                        codec = .zlib
                        count = streamByteCount
                    } else {
                        unsafe source.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
                        count = source.byteCount
                    }
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return codec
    }

    @unsafe private func deflate(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        switch engine {
        case .none: nil
        case .isal(let deflater): unsafe try deflater.deflate(source, into: target)
        case .zlib(let deflater): unsafe try deflater.deflate(source, into: target)
        }
    }
}
