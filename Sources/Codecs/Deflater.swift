package import SnapSystem

/// A compressor for clusters at one level, with the library that is best at this level.
///
/// All libraries write the zlib format, so each can read the streams of the others. Each worker
/// owns one and reuses it.
@safe
package struct Deflater: ~Copyable {
    // Not private: the linker cannot find the metadata of a private noncopyable type.
    enum Engine: ~Copyable {
        case none
        case isal(ISALDeflater)
        case zlib(ZlibDeflater)
    }

    private let engine: Engine

    /// Creates a compressor.
    ///
    /// Level 1 uses ISA-L's level 2, because ISA-L's level 1 takes only 2 % less time but 1.3 %
    /// more space.
    ///
    /// - Parameter level: 0 stores, 1 uses ISA-L's level 2, 2 and 3 use ISA-L's level 3, and 4 to 9
    ///   use the same level of zlib.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    package init(_ level: CompressionLevel) throws(SnapError) {
        switch level.rawValue {
        case ...0: engine = .none
        case 1...3: engine = .isal(ISALDeflater(level: min(level.rawValue + 1, 3)))
        default: engine = .zlib(try ZlibDeflater(level: level.rawValue))
        }
    }

    /// Appends bytes, compressed if that makes them shorter.
    ///
    /// - Parameters:
    ///   - source: The bytes of a cluster, or of a piece of a device section.
    ///   - target: The array to append to.
    /// - Returns: The codec of the appended bytes.
    /// - Throws: `.internalFailure` if the library fails.
    package func deflate(
        _ source: RawSpan, appendingTo target: inout [UInt8]
    ) throws(SnapError) -> Codec {
        var codec = Codec.stored
        var failure: SnapError?
        target.append(addingCapacity: source.byteCount) { target in
            unsafe target.withUnsafeMutableBufferPointer { room, count in
                // A stream is worth storing only if it is shorter than its content.
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
