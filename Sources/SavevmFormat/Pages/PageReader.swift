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

        /// Creates an error that reports damage in the encoding's group.
        func damage(_ message: String) -> SnapError {
            SnapError(.damaged, message, path: path, offset: encoding.entry.offset)
        }
    }

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

    /// The number of clusters decoded so far.
    package var decodedClusterCount: Int { cache.decodedCount }

    /// Reads pages, and decodes each cluster that contains any of them only once.
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

    /// Checks the clusters of pages and of their bases by their checksums, without inflating them.
    ///
    /// - Parameters:
    ///   - requests: The pages, at most 512.
    ///   - level: The pages' level.
    /// - Throws: The errors of `read`.
    package mutating func checkClusters(
        of requests: [PageRequest], level: Int
    ) throws(SnapError) {
        for step in try steps(for: requests, level: level) {
            try cache.check(step.encoding)
        }
    }

    /// Determines the encodings to read, in an order in which each cluster is decoded once.
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
                    throw group.damage("delta's base does not have a lower location")
                }
                bases.append((base, request.targetPage))
            case .dead:
                throw group.damage(
                    "a location refers to slot \(request.location.slot), which is dead")
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
            throw group.damage("slot \(base.slot) is the base of a delta, but not literal")
        }
        return step
    }

    /// Turns a base, which is already at the position of its page, into the page.
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

    /// Reads a literal page as the base of a new delta.
    ///
    /// - Parameters:
    ///   - base: The base's location.
    ///   - level: The base's level.
    ///   - page: The index in the target of the page that receives the base.
    ///   - target: Receives the base. Its other pages stay unchanged.
    /// - Throws: The errors of `read`; `.damaged` also if the page is not literal.
    package mutating func readBase(
        _ base: Location, level: Int, as page: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        let step = try baseStep(base, for: page, level: level)
        place(try cache.load(step.encoding), as: page, in: &target)
        try check(step, in: target)
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

    private func check(_ step: Step, in target: borrowing MemoryBuffer) throws(SnapError) {
        let digest = target.withBytes(Page.bytes(step.targetPage)) {
            step.digestKey.digest(of: $0)
        }
        guard digest == step.record.digest else {
            throw step.damage(
                "page digest is \(digest.hex), expected \(step.record.digest.hex)")
        }
    }
}
