import Codecs
import GuestMemory
import SnapSystem

/// A cache that reads group heads and clusters and keeps those that were used last.
///
/// Each worker owns one for guest pages and one for tables, so that neither use displaces the
/// clusters of the other.
struct ClusterCache: ~Copyable {
    /// The identity of a cluster.
    private struct Key: Hashable {
        let group: UInt64
        let generation: Int
        let firstSlot: Int

        init(_ encoding: StoredEncoding) {
            group = encoding.location.groupKey
            generation = encoding.generation
            firstSlot = encoding.cluster.firstSlot
        }
    }

    /// The files that the clusters may be in.
    let files: SavevmFiles
    private let decompressor = Decompressor()
    private var groups: [OpenGroup] = []
    private var keys: [Key?] = []
    private var nextVictim = 0
    /// The number of clusters decoded so far.
    private(set) var decodedCount = 0
    /// The decoded clusters, each in its own 64 KiB.
    private var clusters: MemoryBuffer
    /// The stored bytes of the current cluster.
    private var stored = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    /// Clusters whose checksums were checked, but which were not decoded.
    private var checked: Set<Key> = []

    private static let groupCountMax = 8
    private static let clusterCountMax = 4
    private static let checkedCountMax = 4096

    /// - Parameter files: The files that the clusters may be in.
    init(_ files: SavevmFiles) {
        self.files = files
        clusters = MemoryBuffer(byteCount: Self.clusterCountMax * Limits.clusterByteCountMax)
    }

    /// Reads the head of the group that contains a page.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - level: The page's level.
    /// - Returns: The group.
    /// - Throws: `.damaged` if the group is damaged, has another level, or does not have the slot;
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
                "a location refers to slot \(location.slot) of level \(level), expected one of "
                    + "\(group.head.records.count) slots of level \(group.head.level)")
        }
        return group
    }

    /// Decodes the cluster that contains an encoding, unless the cache already has it.
    ///
    /// - Parameter encoding: The position of the encoding.
    /// - Returns: The range to pass to `withBytes`, which is valid until the next `load`.
    /// - Throws: `.damaged` if the cluster's checksum or content is wrong; the errors of opening a
    ///   file.
    mutating func load(_ encoding: StoredEncoding) throws(SnapError) -> Range<Int> {
        if let place = place(of: encoding) { return Self.range(encoding, place) }
        let (file, current) = try open(encoding)
        if let place = place(of: current) { return Self.range(current, place) }
        return Self.range(current, try decode(current, of: file))
    }

    private func place(of encoding: StoredEncoding) -> Int? {
        let key = Key(encoding)
        return keys.lastIndex { $0 == key }
    }

    /// The bytes of an encoding whose cluster is at a place in the cache.
    private static func range(_ encoding: StoredEncoding, _ place: Int) -> Range<Int> {
        let start = place * Limits.clusterByteCountMax
        return start + encoding.range.lowerBound..<start + encoding.range.upperBound
    }

    /// Opens the file of an encoding, and finds the encoding in it again if it was rewritten.
    private mutating func open(
        _ encoding: StoredEncoding
    ) throws(SnapError) -> (SavevmFile, StoredEncoding) {
        let (number, key) = (encoding.location.number, encoding.location.groupKey)
        var encoding = encoding
        while true {
            let file = try files.file(number)
            if file.generation == encoding.generation { return (file, encoding) }
            groups.removeAll { $0.key == key }
            encoding = try group(of: encoding.location, level: encoding.entry.level)
                .encoding(of: encoding.location)
        }
    }

    private mutating func decode(
        _ encoding: StoredEncoding, of file: SavevmFile
    ) throws(SnapError) -> Int {
        let place = nextVictim
        nextVictim = (nextVictim + 1) % Self.clusterCountMax
        if place < keys.count {
            keys[place] = nil  // Until the new cluster is complete.
        } else {
            keys.append(nil)
        }
        let start = place * Limits.clusterByteCountMax
        try clusters.withMutableBytes(start..<start + encoding.cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try file.inflate(
                encoding.cluster, of: encoding.entry, into: &target, scratch: &stored,
                by: decompressor)
        }
        keys[place] = Key(encoding)
        decodedCount += 1
        return place
    }

    /// Calls a closure with bytes of a decoded cluster.
    ///
    /// - Parameters:
    ///   - range: The range that `load` returned.
    ///   - body: Receives the bytes.
    /// - Returns: The result of `body`.
    func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
        clusters.withBytes(range, body)
    }

    /// Checks the checksum of the cluster that contains an encoding, without decoding it.
    ///
    /// - Parameter encoding: The position of the encoding.
    /// - Throws: `.damaged` if the checksum is wrong; the errors of opening a file.
    mutating func check(_ encoding: StoredEncoding) throws(SnapError) {
        if checked.contains(Key(encoding)) { return }
        let (file, current) = try open(encoding)
        try file.readStored(current.cluster, of: current.entry, into: &stored)
        if checked.count == Self.checkedCountMax { checked = [] }
        checked.insert(Key(current))
    }
}
