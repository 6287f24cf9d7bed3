package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// Turns stored units back into memory.
///
/// A worker owns one.
package struct UnitDecoder: ~Copyable {
    private let files: SavevmFiles
    private var tables: PageTableWalker?
    private var tablesBlockIndex = -1
    private var pages: PageReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)
    /// The pages of the unit that were read, ascending.
    private var storedPages: [Int] = []

    /// Prepares to read.
    ///
    /// - Parameter files: The files that pages and tables may lie in.
    package init(_ files: SavevmFiles) {
        self.files = files
        tables = nil
        pages = PageReader(files)
    }

    /// Where a unit's pages are stored.
    ///
    /// - Parameter unit: The unit.
    /// - Throws: `.damaged` and what else reading tables throws.
    package mutating func locations(of unit: StoredUnit) throws(SnapError) -> [Location] {
        if tablesBlockIndex != unit.blockIndex {
            tables = PageTableWalker(unit.block, files)
            tablesBlockIndex = unit.blockIndex
        }
        return try tables?.locations(level: 0, inTable: unit.index) ?? []
    }

    /// What is known of a unit's pages without reading them.
    ///
    /// - Parameters:
    ///   - locations: Where they are stored.
    ///   - key: The key in which digests are wanted; nil if none are.
    /// - Throws: `.damaged` and what else reading pages throws.
    package mutating func metadata(
        at locations: [Location], key: DigestKey?
    ) throws(SnapError) -> [PageMetadata] {
        try pages.metadata(at: locations, level: 0, key: key)
    }

    /// Reads a unit; its pages that are not zero are then in the buffer, checked.
    ///
    /// - Parameters:
    ///   - unit: The unit.
    ///   - wanted: Which pages to read; nil for all.
    /// - Throws: `.damaged` and what else reading pages throws.
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

    /// Lends the runs of pages that were read.
    ///
    /// - Parameter body: Takes a run and where in the unit it begins, in bytes.
    /// - Throws: What `body` throws.
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

    /// Lends the pages that were read, at their places in the unit.
    ///
    /// - Parameter body: Takes which pages they are, and the unit's bytes: those of other pages
    ///   mean nothing.
    package func withPages<Result>(_ body: (PageSet, borrowing MemoryBuffer) -> Result) -> Result {
        var pages = PageSet()
        for page in storedPages { pages.insert(page) }
        return body(pages, buffer)
    }

    /// The whole unit, zeros and all.
    ///
    /// - Parameter unit: The unit that was decoded last.
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
