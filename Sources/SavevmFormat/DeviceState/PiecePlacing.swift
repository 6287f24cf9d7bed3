import SnapSystem

/// Finds the cluster of each piece, while the pieces are decoded in order.
struct PiecePlacing {
    private let clusters: [Cluster]
    private var cluster = 0
    private var slot = 0
    private var offset = 0

    init(_ clusters: [Cluster]) { self.clusters = clusters }

    /// Returns the position of the next encoding.
    mutating func place(
        _ byteCount: Int, _ reader: ByteReader
    ) throws(SnapError) -> SectionPiece.Place {
        if cluster < clusters.count, slot == clusters[cluster].slots.upperBound {
            try checkLength(reader)
            cluster += 1
            offset = 0
        }
        guard cluster < clusters.count, byteCount <= clusters[cluster].encodedByteCount - offset
        else { throw reader.damage("piece of \(byteCount) bytes is outside the clusters") }
        defer {
            slot += 1
            offset += byteCount
        }
        return SectionPiece.Place(cluster: cluster, offset: offset)
    }

    private func checkLength(_ reader: ByteReader) throws(SnapError) {
        guard offset == clusters[cluster].encodedByteCount else {
            throw reader.damage(
                "cluster has \(clusters[cluster].encodedByteCount) encoded bytes, its pieces have "
                    + "\(offset)")
        }
    }

    /// Checks that all clusters are used.
    func finish(_ reader: ByteReader) throws(SnapError) {
        let slotCount = clusters.last?.slots.upperBound ?? 0
        guard slot == slotCount else {
            throw reader.damage("clusters have \(slotCount) pieces, expected \(slot)")
        }
        if cluster < clusters.count { try checkLength(reader) }
    }
}
