import Codecs
import GuestMemory
package import SnapSystem
package import SystemPackage

/// Reads stored pages: group heads, clusters, deltas, and the check of every digest.
///
/// It keeps the heads and clusters that it used last. A worker owns one for guest pages and
/// one for tables, so that neither drives the other's out.
package struct PageReader: ~Copyable {
    /// A group whose head has been read.
    private struct OpenGroup {
        let key: UInt64
        /// Its file's path.
        ///
        /// The file itself may be closed by now: the pages of a unit can lie in more files than a
        /// process may have open.
        let path: FilePath
        let digestKey: DigestKey
        let entry: GroupEntry
        let head: GroupHead
        /// Where each slot's encoding begins in its cluster.
        let slotOffsets: [Int]

        func holds(_ location: Location) -> Bool {
            key == location.groupKey && location.slot < head.records.count
        }

        /// The error that something in the group is wrong.
        func damage(_ message: String) -> SnapError {
            SnapError(.damaged, message, path: path, offset: entry.offset)
        }
    }

    /// What tells clusters apart.
    private struct ClusterKey: Hashable {
        let group: UInt64
        let firstSlot: Int
    }

    /// Where an encoding is, found in its group's head, and what is to become of it.
    private struct Step {
        enum Use {
            /// It is the page.
            case literal
            /// It is the base of a delta that becomes the page.
            case base
            /// It is the runs of that delta.
            case runs
        }

        let location: Location
        let use: Use
        let targetPage: Int
        let record: Record
        let path: FilePath
        let digestKey: DigestKey
        let entry: GroupEntry
        let cluster: Cluster
        /// Where it is in the cluster.
        let range: Range<Int>

        /// The error that something in its group is wrong.
        func damage(_ message: String) -> SnapError {
            SnapError(.damaged, message, path: path, offset: entry.offset)
        }
    }

    private let files: SavevmFiles
    private let inflater = Inflater()
    private var groups: [OpenGroup] = []
    private var clusterKeys: [ClusterKey?] = []
    private var nextVictim = 0
    private var clusters: MemoryBuffer
    private var scratch = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
    private var runs: [UInt8] = []
    /// Clusters that have been checked and not inflated.
    private var checked: Set<ClusterKey> = []

    private static let groupCountMax = 8
    private static let clusterCountMax = 4
    private static let checkedCountMax = 4096

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
        let steps = try steps(for: requests, level: level)
        var deltas: [(step: Step, runs: Range<Int>)] = []
        runs.removeAll(keepingCapacity: true)
        for step in steps {
            let encoded = try encoded(step)
            if step.use == .runs {
                let start = runs.count
                runs += clusters.withBytes(encoded) { $0.bytes }
                deltas.append((step, start..<runs.count))
            } else {
                place(encoded, as: step.targetPage, in: &target)
                if step.use == .literal { try check(step, in: target) }
            }
        }
        for delta in deltas { try apply(delta.runs, delta.step, to: &target) }
    }

    /// Checks that the clusters of pages, and of their bases, are what was written, without
    /// inflating them.
    ///
    /// - Parameters:
    ///   - requests: The pages, at most a unit's.
    ///   - level: Their level.
    /// - Throws: as `read`.
    package mutating func checkClusters(
        of requests: [PageRequest], level: Int
    ) throws(SnapError) {
        for step in try steps(for: requests, level: level) {
            let key = ClusterKey(group: step.location.groupKey, firstSlot: step.cluster.firstSlot)
            if checked.contains(key) { continue }
            try files.file(step.location.number)
                .readStored(step.cluster, of: step.entry, into: &scratch)
            if checked.count == Self.checkedCountMax { checked = [] }
            checked.insert(key)
        }
    }

    /// Finds out which encodings are needed, in an order in which each cluster is needed once.
    private mutating func steps(
        for requests: [PageRequest], level: Int
    ) throws(SnapError) -> [Step] {
        var steps: [Step] = []
        steps.reserveCapacity(requests.count)
        var bases: [(location: Location, targetPage: Int)] = []
        for request in requests.sorted(by: { $0.location < $1.location }) {
            let group = try group(of: request.location, level: level)
            let step = step(request.location, for: request.targetPage, in: group)
            switch step.record.form {
            case .literal: break
            case .delta(let base):
                guard base < request.location else {
                    throw group.damage("delta's base is not of a lower location")
                }
                bases.append((base, request.targetPage))
            case .dead:
                throw group.damage("slot \(request.location.slot) is pointed to and empty")
            }
            steps.append(step)
        }
        if bases.isEmpty { return steps }
        bases.sort { $0.location < $1.location }
        for base in bases {
            steps.append(try baseStep(base.location, for: base.targetPage, level: level))
        }
        steps.sort { $0.location < $1.location }
        return steps
    }

    private mutating func baseStep(
        _ base: Location, for targetPage: Int, level: Int
    ) throws(SnapError) -> Step {
        let group = try group(of: base, level: level)
        let step = step(base, for: targetPage, in: group, isBase: true)
        guard step.record.form == .literal else {
            throw group.damage("slot \(base.slot) is the base of a delta and not literal")
        }
        return step
    }

    private func step(
        _ location: Location, for targetPage: Int, in group: OpenGroup, isBase: Bool = false
    ) -> Step {
        let record = group.head.records[location.slot]
        let start = group.slotOffsets[location.slot]
        return Step(
            location: location,
            use: isBase ? .base : record.form == .literal ? .literal : .runs,
            targetPage: targetPage, record: record, path: group.path,
            digestKey: group.digestKey, entry: group.entry,
            cluster: group.head.clusters[group.head.clusterIndex(ofSlot: location.slot)],
            range: start..<start + record.encodedByteCount)
    }

    /// Makes a page of its base, which is in its place already.
    private func apply(
        _ part: Range<Int>, _ step: Step, to target: inout MemoryBuffer
    ) throws(SnapError) {
        let isValid = runs.withBytes { runs in
            target.withMutableBytes(Page.bytes(step.targetPage)) { page in
                Delta.apply(runs.extracting(part), to: &page)
            }
        }
        guard isValid else {
            throw step.damage("delta's runs are malformed")
        }
        try check(step, in: target)
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
        let step = try baseStep(base, for: page, level: level)
        place(try encoded(step), as: page, in: &target)
        try check(step, in: target)
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
        return buffer.withBytes(Page.bytes(0)) { $0.bytes }
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
                isComparable = group.digestKey == key
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
            throw group.damage(
                "slot \(location.slot) of level \(level) is pointed to, the group has "
                    + "\(group.head.records.count) of level \(group.head.level)")
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
            key: location.groupKey, path: file.path, digestKey: file.description.digestKey,
            entry: entry, head: head, slotOffsets: slotOffsets)
    }

    /// Where in `clusters` an encoding is, after its cluster has been inflated if need be.
    private mutating func encoded(_ step: Step) throws(SnapError) -> Range<Int> {
        let key = ClusterKey(group: step.location.groupKey, firstSlot: step.cluster.firstSlot)
        let place: Int
        if let found = clusterKeys.lastIndex(where: { $0 == key }) {
            place = found
        } else {
            place = try inflate(step, key)
        }
        let start = place * Limits.clusterByteCountMax
        return start + step.range.lowerBound..<start + step.range.upperBound
    }

    private mutating func inflate(
        _ step: Step, _ key: ClusterKey
    ) throws(SnapError) -> Int {
        let place = nextVictim
        nextVictim = (nextVictim + 1) % Self.clusterCountMax
        if place < clusterKeys.count {
            clusterKeys[place] = nil  // until the new one is whole
        } else {
            clusterKeys.append(nil)
        }
        let start = place * Limits.clusterByteCountMax
        try clusters.withMutableBytes(start..<start + step.cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try files.file(step.location.number).read(
                step.cluster, of: step.entry, into: &target, scratch: &scratch, inflater)
        }
        clusterKeys[place] = key
        return place
    }

    // MARK: Pages

    private func place(
        _ encoded: Range<Int>, as page: Int, in target: inout MemoryBuffer
    ) {
        let start = page * Page.byteCount
        clusters.withBytes(encoded) { target.copy($0, to: start) }
    }

    private func check(_ step: Step, in target: borrowing MemoryBuffer) throws(SnapError) {
        let digest = target.withBytes(Page.bytes(step.targetPage)) {
            step.digestKey.digest(of: $0)
        }
        guard digest == step.record.digest else {
            throw step.damage(
                "page digest is \(digest.hex), its record says \(step.record.digest.hex)")
        }
    }
}
