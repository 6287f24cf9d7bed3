package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// Decodes stored units into memory.
///
/// Each worker has its own decoder.
package struct UnitDecoder: ~Copyable {
    private let files: SavevmFiles
    private var tables: PageTableWalker?
    private var tablesBlockIndex = -1
    private var pages: PageReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)
    /// The indices of the pages that the last call of `decode` has read, ascending.
    private var storedPages: [Int] = []

    /// Creates a decoder.
    ///
    /// - Parameter files: The files that pages and tables can lie in.
    package init(_ files: SavevmFiles) {
        self.files = files
        tables = nil
        pages = PageReader(files)
    }

    /// Finds where a unit's pages are stored.
    ///
    /// - Parameter unit: A unit of the checkpoint.
    /// - Returns: The location of each page.
    /// - Throws: `.damaged` if a table is damaged; `.unsupported`, `.permission` or `.inputOutput`.
    package mutating func locations(of unit: StoredUnit) throws(SnapError) -> [Location] {
        if tablesBlockIndex != unit.blockIndex {
            tables = PageTableWalker(unit.block, files)
            tablesBlockIndex = unit.blockIndex
        }
        return try tables?.locations(level: 0, inTable: unit.index) ?? []
    }

    /// Reads the records of a unit's pages, but not the pages.
    ///
    /// - Parameters:
    ///   - locations: The locations of the pages.
    ///   - key: The key of the digests that the caller needs; nil if it needs none.
    /// - Returns: The metadata of each page, in the order of `locations`.
    /// - Throws: `.damaged` if a group head is damaged; `.unsupported`, `.permission` or
    ///   `.inputOutput`.
    package mutating func metadata(
        at locations: [Location], key: DigestKey?
    ) throws(SnapError) -> [PageMetadata] {
        try pages.metadata(at: locations, level: 0, key: key)
    }

    /// Reads a unit's pages into the decoder's buffer and compares them with their digests.
    ///
    /// Zero pages are not written to the buffer. Until the next call, `forEachRun`, `withPages` and
    /// `bytes(of:)` give access to the pages that were read.
    ///
    /// - Parameters:
    ///   - unit: A unit of the checkpoint.
    ///   - wanted: The pages to read; nil for all.
    /// - Throws: `.damaged` if a page is damaged; `.unsupported`, `.permission` or `.inputOutput`.
    package mutating func decode(
        _ unit: StoredUnit, _ wanted: PageSet? = nil
    ) throws(SnapError) {
        let locations = try locations(of: unit)
        storedPages = locations.indices.filter {
            locations[$0] != .zero && wanted?.contains($0) ?? true
        }
        let requests = storedPages.map { PageRequest(locations[$0], targetPage: $0) }
        try pages.read(requests, level: 0, into: &buffer)
    }

    /// The pages of a unit that could not be read, and the reasons.
    package struct Loss: Sendable {
        /// The pages.
        package fileprivate(set) var pages = PageSet()
        /// The reasons, without repetition within a cluster.
        package fileprivate(set) var errors: [SnapError] = []
    }

    /// Reads those of a unit's pages that are intact, as `decode` does.
    ///
    /// - Parameter unit: A unit of the checkpoint.
    /// - Returns: The pages that are damaged: all of the unit if its table is damaged.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is returned, not thrown.
    package mutating func decodeReadable(_ unit: StoredUnit) throws(SnapError) -> Loss {
        do throws(SnapError) {
            try decode(unit)
            return Loss()
        } catch {
            guard error.isDamage else { throw error }
        }
        var loss = Loss()
        storedPages = []
        let locations: [Location]
        do throws(SnapError) { locations = try self.locations(of: unit) } catch {
            guard error.isDamage else { throw error }
            return Loss(pages: PageSet(first: unit.pageCount), errors: [error])
        }
        for (page, location) in locations.enumerated() where location != .zero {
            try Interruption.check()
            do throws(SnapError) {
                try pages.read([PageRequest(location, targetPage: page)], level: 0, into: &buffer)
                storedPages.append(page)
            } catch {
                guard error.isDamage else { throw error }
                loss.pages.insert(page)
                if loss.errors.last != error { loss.errors.append(error) }
            }
        }
        return loss
    }

    /// Calls a closure with each run of pages that were read.
    ///
    /// - Parameter body: Receives the bytes of a run, and its offset in the unit in bytes.
    /// - Throws: The errors of `body`.
    package func forEachRun(
        _ body: (RawSpan, Int) throws(SnapError) -> Void
    ) throws(SnapError) {
        var first = 0
        while first < storedPages.count {
            var last = first
            while last + 1 < storedPages.count, storedPages[last + 1] == storedPages[last] + 1 {
                last += 1
            }
            let start = storedPages[first] * Page.byteCount
            try buffer.withBytes(start..<(storedPages[last] + 1) * Page.byteCount) {
                (run) throws(SnapError) in try body(run, start)
            }
            first = last + 1
        }
    }

    /// Calls a closure with all pages that were read.
    ///
    /// - Parameter body: Receives the set of pages, and a buffer of the unit's length with these
    ///   pages in their places. The buffer's other bytes are undefined.
    /// - Returns: The result of `body`.
    package func withPages<Result>(_ body: (PageSet, borrowing MemoryBuffer) -> Result) -> Result {
        var pages = PageSet()
        for page in storedPages { pages.insert(page) }
        return body(pages, buffer)
    }

    /// Copies the entire unit, including zero pages.
    ///
    /// - Parameter unit: The unit that was decoded last.
    /// - Returns: The unit's bytes; a page that was not read is zero.
    package func bytes(of unit: StoredUnit) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: unit.pageCount * Page.byteCount)
        for page in storedPages {
            let range = Page.bytes(page)
            buffer.withBytes(range) { source in
                bytes.withMutableBytes { $0.copy(source, to: range.lowerBound) }
            }
        }
        return bytes
    }
}
