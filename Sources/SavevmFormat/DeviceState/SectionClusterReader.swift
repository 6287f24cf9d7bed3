import Codecs
import GuestMemory
import SnapSystem

/// A reader of the clusters of a device-state file, which keeps the last one decoded.
struct SectionClusterReader: ~Copyable {
    private let source: SectionFile
    private let decompressor = Decompressor()
    private var decoded = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    private var decodedIndex: Int?

    init(_ source: SectionFile) {
        self.source = source
    }

    /// Copies an encoding, which is a piece's bytes, to the start of a buffer.
    mutating func copy(
        _ place: SectionPiece.Place, byteCount: Int, into content: inout MemoryBuffer
    ) throws(SnapError) {
        try decode(place.cluster)
        decoded.withBytes(place.offset..<place.offset + byteCount) { content.copy($0, to: 0) }
    }

    /// Applies an encoding, which consists of runs, to bytes in a buffer.
    ///
    /// Returns false if the runs are invalid.
    mutating func apply(
        _ place: SectionPiece.Place, byteCount: Int, to content: inout MemoryBuffer,
        _ range: Range<Int>
    ) throws(SnapError) -> Bool {
        try decode(place.cluster)
        return decoded.withBytes(place.offset..<place.offset + byteCount) { runs in
            content.withMutableBytes(range) { Delta.apply(runs, to: &$0) }
        }
    }

    private mutating func decode(_ index: Int) throws(SnapError) {
        if decodedIndex == index { return }
        decodedIndex = nil
        let cluster = source.table.clusters[index]
        let offset = source.offset(ofCluster: index)
        let stored = try source.file.read(
            byteCount: cluster.storedByteCount, at: offset, "cluster")
        try ByteReader(stored, path: source.path, startOffset: offset)
            .check(cluster.checksum, "cluster")
        let decodedCount = stored.withBytes { stored in
            decoded.withMutableBytes(0..<cluster.encodedByteCount) { decoded in
                decompressor.decode(
                    stored, cluster.codec, needed: cluster.encodedByteCount, into: &decoded)
            }
        }
        guard decodedCount != nil else {
            throw SnapError(
                .damaged,
                "cluster is not \(cluster.codec.shape) of \(cluster.encodedByteCount) bytes",
                path: source.path, offset: offset)
        }
        decodedIndex = index
    }
}
