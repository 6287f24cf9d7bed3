import Codecs
import GuestMemory
package import SnapSystem
package import SystemPackage

/// Reads stored pages: literals, deltas on their bases, and the check of every digest.
///
/// A worker owns one.
package struct PageReader: ~Copyable {
    /// An encoding that is needed, and what is to become of it.
    private struct Step {
        enum Use {
            /// It is the page.
            case literal
            /// It is the base of a delta that becomes the page.
            case base
            /// It is the runs of that delta.
            case runs
        }

        let encoding: StoredEncoding
        let use: Use
        let targetPage: Int
        let record: Record
        let path: FilePath
        let digestKey: DigestKey

        init(_ location: Location, in group: OpenGroup, for targetPage: Int, isBase: Bool) {
            encoding = group.encoding(of: location)
            record = group.head.records[location.slot]
            use = isBase ? .base : record.form == .literal ? .literal : .runs
            path = group.path
            digestKey = group.digestKey
            self.targetPage = targetPage
        }

        /// The error that something in its group is wrong.
        func damage(_ message: String) -> SnapError {
            SnapError(.damaged, message, path: path, offset: encoding.entry.offset)
        }
    }

    private var cache: ClusterCache
    private var runs: [UInt8] = []

    /// Prepares to read.
    ///
    /// - Parameter files: The files that pages may lie in.
    package init(_ files: SavevmFiles) {
        cache = ClusterCache(files)
    }

    /// How many clusters have been decoded so far.
    package var decodedClusterCount: Int { cache.decodedCount }

    /// Reads pages, each cluster that they lie in once.
    ///
    /// The base of a delta is put into the place of the page that it becomes. The runs wait until
    /// all clusters have been decoded, since a base may come after them.
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
            let encoded = try cache.load(step.encoding)
            if step.use == .runs {
                let start = runs.count
                runs += cache.withBytes(encoded) { $0.bytes }
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
            try cache.check(step.encoding)
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
            let group = try cache.group(of: request.location, level: level)
            let step = Step(
                request.location, in: group, for: request.targetPage, isBase: false)
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
        steps.sort { $0.encoding.location < $1.encoding.location }
        return steps
    }

    private mutating func baseStep(
        _ base: Location, for targetPage: Int, level: Int
    ) throws(SnapError) -> Step {
        let group = try cache.group(of: base, level: level)
        let step = Step(base, in: group, for: targetPage, isBase: true)
        guard step.record.form == .literal else {
            throw group.damage("slot \(base.slot) is the base of a delta and not literal")
        }
        return step
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
        place(try cache.load(step.encoding), as: page, in: &target)
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
    package mutating func metadata(
        at locations: [Location], level: Int, key: DigestKey?
    ) throws(SnapError) -> [PageMetadata] {
        var known = [PageMetadata](repeating: PageMetadata(), count: locations.count)
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

    /// Whether a stored page would be lost with some of the files.
    ///
    /// - Parameters:
    ///   - numbers: The files.
    ///   - location: Where it is stored.
    ///   - level: Its level.
    /// - Throws: as `read`.
    package mutating func isStored(
        in numbers: Set<Int>, _ location: Location, level: Int
    ) throws(SnapError) -> Bool {
        guard !numbers.isEmpty, location != .zero else { return false }
        if numbers.contains(location.number) { return true }
        let group = try cache.group(of: location, level: level)
        guard case .delta(let base) = group.head.records[location.slot].form else { return false }
        return numbers.contains(base.number)
    }

    /// The file that a location is in, for messages.
    package func path(of location: Location) throws(SnapError) -> FilePath {
        try cache.files.file(location.number).path
    }

    private func place(
        _ encoded: Range<Int>, as page: Int, in target: inout MemoryBuffer
    ) {
        let start = page * Page.byteCount
        cache.withBytes(encoded) { target.copy($0, to: start) }
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
