package import SnapSystem

/// Guest RAM that comes page by page, in any order and some of it more than once, until it is
/// whole and can be read like an image.
///
/// It lies in a scratch file, so that memory use does not grow with the guest. Pages that follow
/// one another are written together. A page that is zero takes space only where something else
/// was written before.
package struct MemoryStage: ~Copyable {
    private let shared: SharedFile
    /// The RAM blocks, and where in the file each begins.
    private var blocks: [RAMBlock] = []
    private var starts: [Int] = []
    private var byteCount = 0
    private let writer: RunWriter
    /// Pages on their way into the file: where the first goes, and the bytes so far.
    private var runStart = 0
    private var run: [UInt8] = []
    /// The pages of the file that have been written, by unit.
    private var written: [Int: PageSet] = [:]

    private static let zeroPage = [UInt8](repeating: 0, count: Page.byteCount)

    /// Begins without a block.
    ///
    /// - Parameter directory: The directory in whose file system the scratch file is.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(in directory: Directory) throws(SnapError) {
        shared = SharedFile(
            try PendingFile.scratch(in: directory, for: "a scratch file for guest memory"))
        writer = RunWriter(shared)
    }

    /// Adds a block, all of it zero.
    ///
    /// - Parameter block: The block.
    /// - Throws: `.inputOutput` if the file system takes no file of that length.
    package mutating func add(_ block: RAMBlock) throws(SnapError) {
        blocks.append(block)
        starts.append(byteCount)
        byteCount += block.unitCount * Unit.byteCount
        try shared.file.setLength(byteCount)
    }

    /// Puts bytes in their place, over what is there.
    ///
    /// - Parameters:
    ///   - bytes: The bytes, at most a unit.
    ///   - block: Which block.
    ///   - offset: Where in the block, in bytes; all of them inside it.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package mutating func write(
        _ bytes: RawSpan, block: Int, at offset: Int
    ) throws(SnapError) {
        let place = place(bytes.byteCount, in: block, at: offset)
        for page in Self.pages(of: place) {
            let part = Page.bytes(page).clamped(to: place)
            let source = bytes.extracting(
                part.lowerBound - place.lowerBound..<part.upperBound - place.lowerBound)
            // A page that was never written is a hole, which is zero already.
            if !Self.isZero(source) || isWritten(page) { try put(source, at: part.lowerBound) }
        }
    }

    /// Makes bytes zero.
    ///
    /// - Parameters:
    ///   - byteCount: How many bytes.
    ///   - block: Which block.
    ///   - offset: Where in the block, in bytes; all of them inside it.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package mutating func clear(
        byteCount: Int, block: Int, at offset: Int
    ) throws(SnapError) {
        let place = place(byteCount, in: block, at: offset)
        for page in Self.pages(of: place) where isWritten(page) {
            let part = Page.bytes(page).clamped(to: place)
            try Self.zeroPage.withBytes { (zeros) throws(SnapError) in
                try put(zeros.extracting(first: part.count), at: part.lowerBound)
            }
        }
    }

    /// Reads bytes as they are now.
    ///
    /// - Parameters:
    ///   - target: Where they go.
    ///   - block: Which block.
    ///   - offset: Where in the block, in bytes; all of them inside it.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package mutating func read(
        into target: inout MutableRawSpan, block: Int, at offset: Int
    ) throws(SnapError) {
        let place = place(target.byteCount, in: block, at: offset)
        if let part = partOfRun(place) {
            run.withBytes { target.copy($0.extracting(part)) }
            return
        }
        try settle()
        guard try shared.file.read(into: &target, at: place.lowerBound) == place.count else {
            throw SnapError(.internalFailure, "scratch file has shrunk", path: shared.file.path)
        }
    }

    /// The blocks, to be read; what no page has come for is zero.
    ///
    /// - Throws: `.inputOutput` or `.interrupted`.
    package consuming func finish() throws(SnapError) -> [MemoryImage] {
        try settle()
        let data = MemoryImage.KnownData.runs(writtenRuns)
        return zip(blocks, starts).map { block, start in
            MemoryImage(block, in: shared, at: start, fileByteCount: byteCount, knownData: data)
        }
    }

    /// What has been written of the file, whatever its file system knows of holes.
    private var writtenRuns: [Range<Int>] {
        var runs: [Range<Int>] = []
        for unit in written.keys.sorted() {
            for pages in written[unit]?.runs ?? [] {
                let start = unit * Unit.byteCount
                runs.append(
                    merging: start + pages.lowerBound * Page.byteCount..<start
                        + pages.upperBound * Page.byteCount)
            }
        }
        return runs
    }

    private func place(_ byteCount: Int, in block: Int, at offset: Int) -> Range<Int> {
        precondition(offset >= 0 && byteCount <= blocks[block].byteCount - offset)
        return starts[block] + offset..<starts[block] + offset + byteCount
    }

    /// Adds bytes of one page to the run, or begins another one with them.
    private mutating func put(_ bytes: RawSpan, at offset: Int) throws(SnapError) {
        if let part = partOfRun(offset..<offset + bytes.byteCount) {
            run.withMutableBytes { $0.copy(bytes, to: part.lowerBound) }
            return
        }
        if offset != runStart + run.count || run.count + bytes.byteCount > Unit.byteCount {
            try flush()
            runStart = offset
        }
        run.append(copying: bytes)
        let page = offset / Page.byteCount
        written[page / Unit.pageCount, default: PageSet()].insert(page % Unit.pageCount)
    }

    /// Where in the run some bytes of the file are; nil if not all of them are there.
    private func partOfRun(_ place: Range<Int>) -> Range<Int>? {
        guard place.lowerBound >= runStart, place.upperBound <= runStart + run.count else {
            return nil
        }
        return place.lowerBound - runStart..<place.upperBound - runStart
    }

    /// Queues the run for writing.
    private mutating func flush() throws(SnapError) {
        if run.isEmpty { return }
        let full = run
        run = []
        // Most runs are as long as they can be, and growing one by and by would copy it again.
        run.reserveCapacity(full.count)
        try writer.write(full, at: runStart)
    }

    /// Waits until the file holds all that came.
    private mutating func settle() throws(SnapError) {
        try flush()
        try writer.wait()
    }

    private func isWritten(_ page: Int) -> Bool {
        written[page / Unit.pageCount]?.contains(page % Unit.pageCount) ?? false
    }

    private static func isZero(_ bytes: RawSpan) -> Bool {
        // A page of the target may be smaller than ours.
        bytes.byteCount == Page.byteCount
            ? Page.isZero(bytes)
            : zeroPage.withBytes { bytes.isEqual(to: $0.extracting(first: bytes.byteCount)) }
    }

    /// The pages of the file that some bytes lie in: a target's page may be smaller.
    private static func pages(of place: Range<Int>) -> Range<Int> {
        let end = (place.upperBound + Page.byteCount - 1) / Page.byteCount
        return place.lowerBound / Page.byteCount..<end
    }
}
