package import SnapSystem

/// A stage for guest RAM that arrives page by page, in any order and some of it repeatedly.
///
/// Once all pages have arrived, it provides images to read the RAM from. The pages are in a scratch
/// file, so that memory use does not grow with the guest. Consecutive pages are written together.
/// A zero page takes space only if it replaces a page that was written earlier.
package struct MemoryStage: ~Copyable {
    private let shared: SharedFile
    /// The RAM blocks, and the offset of each in the file.
    private var blocks: [RAMBlock] = []
    private var starts: [Int] = []
    private var byteCount = 0
    private let writer: RunWriter
    /// Consecutive pages that are not in the file yet: their offset in the file, and their bytes.
    private var runStart = 0
    private var run: [UInt8] = []
    /// The pages of the file that have been written, by unit of the file.
    private var written: [Int: PageSet] = [:]

    private static let zeroPage = [UInt8](repeating: 0, count: Page.byteCount)

    /// Creates a stage without blocks.
    ///
    /// - Parameter directory: A directory in the file system that will contain the scratch file.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(in directory: Directory) throws(SnapError) {
        shared = SharedFile(
            try PendingFile.scratch(in: directory, for: "a scratch file for guest memory"))
        writer = RunWriter(shared)
    }

    /// Adds a block whose pages are all zero so far.
    ///
    /// - Parameter block: The block. Its index is the number of blocks added before.
    /// - Throws: `.inputOutput` if, for example, the file system does not support a file of the new
    ///   length.
    package mutating func add(_ block: RAMBlock) throws(SnapError) {
        blocks.append(block)
        starts.append(byteCount)
        byteCount += block.unitCount * Unit.byteCount
        try shared.file.setLength(byteCount)
    }

    /// Writes bytes to a block and replaces its previous content there.
    ///
    /// - Parameters:
    ///   - bytes: The bytes, at most a unit.
    ///   - block: The block's index.
    ///   - offset: The offset of the first byte in the block. The block must contain all of the
    ///     bytes.
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

    /// Clears bytes of a block.
    ///
    /// - Parameters:
    ///   - byteCount: The number of bytes to make zero.
    ///   - block: The block's index.
    ///   - offset: The offset of the first byte in the block. The block must contain all of the
    ///     bytes.
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

    /// Reads the current bytes of a block.
    ///
    /// - Parameters:
    ///   - target: Receives the bytes and is filled completely.
    ///   - block: The block's index.
    ///   - offset: The offset of the first byte in the block. The block must contain all of the
    ///     bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package mutating func read(
        into target: inout MutableRawSpan, block: Int, at offset: Int
    ) throws(SnapError) {
        let place = place(target.byteCount, in: block, at: offset)
        if let part = partOfRun(place) {
            run.withBytes { target.copy($0.extracting(part)) }
            return
        }
        try waitForWrites()
        guard try shared.file.read(into: &target, at: place.lowerBound) == place.count else {
            throw SnapError(.internalFailure, "scratch file has shrunk", path: shared.file.path)
        }
    }

    /// Finishes the stage, and turns its blocks into images.
    ///
    /// - Returns: The images of the blocks, in the order in which the blocks were added. Pages that
    ///   were never written are zero.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package consuming func finish() throws(SnapError) -> [MemoryImage] {
        try waitForWrites()
        let data = MemoryImage.KnownData.runs(writtenRuns)
        return zip(blocks, starts).map { block, start in
            MemoryImage(block, in: shared, at: start, fileByteCount: byteCount, knownData: data)
        }
    }

    /// The runs of bytes of the file that were written, regardless of the file system's holes.
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

    /// Adds bytes of one page to the run, or starts a new run with them.
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

    /// The position in the run of some bytes of the file; nil if the run does not contain them all.
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
        // Most runs reach the maximum length, and an array that grows gradually is copied often.
        run.reserveCapacity(full.count)
        try writer.write(full, at: runStart)
    }

    /// Waits until the file contains everything that was passed to `write`.
    private mutating func waitForWrites() throws(SnapError) {
        try flush()
        try writer.wait()
    }

    private func isWritten(_ page: Int) -> Bool {
        written[page / Unit.pageCount]?.contains(page % Unit.pageCount) ?? false
    }

    private static func isZero(_ bytes: RawSpan) -> Bool {
        // A page of QEMU's target architecture can be smaller than 4096 bytes.
        bytes.byteCount == Page.byteCount
            ? Page.isZero(bytes)
            : zeroPage.withBytes { bytes.isEqual(to: $0.extracting(first: bytes.byteCount)) }
    }

    /// The pages of the file that contain some bytes, which need not be complete pages.
    private static func pages(of place: Range<Int>) -> Range<Int> {
        let end = (place.upperBound + Page.byteCount - 1) / Page.byteCount
        return place.lowerBound / Page.byteCount..<end
    }
}
