import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem
import Synchronization

/// A checkpoint as one QEMU stream: its pages where the RAM was, all else as it was kept.
struct StreamSource: ~Copyable {
    private let ram: StoredMemory
    private let devices: DeviceStateFile
    private let sections: [StoredSection]

    /// How long the sections may be that are read whole: header and configuration, list of blocks.
    private static let sectionByteCountMax = 2 << 20

    /// Opens the device state and looks for the stream in it.
    ///
    /// - Parameters:
    ///   - ram: The checkpoint's RAM.
    ///   - checkpoint: Its savevm file.
    ///   - guest: The guest's directory in the store.
    /// - Throws: `.notFound` if it has none, `.damaged`, `.permission` or `.inputOutput`.
    init(
        _ ram: StoredMemory, of checkpoint: SavevmFile, in guest: Directory
    ) throws(SnapError) {
        let devices = try DeviceStateFile(of: checkpoint, in: guest)
        guard let state = devices.files.first(where: { $0.kind == .stream }),
            state.sections.contains(where: { $0.kind == .ramStart })
        else {
            throw SnapError(
                .notFound,
                "checkpoint \(checkpoint.description.guest):\(checkpoint.header.number) was saved "
                    + "without a QEMU stream that says where its RAM belongs")
        }
        sections = state.sections
        self.ram = ram
        self.devices = devices
    }

    /// Writes the stream.
    ///
    /// - Parameters:
    ///   - output: Where to, at its own position.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(
        to output: borrowing File, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        guard let first = sections.first, first.kind == .framing else {
            throw damage("does not begin with a stream's header")
        }
        // Read first: a read that fails is no damage.
        let framing = try bytes(of: first)
        let end = try endBytes()
        let unsent = try unsentPages()
        let writer: StreamWriter
        do throws(SnapError) {
            writer = try StreamWriter(framing: framing, end: end, path: devices.path)
        } catch { throw damage(error.message) }
        try append(writer.head, to: output)
        for section in sections.dropFirst() {
            switch section.kind {
            case .ramStart:
                try writeRAM(section, writer, unsent, to: output, jobs: jobs, progress)
            case .ram where section.byteCount == 0:
                try append(writer.ramEnd(section.identity.sectionID), to: output)
            case .framing where section.byteCount <= Self.sectionByteCountMax:
                let framing = try bytes(of: section)
                try append(StreamWriter.withoutLiveCommands(framing), to: output)
            case .opaque, .framing, .ram, .device:
                try devices.read(section) { (bytes) throws(SnapError) in
                    try output.append(bytes)
                }
            case .unsentPages: break
            }
        }
    }

    /// The beginning of the last section, in which the description is.
    private func endBytes() throws(SnapError) -> [UInt8] {
        guard let last = sections.last(where: { $0.kind == .framing }) else { return [] }
        var bytes: [UInt8] = []
        try devices.read(last) { (piece) throws(SnapError) in
            if bytes.count < StreamWriter.endByteCountMax { bytes.append(copying: piece) }
        }
        return bytes
    }

    private func unsentPages() throws(SnapError) -> UnsentPages {
        guard let section = sections.first(where: { $0.kind == .unsentPages }) else {
            return UnsentPages([])
        }
        return try UnsentPages(
            try devices.bytes(of: section), of: ram.blocks.map(\.block), path: devices.path)
    }

    /// Writes the list of blocks, and a section with the pages of those in the checkpoint.
    private func writeRAM(
        _ section: StoredSection, _ writer: StreamWriter, _ unsent: UnsentPages,
        to output: borrowing File, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        let id = section.identity.sectionID
        var blocks = ram.blocks.map(\.block)
        if section.byteCount > 0 {
            // What the kept sections have pages of, ROMs say, is listed there and nowhere else.
            let list = try bytes(of: section)
            do throws(SnapError) {
                let listed = try writer.blocks(listedIn: list, path: devices.path)
                let isListed = { (block: RAMBlock) in
                    listed.contains { $0.name == block.name && $0.byteCount == block.byteCount }
                }
                guard blocks.allSatisfy(isListed) else {
                    throw damage("lists other RAM blocks than the checkpoint has")
                }
                blocks = listed
            } catch { throw damage(error.message) }
        }
        guard blocks.allSatisfy({ RAMBlock.isName($0.name) }) else {
            throw damage("belongs to RAM blocks with names that no stream can say")
        }
        try append(writer.ramStart(id, blocks) + writer.partHead(id), to: output)
        let cursor = Mutex(StoredUnitCursor(ram.blocks))
        progress.begin(.restoring, of: ram.byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { cursor.withLock { $0.next() } },
            makeWorker: { UnitDecoder(ram.files) },
            work: { (worker, unit, _) throws(SnapError) in
                try worker.decode(unit)
                progress.advance(by: unit.pageCount * Page.byteCount)
                return worker.withPages { pages, buffer in
                    writer.pageRecords(
                        unit.block.block, at: unit.index * Unit.byteCount,
                        pageCount: unit.pageCount, pages,
                        unsent: unsent.pages(ofUnit: unit.index, block: unit.blockIndex),
                        in: buffer)
                }
            },
            deliver: { (records) throws(SnapError) in try append(records, to: output) })
        try append(writer.sectionEnd(id), to: output)
    }

    private func append(_ bytes: [UInt8], to output: borrowing File) throws(SnapError) {
        try bytes.withBytes { (bytes) throws(SnapError) in try output.append(bytes) }
    }

    private func bytes(of section: StoredSection) throws(SnapError) -> [UInt8] {
        guard section.byteCount <= Self.sectionByteCountMax else {
            throw damage(
                "header or list of RAM blocks has \(section.byteCount) bytes, expected at most "
                    + "\(Self.sectionByteCountMax)")
        }
        return try devices.bytes(of: section)
    }

    private func damage(_ message: String) -> SnapError {
        SnapError(.damaged, message, path: devices.path)
    }
}
