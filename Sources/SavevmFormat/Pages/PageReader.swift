import Codecs
import GuestMemory
package import SnapSystem
package import SystemPackage

/// A reader of stored pages, which applies deltas to their bases and checks every digest.
///
/// Each worker owns one.
package struct PageReader: ~Copyable {
    /// An encoding to read, and its use.
    private struct Step {
        enum Use {
            /// The encoding is the page.
            case literal
            /// The encoding is the base of a delta, which is turned into the page.
            case base
            /// The encoding is the runs of that delta.
            case runs
        }

        let location: Location
        let use: Use
        let targetPage: Int
        /// The index of the encoding's group in the plan.
        let group: Int
    }

    /// The encodings to read, in an order in which each cluster is decoded once.
    private struct Plan {
        var steps: [Step] = []
        var groups: [OpenGroup] = []

        func group(of step: Step) -> OpenGroup { groups[step.group] }
    }

    /// The number of groups from which on a plan takes no further request.
    ///
    /// A head can take 60 KiB, and a unit can need a thousand.
    private static let plannedGroupCountMax = 128

    private var cache: ClusterCache
    private var runs: [UInt8] = []

    /// Creates a reader.
    ///
    /// - Parameter files: The files that the pages and their bases may be in.
    package init(_ files: SavevmFiles) {
        cache = ClusterCache(files)
    }

    /// Opens the file that contains a location.
    func file(of location: Location) throws(SnapError) -> SavevmFile {
        try cache.files.file(location.number)
    }

    /// The work so far: for each cluster that was read, the larger of the number of bytes read and
    /// the number of bytes decoded.
    package var processedByteCount: Int { cache.processedByteCount }

    /// Reads pages, and decodes each cluster that contains any of them only once, unless they are
    /// in very many groups.
    ///
    /// The base of a delta is copied to the position of its page in the target. The runs are
    /// applied after all clusters have been decoded, since a base can come after the runs.
    ///
    /// - Parameters:
    ///   - requests: The pages, at most 512.
    ///   - level: The pages' level.
    ///   - target: Receives the pages. Its other pages stay unchanged.
    /// - Throws: `.damaged` with the file and the offset if any needed byte or digest is wrong;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    package mutating func read(
        _ requests: [PageRequest], level: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        var rest = Self.sorted(requests)[...]
        while !rest.isEmpty {
            try read(try planNext(&rest, level: level), into: &target)
        }
    }

    private mutating func read(
        _ plan: Plan, into target: inout MemoryBuffer
    ) throws(SnapError) {
        var deltas: [(step: Step, runs: Range<Int>)] = []
        runs.removeAll(keepingCapacity: true)
        var rest = plan.steps[...]
        while let first = rest.first {
            let group = plan.group(of: first)
            let cluster = group.cluster(ofSlot: first.location.slot)
            let part = rest.prefix { step in
                step.location.groupKey == group.key && cluster.slots.contains(step.location.slot)
            }
            rest = rest[part.endIndex...]
            if try decode(cluster, of: group, inPlace: part, in: &target) { continue }
            let end = group.encoding(ofSlot: part[part.endIndex - 1].location.slot).upperBound
            for step in part {
                let encoded = try cache.load(step.location, of: group, upTo: end)
                if step.use == .runs {
                    let start = runs.count
                    runs += cache.withBytes(encoded) { $0.bytes }
                    deltas.append((step, start..<runs.count))
                } else {
                    place(encoded, as: step.targetPage, in: &target)
                    if step.use == .literal {
                        try check(step.targetPage, at: step.location, of: group, in: target)
                    }
                }
            }
        }
        for delta in deltas {
            try apply(delta.runs, delta.step, of: plan.group(of: delta.step), to: &target)
        }
    }

    /// Decodes a cluster at the position of its pages.
    ///
    /// Returns false, and does nothing, unless the cluster consists of literal pages that follow
    /// one another in the target.
    private mutating func decode(
        _ cluster: Cluster, of group: OpenGroup, inPlace steps: ArraySlice<Step>,
        in target: inout MemoryBuffer
    ) throws(SnapError) -> Bool {
        guard steps.count == cluster.slotCount, let first = steps.first,
            cluster.encodedByteCount == steps.count * Page.byteCount
        else { return false }
        for (index, step) in steps.enumerated()
        where step.use != .literal || step.location.slot != cluster.firstSlot + index
            || step.targetPage != first.targetPage + index
        {
            return false
        }
        let start = first.targetPage * Page.byteCount
        let isDecoded = try target.withMutableBytes(start..<start + cluster.encodedByteCount) {
            (target) throws(SnapError) in
            try cache.decode(cluster, of: group, at: first.location, into: &target)
        }
        guard isDecoded else { return false }
        for step in steps {
            try check(step.targetPage, at: step.location, of: group, in: target)
        }
        return true
    }

    /// Checks the clusters of pages and of their bases by their checksums, without decoding them.
    ///
    /// - Parameters:
    ///   - requests: The pages, at most 512.
    ///   - level: The pages' level.
    /// - Throws: The errors of `read`.
    package mutating func checkClusters(
        of requests: [PageRequest], level: Int
    ) throws(SnapError) {
        var rest = Self.sorted(requests)[...]
        while !rest.isEmpty {
            let plan = try planNext(&rest, level: level)
            for step in plan.steps { try cache.check(step.location, of: plan.group(of: step)) }
        }
    }

    /// Plans the next of some requests, as many as need a limited number of groups, and removes
    /// them.
    private mutating func planNext(
        _ requests: inout ArraySlice<PageRequest>, level: Int
    ) throws(SnapError) -> Plan {
        var plan = Plan()
        plan.steps.reserveCapacity(requests.count)
        var bases: [PageRequest] = []
        var baseGroups: Set<UInt64> = []
        while plan.groups.count + baseGroups.count < Self.plannedGroupCountMax,
            let request = requests.popFirst()
        {
            let (location, targetPage) = (request.location, request.targetPage)
            let index = try add(location, level: level, to: &plan)
            let group = plan.groups[index]
            var use = Step.Use.literal
            switch group.head.records[location.slot].form {
            case .literal: break
            case .delta(let base):
                guard base < location else {
                    throw group.damage("delta's base does not have a lower location")
                }
                bases.append(PageRequest(base, targetPage: targetPage))
                baseGroups.insert(base.groupKey)
                use = .runs
            case .dead:
                throw group.damage("a location refers to slot \(location.slot), which is dead")
            }
            plan.steps.append(
                Step(location: location, use: use, targetPage: targetPage, group: index))
        }
        if bases.isEmpty { return plan }
        for base in Self.sorted(bases) {
            let index = try add(base.location, level: level, to: &plan)
            try Self.checkBase(base.location, in: plan.groups[index])
            plan.steps.append(
                Step(
                    location: base.location, use: .base, targetPage: base.targetPage, group: index))
        }
        plan.steps.sort { $0.location < $1.location }
        return plan
    }

    /// Returns requests in the order of their locations, which they mostly have already.
    private static func sorted(_ requests: [PageRequest]) -> [PageRequest] {
        let isSorted = zip(requests, requests.dropFirst()).allSatisfy { $0.location <= $1.location }
        return isSorted ? requests : requests.sorted { $0.location < $1.location }
    }

    /// Adds the group of a location to a plan, unless it is the last one; returns its index.
    private mutating func add(
        _ location: Location, level: Int, to plan: inout Plan
    ) throws(SnapError) -> Int {
        if !(plan.groups.last?.holds(location) ?? false) {
            plan.groups.append(try cache.group(of: location, level: level))
        }
        return plan.groups.count - 1
    }

    private static func checkBase(
        _ location: Location, in group: OpenGroup
    ) throws(SnapError) {
        guard group.head.records[location.slot].form == .literal else {
            throw group.damage("slot \(location.slot) is the base of a delta, but not literal")
        }
    }

    /// Turns a base, which is already at the position of its page, into the page.
    private func apply(
        _ part: Range<Int>, _ step: Step, of group: OpenGroup, to target: inout MemoryBuffer
    ) throws(SnapError) {
        let isValid = runs.withBytes { runs in
            target.withMutableBytes(Page.bytes(step.targetPage)) { page in
                Delta.apply(runs.extracting(part), to: &page)
            }
        }
        guard isValid else {
            throw group.damage("delta's runs are malformed")
        }
        try check(step.targetPage, at: step.location, of: group, in: target)
    }

    /// Reads a literal page as the base of a new delta.
    ///
    /// - Parameters:
    ///   - base: The base's location.
    ///   - level: The base's level.
    ///   - next: The bases that will be read next, in ascending order. What they need of the same
    ///     cluster is decoded at the same time.
    ///   - page: The index in the target of the page that receives the base.
    ///   - target: Receives the base. Its other pages stay unchanged.
    /// - Throws: The errors of `read`; `.damaged` also if the page is not literal.
    package mutating func readBase(
        _ base: Location, followedBy next: ArraySlice<Location> = [], level: Int, as page: Int,
        into target: inout MemoryBuffer
    ) throws(SnapError) {
        let group = try cache.group(of: base, level: level)
        try Self.checkBase(base, in: group)
        let slots = group.cluster(ofSlot: base.slot).slots
        let last = next.prefix { $0.groupKey == group.key && slots.contains($0.slot) }.last
        let end = group.encoding(ofSlot: (last ?? base).slot).upperBound
        place(try cache.load(base, of: group, upTo: end), as: page, in: &target)
        try check(page, at: base, of: group, in: target)
    }

    /// Reads one page into a new array.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - level: The page's level.
    /// - Returns: The page's 4096 bytes.
    /// - Throws: The errors of `read`.
    package mutating func page(at location: Location, level: Int) throws(SnapError) -> [UInt8] {
        var buffer = MemoryBuffer(byteCount: Page.byteCount)
        try read([PageRequest(location, targetPage: 0)], level: level, into: &buffer)
        return buffer.withBytes(Page.bytes(0)) { $0.bytes }
    }

    /// Reads the metadata of stored pages without their bytes, and each group's head only once.
    ///
    /// - Parameters:
    ///   - locations: The pages' locations. The zero page has neither a digest nor a base.
    ///   - level: The pages' level.
    ///   - key: The key that the digests must be computed with; nil if no digests are needed.
    /// - Returns: The metadata of each page, in the order of `locations`.
    /// - Throws: The errors of `read`.
    package mutating func metadata(
        at locations: [Location], level: Int, key: DigestKey?
    ) throws(SnapError) -> [PageMetadata] {
        var known = [PageMetadata](repeating: PageMetadata(), count: locations.count)
        var order = locations.indices.filter { locations[$0] != .zero }
        // If all pages are in one group, as after a full save, they are already in order.
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
                group = try cache.group(of: location, level: level)
                isComparable = group.digestKey == key
                current = group
            }
            let record = group.head.records[location.slot]
            known[index].digest = isComparable ? record.digest : nil
            if case .delta(let base) = record.form { known[index].base = base }
        }
        return known
    }

    /// Checks whether reading a stored page needs one of some parts.
    ///
    /// - Parameters:
    ///   - parts: The parts.
    ///   - location: The page's location.
    ///   - level: The page's level.
    /// - Returns: Whether the page or its base is in one of the parts, or cannot be read.
    /// - Throws: `.permission` or `.inputOutput`.
    package mutating func needs(
        _ parts: StoredParts, at location: Location, level: Int
    ) throws(SnapError) -> Bool {
        guard !parts.isEmpty, location != .zero else { return false }
        if parts.contains(location) { return true }
        let page = try readableMetadata(at: [location], level: level)[0]
        return page.map { parts.contains($0.base ?? .zero) } ?? true
    }

    /// Finds the path of the file that contains a location, for messages.
    ///
    /// - Parameter location: A location other than the zero page's.
    /// - Returns: The path of the live or retired file.
    /// - Throws: The errors of opening the file.
    package func path(of location: Location) throws(SnapError) -> FilePath {
        try file(of: location).path
    }

    private func place(
        _ encoded: Range<Int>, as page: Int, in target: inout MemoryBuffer
    ) {
        let start = page * Page.byteCount
        cache.withBytes(encoded) { target.copy($0, to: start) }
    }

    private func check(
        _ page: Int, at location: Location, of group: OpenGroup, in target: borrowing MemoryBuffer
    ) throws(SnapError) {
        let expected = group.head.records[location.slot].digest
        let digest = target.withBytes(Page.bytes(page)) {
            group.digestKey.digest(of: $0)
        }
        guard digest == expected else {
            throw group.damage("page digest is \(digest.hex), expected \(expected.hex)")
        }
    }
}
