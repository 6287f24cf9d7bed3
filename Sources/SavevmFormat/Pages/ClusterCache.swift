import Codecs
import GuestMemory
import SnapSystem

/// Reads group heads and clusters, and keeps those that were used last.
///
/// A worker owns one for each purpose, guest pages and tables, so that neither removes the other's.
struct ClusterCache: ~Copyable {
    /// What distinguishes clusters.
    private struct Key: Hashable {
        let group: UInt64
        let firstSlot: Int

        init(_ encoding: StoredEncoding) {
            group = encoding.location.groupKey
            firstSlot = encoding.cluster.firstSlot
        }
    }

    /// The files that pages may lie in.
    let files: SavevmFiles
    private let decompressor = Decompressor()
    private var groups: [OpenGroup] = []
    private var keys: [Key?] = []
    private var nextVictim = 0
    /// How many clusters have been decoded.
    private(set) var decodedCount = 0
    /// Decoded clusters, one after the other.
    private var clusters: MemoryBuffer
    /// A cluster as it is stored.
    private var stored = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    /// Clusters whose checksums have been compared, and which were not decoded.
    private var checked: Set<Key> = []

    private static let groupCountMax = 8
    private static let clusterCountMax = 4
    private static let checkedCountMax = 4096

    /// - Parameter files: The files that pages may lie in.
    init(_ files: SavevmFiles) {
        self.files = files
        clusters = MemoryBuffer(byteCount: Self.clusterCountMax * Limits.clusterByteCountMax)
    }

    /// Reads the head of the group that holds a page.
    ///
    /// - Parameters:
    ///   - location: Where the page is stored.
    ///   - level: Its level.
    /// - Throws: `.damaged` if the group has another level or no such slot, or is damaged;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    mutating func group(of location: Location, level: Int) throws(SnapError) -> OpenGroup {
        let group: OpenGroup
        if let index = groups.lastIndex(where: { $0.key == location.groupKey }) {
            group = groups[index]
        } else {
            let file = try files.file(location.number)
            let entry = try file.entry(ofGroup: location.group)
            group = OpenGroup(
                try file.head(entry, level: level), of: entry, at: location, in: file)
            if groups.count == Self.groupCountMax { groups.removeFirst() }
            groups.append(group)
        }
        guard location.slot < group.head.records.count, group.head.level == level else {
            throw group.damage(
                "slot \(location.slot) of level \(level) is pointed to, the group has "
                    + "\(group.head.records.count) of level \(group.head.level)")
        }
        return group
    }

    /// Decodes the cluster that holds an encoding, unless that is here already.
    ///
    /// - Parameter encoding: Where the encoding is.
    /// - Returns: Where its bytes are for `withBytes`, until the next cluster is decoded.
    /// - Throws: `.damaged` if its checksum or its content is wrong; what opening a file throws.
    mutating func load(_ encoding: StoredEncoding) throws(SnapError) -> Range<Int> {
        let key = Key(encoding)
        let place: Int
        if let found = keys.lastIndex(where: { $0 == key }) {
            place = found
        } else {
            place = try decode(encoding, key)
        }
        let start = place * Limits.clusterByteCountMax
        return start + encoding.range.lowerBound..<start + encoding.range.upperBound
    }

    private mutating func decode(
        _ encoding: StoredEncoding, _ key: Key
    ) throws(SnapError) -> Int {
        let place = nextVictim
        nextVictim = (nextVictim + 1) % Self.clusterCountMax
        if place < keys.count {
            keys[place] = nil  // until the new one is complete
        } else {
            keys.append(nil)
        }
        let start = place * Limits.clusterByteCountMax
        try clusters.withMutableBytes(start..<start + encoding.cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try files.file(encoding.location.number).inflate(
                encoding.cluster, of: encoding.entry, into: &target, scratch: &stored,
                by: decompressor)
        }
        keys[place] = key
        decodedCount += 1
        return place
    }

    /// Lends bytes of decoded clusters.
    ///
    /// - Parameters:
    ///   - range: Where they are, as `load` says.
    ///   - body: What reads them.
    func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
        clusters.withBytes(range, body)
    }

    /// Compares the checksum of the cluster that holds an encoding, and does not decode it.
    ///
    /// - Parameter encoding: Where the encoding is.
    /// - Throws: `.damaged` if the checksum is wrong; what opening a file throws.
    mutating func check(_ encoding: StoredEncoding) throws(SnapError) {
        let key = Key(encoding)
        if checked.contains(key) { return }
        try files.file(encoding.location.number)
            .readStored(encoding.cluster, of: encoding.entry, into: &stored)
        if checked.count == Self.checkedCountMax { checked = [] }
        checked.insert(key)
    }
}
