import GuestMemory
package import SnapSystem
package import SystemPackage

/// A stored page, and where its bytes are wanted.
package struct PageRequest: Sendable {
    /// Where the page is stored; never the zero page.
    package let location: Location
    /// Which page of the target it becomes.
    package let targetPage: Int

    /// Asks for a page; the parameters are the properties.
    package init(_ location: Location, targetPage: Int) {
        self.location = location
        self.targetPage = targetPage
    }
}

/// What is known of a stored page without reading its bytes.
package struct KnownPage: Sendable {
    /// Its digest; nil if that was computed with another key.
    package internal(set) var digest: Hash128?
    /// The page it is a delta against, if it is one.
    package internal(set) var base: Location?
}

/// Reads stored pages: group heads, clusters, deltas, and the check of every digest.
///
/// It keeps the heads and clusters that it used last. A worker owns one for guest pages and
/// one for tables, so that neither drives the other's out.
package struct PageReader: ~Copyable {
    /// A group whose head has been read.
    private struct OpenGroup {
        let key: UInt64
        let file: SavevmFile
        let entry: GroupEntry
        let head: GroupHead
        /// Where each slot's encoding begins in its cluster.
        let slotOffsets: [Int]

        func holds(_ location: Location) -> Bool {
            key == location.groupKey && location.slot < head.records.count
        }
    }

    /// A delta whose base is still to be read.
    private struct PendingDelta {
        let base: Location
        let record: Record
        let file: SavevmFile
        let groupOffset: Int
        let targetPage: Int
        let runs: Range<Int>
    }

    private let files: SavevmFiles
    private let inflater = Inflater()
    private var groups: [OpenGroup] = []
    private var clusterKeys: [(group: UInt64, cluster: Int)] = []
    private var nextVictim = 0
    private var clusters: MemoryBuffer
    private var scratch = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    private var runs: [UInt8] = []

    private static let groupCountMax = 8
    private static let clusterCountMax = 4

    /// Prepares to read.
    ///
    /// - Parameter files: The files that pages may lie in.
    package init(_ files: SavevmFiles) {
        self.files = files
        clusters = MemoryBuffer(byteCount: Self.clusterCountMax * Limits.clusterByteCountMax)
    }

    /// Reads pages, each cluster that they lie in once.
    ///
    /// - Parameters:
    ///   - requests: The pages, at most a unit's.
    ///   - level: Their level.
    ///   - target: Where their bytes go; other pages of it are left alone.
    /// - Throws: `.damaged` if any byte or digest on the way is wrong, with file and offset;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    package mutating func read(
        _ requests: [PageRequest], level: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        var deltas: [PendingDelta] = []
        runs.removeAll(keepingCapacity: true)
        for request in requests.sorted(by: { $0.location < $1.location }) {
            let group = try group(of: request.location, level: level)
            let record = group.head.records[request.location.slot]
            let encoded = try encoded(request.location.slot, of: group)
            switch record.form {
            case .literal:
                place(encoded, as: request.targetPage, in: &target)
                try check(record, request.targetPage, in: target, group.file, group.entry.offset)
            case .delta(let base):
                guard base < request.location else {
                    throw group.file.damage(
                        "delta's base is not of a lower location", at: group.entry.offset)
                }
                let start = runs.count
                runs += clusters.withBytes(encoded) { $0.bytes }
                deltas.append(
                    PendingDelta(
                        base: base, record: record, file: group.file,
                        groupOffset: group.entry.offset, targetPage: request.targetPage,
                        runs: start..<runs.count))
            case .dead:
                throw group.file.damage(
                    "slot \(request.location.slot) is pointed to and empty",
                    at: group.entry.offset)
            }
        }
        for delta in deltas.sorted(by: { $0.base < $1.base }) {
            try resolve(delta, level: level, into: &target)
        }
    }

    private mutating func resolve(
        _ delta: PendingDelta, level: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        _ = try placeBase(delta.base, level: level, as: delta.targetPage, in: &target)
        let range = Self.range(ofPage: delta.targetPage)
        let isValid = runs.withBytes { runs in
            target.withMutableBytes(range) { page in
                Delta.apply(runs.extracting(delta.runs), to: &page)
            }
        }
        guard isValid else {
            throw delta.file.damage("delta's runs are malformed", at: delta.groupOffset)
        }
        try check(delta.record, delta.targetPage, in: target, delta.file, delta.groupOffset)
    }

    private mutating func placeBase(
        _ base: Location, level: Int, as page: Int, in target: inout MemoryBuffer
    ) throws(SnapError) -> OpenGroup {
        let group = try group(of: base, level: level)
        guard group.head.records[base.slot].form == .literal else {
            throw group.file.damage(
                "slot \(base.slot) is the base of a delta and not literal",
                at: group.entry.offset)
        }
        let encoded = try encoded(base.slot, of: group)
        place(encoded, as: page, in: &target)
        return group
    }

    /// Reads a literal page that a delta is to be encoded against.
    ///
    /// - Parameters:
    ///   - base: Where it is stored.
    ///   - level: Its level.
    ///   - page: Which page of the target it becomes.
    ///   - target: Where its bytes go.
    /// - Throws: as `read`; `.damaged` too if it is not literal.
    package mutating func readBase(
        _ base: Location, level: Int, as page: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        let group = try placeBase(base, level: level, as: page, in: &target)
        try check(
            group.head.records[base.slot], page, in: target, group.file, group.entry.offset)
    }

    /// Reads one page into an array of its own.
    ///
    /// - Parameters:
    ///   - location: Where it is stored.
    ///   - level: Its level.
    /// - Throws: as `read`.
    package mutating func page(at location: Location, level: Int) throws(SnapError) -> [UInt8] {
        var buffer = MemoryBuffer(byteCount: Page.byteCount)
        try read([PageRequest(location, targetPage: 0)], level: level, into: &buffer)
        return buffer.withBytes(0..<Page.byteCount) { $0.bytes }
    }

    /// Reads what is known of stored pages, without their bytes; each group's head once.
    ///
    /// - Parameters:
    ///   - locations: Where they are stored; nothing is known of the zero page.
    ///   - level: Their level.
    ///   - key: The key in which digests are wanted; nil if none are.
    /// - Returns: One for each location, in the same order.
    /// - Throws: as `read`.
    package mutating func knownPages(
        at locations: [Location], level: Int, key: DigestKey?
    ) throws(SnapError) -> [KnownPage] {
        var known = [KnownPage](repeating: KnownPage(), count: locations.count)
        var order = locations.indices.filter { locations[$0] != .zero }
        // Where all pages lie in one group, as after a full save, they are in order already.
        if zip(order, order.dropFirst()).contains(where: { locations[$0] > locations[$1] }) {
            order.sort { locations[$0] < locations[$1] }
        }
        var current: OpenGroup?
        var isComparable = false
        for index in order {
            let location = locations[index]
            let group: OpenGroup
            if let current, current.holds(location) {
                group = current
            } else {
                group = try self.group(of: location, level: level)
                isComparable = group.file.description.digestKey == key
                current = group
            }
            let record = group.head.records[location.slot]
            known[index].digest = isComparable ? record.digest : nil
            if case .delta(let base) = record.form { known[index].base = base }
        }
        return known
    }

    /// Whether a stored page would be lost with some of the files.
    ///
    /// - Parameters:
    ///   - location: Where it is stored.
    ///   - level: Its level.
    ///   - numbers: The files.
    /// - Throws: as `read`.
    package mutating func isStored(
        in numbers: Set<Int>, _ location: Location, level: Int
    ) throws(SnapError) -> Bool {
        guard !numbers.isEmpty, location != .zero else { return false }
        if numbers.contains(location.number) { return true }
        let group = try group(of: location, level: level)
        guard case .delta(let base) = group.head.records[location.slot].form else { return false }
        return numbers.contains(base.number)
    }

    /// The file that a location is in, for messages.
    package func path(of location: Location) throws(SnapError) -> FilePath {
        try files.file(location.number).path
    }

    // MARK: Groups and clusters in memory

    private mutating func group(of location: Location, level: Int) throws(SnapError) -> OpenGroup {
        let group: OpenGroup
        if let index = groups.lastIndex(where: { $0.key == location.groupKey }) {
            group = groups[index]
        } else {
            group = try open(location, level: level)
            if groups.count == Self.groupCountMax { groups.removeFirst() }
            groups.append(group)
        }
        guard location.slot < group.head.records.count, group.head.level == level else {
            throw group.file.damage(
                "slot \(location.slot) of level \(level) is pointed to, the group has "
                    + "\(group.head.records.count) of level \(group.head.level)",
                at: group.entry.offset)
        }
        return group
    }

    private func open(_ location: Location, level: Int) throws(SnapError) -> OpenGroup {
        let file = try files.file(location.number)
        let entry = try file.entry(ofGroup: location.group)
        let head = try file.head(entry, level: level)
        var slotOffsets: [Int] = []
        slotOffsets.reserveCapacity(head.records.count)
        for cluster in head.clusters {
            var offset = 0
            for slot in cluster.firstSlot..<cluster.firstSlot + cluster.slotCount {
                slotOffsets.append(offset)
                offset += head.records[slot].encodedByteCount
            }
        }
        return OpenGroup(
            key: location.groupKey, file: file, entry: entry, head: head,
            slotOffsets: slotOffsets)
    }

    /// Where in `clusters` a slot's encoding is, after its cluster has been inflated if need be.
    private mutating func encoded(
        _ slot: Int, of group: OpenGroup
    ) throws(SnapError) -> Range<Int> {
        let index = group.head.clusterIndex(ofSlot: slot)
        let place: Int
        if let found = clusterKeys.firstIndex(where: { $0 == (group.key, index) }) {
            place = found
        } else {
            place = try inflate(index, of: group)
        }
        let start = place * Limits.clusterByteCountMax + group.slotOffsets[slot]
        return start..<start + group.head.records[slot].encodedByteCount
    }

    private mutating func inflate(_ index: Int, of group: OpenGroup) throws(SnapError) -> Int {
        let place = nextVictim
        nextVictim = (nextVictim + 1) % Self.clusterCountMax
        if place < clusterKeys.count {
            clusterKeys[place] = (0, -1)  // until the new one is whole
        } else {
            clusterKeys.append((0, -1))
        }
        let cluster = group.head.clusters[index]
        let start = place * Limits.clusterByteCountMax
        try clusters.withMutableBytes(start..<start + cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try group.file.read(
                cluster, of: group.entry, into: &target, scratch: &scratch, inflater)
        }
        clusterKeys[place] = (group.key, index)
        return place
    }

    // MARK: Pages

    private static func range(ofPage page: Int) -> Range<Int> {
        page * Page.byteCount..<(page + 1) * Page.byteCount
    }

    private func place(
        _ encoded: Range<Int>, as page: Int, in target: inout MemoryBuffer
    ) {
        let start = page * Page.byteCount
        clusters.withBytes(encoded) { target.copy($0, to: start) }
    }

    private func check(
        _ record: Record, _ page: Int, in target: borrowing MemoryBuffer, _ file: SavevmFile,
        _ groupOffset: Int
    ) throws(SnapError) {
        let digest = target.withBytes(Self.range(ofPage: page)) {
            file.description.digestKey.digest(of: $0)
        }
        guard digest == record.digest else {
            throw file.damage(
                "page digest is \(digest.hex), its record says \(record.digest.hex)",
                at: groupOffset)
        }
    }
}
