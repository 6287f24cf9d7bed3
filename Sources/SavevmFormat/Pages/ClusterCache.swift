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

        init(_ cluster: Cluster, of group: OpenGroup) {
            self.group = group.key
            generation = group.generation
            firstSlot = cluster.firstSlot
        }
    }

    /// The files that the clusters may be in.
    let files: SavevmFiles
    private let decompressor = Decompressor()
    private var groups: [OpenGroup] = []
    private var keys: [Key?] = []
    /// The number of bytes decoded of the cluster at each place.
    private var decodedByteCounts: [Int] = []
    private var nextVictim = 0
    /// For each cluster that was read, the larger of the number of bytes read and the number of
    /// bytes decoded.
    private(set) var processedByteCount = 0
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

    /// Decodes the cluster that contains the encoding of a page, unless the cache already has it.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - group: The page's group.
    ///   - end: The end of what will soon be needed of the cluster's content, at least the end of
    ///     the encoding. The rest need not be decoded.
    /// - Returns: The range to pass to `withBytes`, which is valid until the next `load`.
    /// - Throws: `.damaged` if the cluster's checksum or content is wrong; the errors of opening a
    ///   file.
    mutating func load(
        _ location: Location, of group: OpenGroup, upTo end: Int
    ) throws(SnapError) -> Range<Int> {
        if let range = loaded(location.slot, of: group) { return range }
        let (file, current) = try open(group, at: location)
        if let range = loaded(location.slot, of: current) { return range }
        let (cluster, encoding) = (
            current.cluster(ofSlot: location.slot), current.encoding(ofSlot: location.slot)
        )
        // In a rewritten file, the offsets are others.
        let needed = current.generation == group.generation ? end : cluster.encodedByteCount
        let place = try decode(cluster, of: current, upTo: needed, in: file)
        return Self.range(encoding, place)
    }

    /// Returns the range of an encoding whose cluster is decoded far enough.
    private func loaded(_ slot: Int, of group: OpenGroup) -> Range<Int>? {
        guard let place = place(of: Key(group.cluster(ofSlot: slot), of: group)) else {
            return nil
        }
        let encoding = group.encoding(ofSlot: slot)
        return encoding.upperBound <= decodedByteCounts[place]
            ? Self.range(encoding, place) : nil
    }

    private func place(of key: Key) -> Int? {
        keys.lastIndex { $0 == key }
    }

    /// The bytes of an encoding whose cluster is at a place in the cache.
    private static func range(_ encoding: Range<Int>, _ place: Int) -> Range<Int> {
        let start = place * Limits.clusterByteCountMax
        return start + encoding.lowerBound..<start + encoding.upperBound
    }

    /// Opens the file of a group, and reads the group again if the file was rewritten.
    private mutating func open(
        _ group: OpenGroup, at location: Location
    ) throws(SnapError) -> (SavevmFile, OpenGroup) {
        var group = group
        while true {
            let file = try files.file(location.number)
            if file.generation == group.generation { return (file, group) }
            groups.removeAll { $0.key == location.groupKey }
            group = try self.group(of: location, level: group.head.level)
        }
    }

    private mutating func decode(
        _ cluster: Cluster, of group: OpenGroup, upTo end: Int, in file: SavevmFile
    ) throws(SnapError) -> Int {
        let key = Key(cluster, of: group)
        guard let place = place(of: key) else {
            return try decode(cluster, key, of: group, upTo: end, in: file, at: takePlace())
        }
        // A cluster of which another part is needed is read often, so decode all of it. If only
        // its end is damaged, the needed part can be read nevertheless.
        do throws(SnapError) {
            return try decode(
                cluster, key, of: group, upTo: cluster.encodedByteCount, in: file, at: place)
        } catch {
            guard error.code == .damaged else { throw error }
            return try decode(cluster, key, of: group, upTo: end, in: file, at: place)
        }
    }

    /// Decodes a cluster at a place of the cache, and returns the place.
    private mutating func decode(
        _ cluster: Cluster, _ key: Key, of group: OpenGroup, upTo end: Int, in file: SavevmFile,
        at place: Int
    ) throws(SnapError) -> Int {
        keys[place] = nil  // Until the cluster is complete.
        processedByteCount += cluster.storedByteCount
        let start = place * Limits.clusterByteCountMax
        let byteCount = try clusters.withMutableBytes(start..<start + cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try file.decode(
                cluster, of: group.entry, needed: end, into: &target, scratch: &stored,
                by: decompressor)
        }
        keys[place] = key
        decodedByteCounts[place] = byteCount
        processedByteCount += max(0, byteCount - cluster.storedByteCount)
        return place
    }

    /// Returns the place for the next cluster: a new one, or that of the oldest cluster.
    private mutating func takePlace() -> Int {
        if keys.count < Self.clusterCountMax {
            keys.append(nil)
            decodedByteCounts.append(0)
            return keys.count - 1
        }
        defer { nextVictim = (nextVictim + 1) % Self.clusterCountMax }
        return nextVictim
    }

    /// Decodes all of a cluster without keeping it, if the file has not been rewritten.
    ///
    /// - Parameters:
    ///   - cluster: The cluster.
    ///   - group: The cluster's group.
    ///   - location: A location in the cluster.
    ///   - target: Receives the content. Its length must be `cluster.encodedByteCount`.
    /// - Returns: false if the file has been rewritten; `target` is then unchanged.
    /// - Throws: The errors of `load`.
    mutating func decode(
        _ cluster: Cluster, of group: OpenGroup, at location: Location,
        into target: inout MutableRawSpan
    ) throws(SnapError) -> Bool {
        let file = try files.file(location.number)
        guard file.generation == group.generation else { return false }
        processedByteCount += cluster.encodedByteCount
        _ = try file.decode(
            cluster, of: group.entry, into: &target, scratch: &stored, by: decompressor)
        return true
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

    /// Checks the checksum of the cluster that contains the encoding of a page, without decoding
    /// it.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - group: The page's group.
    /// - Throws: `.damaged` if the checksum is wrong; the errors of opening a file.
    mutating func check(_ location: Location, of group: OpenGroup) throws(SnapError) {
        if checked.contains(Key(group.cluster(ofSlot: location.slot), of: group)) { return }
        let (file, current) = try open(group, at: location)
        let cluster = current.cluster(ofSlot: location.slot)
        try file.readStored(cluster, of: current.entry, into: &stored)
        if checked.count == Self.checkedCountMax { checked = [] }
        checked.insert(Key(cluster, of: current))
    }
}
