import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// A checkpoint's memory as a stream of units, its RAM blocks one after the other.
struct RestoreSource: Sendable {
    let blocks: [StoredBlock]
    let files: SavevmFiles

    /// Only one of the blocks.
    ///
    /// - Parameter name: The block's name.
    /// - Throws: `.notFound` if there is none of that name.
    func block(named name: String) throws(SnapError) -> RestoreSource {
        guard let block = blocks.first(where: { $0.block.name == name }) else {
            let names = blocks.map { $0.block.name.isEmpty ? "one without a name" : $0.block.name }
            throw SnapError(
                .notFound,
                "checkpoint has no RAM block \"\(name)\", it has \(names.joined(separator: ", "))")
        }
        return RestoreSource(blocks: [block], files: files)
    }

    /// The length of the memory in bytes.
    var byteCount: Int { blocks.reduce(0) { $0 + $1.block.byteCount } }

    /// Writes the memory into a file of its length that is all holes.
    ///
    /// - Parameters:
    ///   - image: The file.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(
        to image: borrowing OutputFile, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        let cursor = Mutex(StoredUnitCursor(blocks))
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { cursor.withLock { $0.next() } },
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit, _) throws(SnapError) in
                try worker.decode(unit)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    try image.write(bytes, at: unit.offset + offset)
                }
                progress.advance(by: unit.pageCount * Page.byteCount)
            },
            deliver: { _ in })
    }

    /// Writes the memory to a pipe, zeros and all.
    ///
    /// - Parameters:
    ///   - pipe: Where to.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(
        to pipe: borrowing File, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        let cursor = Mutex(StoredUnitCursor(blocks))
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { cursor.withLock { $0.next() } },
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit, _) throws(SnapError) in
                try worker.decode(unit)
                return worker.bytes(of: unit)
            },
            deliver: { (bytes) throws(SnapError) in
                try bytes.withBytes { (bytes) throws(SnapError) in try pipe.append(bytes) }
                progress.advance(by: bytes.count)
            })
    }
}

/// A unit of a stored RAM block.
struct StoredUnit: Sendable {
    /// The block it is of, and which of the blocks that is.
    let block: StoredBlock
    let blockIndex: Int
    /// Which unit of the block.
    let index: Int
    /// Where it belongs, in bytes from the start of the first block.
    let offset: Int

    /// Its pages: 512, or fewer at the block's end.
    var pageCount: Int { min(Unit.pageCount, block.block.pageCount - index * Unit.pageCount) }
}

/// Goes through the units of all blocks in order.
struct StoredUnitCursor: Sendable {
    private let blocks: [StoredBlock]
    private var blockIndex = 0
    private var index = 0
    private var blockOffset = 0

    init(_ blocks: [StoredBlock]) {
        self.blocks = blocks
    }

    /// The next unit; nil after the last.
    mutating func next() -> StoredUnit? {
        guard blockIndex < blocks.count else { return nil }
        let stored = blocks[blockIndex]
        let unit = StoredUnit(
            block: stored, blockIndex: blockIndex, index: index,
            offset: blockOffset + index * Unit.byteCount)
        index += 1
        if index == stored.block.unitCount {
            blockOffset += stored.block.byteCount
            blockIndex += 1
            index = 0
        }
        return unit
    }
}
