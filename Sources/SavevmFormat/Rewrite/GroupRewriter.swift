import Codecs
import GuestMemory
import SnapSystem

/// Rewrites groups without their dead slots.
///
/// Clusters without dead encodings are copied as they are. The encodings of other clusters are
/// gathered and compressed again, so that neighboring clusters with few live slots become one.
struct GroupRewriter: ~Copyable {
    private let file: SavevmFile
    private let compressor: Compressor
    private let decompressor = Decompressor()
    /// The stored bytes of the current cluster, and its encodings.
    private var stored = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    private var encodings = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    // The group that is being built.
    private var clusters: [Cluster] = []
    private var clusterBytes: [UInt8] = []
    /// The encodings of the slots after the last cluster, and how many slots these are.
    private var gathered: [UInt8] = []
    private var gatheredSlotCount = 0

    /// Creates a rewriter of one file's groups.
    ///
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    init(of file: SavevmFile, _ compression: Compression) throws(SnapError) {
        compressor = try Compressor(compression)
        self.file = file
    }

    /// Rewrites a group.
    ///
    /// - Parameters:
    ///   - entry: The group's entry in the group index.
    ///   - live: The group's live slots, at least one.
    /// - Returns: The group with the same slots, of which only the live ones have encodings.
    /// - Throws: `.damaged` if a live slot cannot be read; `.unsupported` or `.inputOutput`.
    mutating func rewrite(_ entry: GroupEntry, live: PageSet) throws(SnapError) -> EncodedGroup {
        let head = try file.head(entry, level: entry.level)
        clusters.removeAll(keepingCapacity: true)
        clusterBytes.removeAll(keepingCapacity: true)
        for cluster in head.clusters {
            let slots = cluster.slots
            let isIntact = slots.allSatisfy { live.contains($0) || head.records[$0].form == .dead }
            if isIntact && cluster.encodedByteCount > 0 {
                try flush()
                try copy(cluster, of: entry)
            } else {
                try gather(slots.filter(live.contains), of: cluster, in: head, of: entry)
            }
        }
        try flush()
        let records = head.records.enumerated().map { slot, record in
            live.contains(slot) ? record : .dead
        }
        let rewritten = GroupHead(level: head.level, clusters: clusters, records: records)
        return EncodedGroup(level: head.level, head: rewritten.encode(), clusters: clusterBytes)
    }

    private mutating func copy(_ cluster: Cluster, of entry: GroupEntry) throws(SnapError) {
        try file.readStored(cluster, of: entry, into: &stored)
        let start = clusterBytes.count
        stored.withBytes(0..<cluster.storedByteCount) { clusterBytes.append(copying: $0) }
        clusters.append(
            Cluster(
                firstSlot: cluster.firstSlot, slotCount: cluster.slotCount, codec: cluster.codec,
                encodedByteCount: cluster.encodedByteCount,
                storedByteCount: cluster.storedByteCount, storedOffset: start,
                checksum: cluster.checksum))
    }

    /// Adds the live encodings of a cluster to those that the next new cluster contains.
    private mutating func gather(
        _ live: [Int], of cluster: Cluster, in head: GroupHead, of entry: GroupEntry
    ) throws(SnapError) {
        let byteCount = live.reduce(0) { $0 + head.records[$1].encodedByteCount }
        if gathered.count + byteCount > compressor.clusterByteCount { try flush() }
        gatheredSlotCount += cluster.slotCount
        if live.isEmpty { return }
        try encodings.withMutableBytes(0..<cluster.encodedByteCount) {
            (target) throws(SnapError) in
            _ = try file.decode(
                cluster, of: entry, into: &target, scratch: &stored, by: decompressor)
        }
        var offset = 0
        var next = live[...]
        for slot in cluster.slots {
            let end = offset + head.records[slot].encodedByteCount
            if next.first == slot {
                encodings.withBytes(offset..<end) { gathered.append(copying: $0) }
                next.removeFirst()
            }
            offset = end
        }
    }

    /// Compresses the gathered encodings as a cluster.
    private mutating func flush() throws(SnapError) {
        if gatheredSlotCount == 0 { return }
        let cluster = try gathered.withBytes { (bytes) throws(SnapError) in
            try Cluster(
                compressing: bytes, slotCount: gatheredSlotCount, after: clusters.last,
                by: compressor, appendingTo: &clusterBytes)
        }
        clusters.append(cluster)
        gathered.removeAll(keepingCapacity: true)
        gatheredSlotCount = 0
    }
}
