import GuestMemory
package import SnapSystem

/// A compressor of clusters, with the library that is best for a codec and level.
///
/// Each worker owns one and reuses it. A context is set up once and reset for each cluster: setting
/// one up for each page made the allocator the bottleneck of QEMU's compression threads in 2018.
@safe
package struct Compressor: ~Copyable {
    // Not private: the linker cannot find the metadata of a private noncopyable type.
    enum Engine: ~Copyable {
        case none
        case isal(ISALDeflater)
        case zlib(ZlibDeflater)
        case zstd(ZstdCompressor)
    }

    private let engine: Engine

    /// The content of a cluster, in bytes, that gives the best balance: longer clusters are smaller
    /// when compressed, shorter ones are faster to read at random.
    package let clusterByteCount: Int

    /// Creates a compressor.
    ///
    /// - Parameter compression: The codec and the level. Level 0 stores. With zlib, level 1 uses
    ///   ISA-L's level 2, because ISA-L's level 1 takes only 2 % less time but 1.3 % more space;
    ///   2 and 3 use ISA-L's level 3, and 4 to 9 the same level of zlib. With zstd, the levels are
    ///   those of `ZstdCompressor`.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    package init(_ compression: Compression) throws(SnapError) {
        let level = compression.level.rawValue
        switch (compression.codec, level) {
        case (_, ...0):
            engine = .none
            clusterByteCount = 60 << 10
        case (.zlib, 1...3):
            engine = .isal(ISALDeflater(level: min(level + 1, 3)))
            clusterByteCount = 48 << 10
        case (.zlib, _):
            engine = .zlib(try ZlibDeflater(level: level))
            clusterByteCount = 48 << 10
        case (.zstd, _):
            engine = .zstd(try ZstdCompressor(level: level))
            clusterByteCount = 32 << 10
        }
    }

    /// Appends bytes, compressed if that makes them shorter.
    ///
    /// - Parameters:
    ///   - source: The bytes of a cluster.
    ///   - target: The array to append to.
    /// - Returns: The codec of the appended bytes.
    /// - Throws: `.internalFailure` if the library fails.
    package func compress(
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
                    if let (format, byteCount) = unsafe try compress(source, into: limited) {
                        codec = format
                        count = byteCount
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

    /// Compresses bytes if the result fits the target; returns its codec and length.
    @unsafe private func compress(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> (Codec, Int)? {
        switch engine {
        case .none: nil
        case .isal(let deflater):
            unsafe try deflater.deflate(source, into: target).map { (.zlib, $0) }
        case .zlib(let deflater):
            unsafe try deflater.deflate(source, into: target).map { (.zlib, $0) }
        case .zstd(let compressor):
            unsafe try compressor.compress(source, into: target).map { (.zstd, $0) }
        }
    }
}
