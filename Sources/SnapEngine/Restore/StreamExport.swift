import CheckpointStore
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Writes a checkpoint as one QEMU stream.
///
/// The checkpoint's pages replace the RAM of the saved stream. The other parts of the stream are
/// written as the save kept them.
struct StreamExport: ~Copyable {
    private let memory: StoredMemory
    private let devices: DeviceStateFile
    private let sections: [StoredSection]
    /// The bytes to write before the stream.
    private let head: [UInt8]

    /// The maximum length of a section that is read entirely into memory: the framing with header
    /// and configuration, and the list of RAM blocks.
    private static let sectionByteCountMax = 2 << 20

    /// Opens the device state and finds the stream in it.
    ///
    /// - Parameters:
    ///   - memory: The checkpoint's memory.
    ///   - opened: The open checkpoint.
    ///   - head: The bytes to write before the stream.
    /// - Throws: `.notFound` if the checkpoint has no stream that shows where its RAM belongs;
    ///   `.damaged`, `.permission` or `.inputOutput`.
    init(
        _ memory: StoredMemory, of opened: OpenCheckpoint, after head: [UInt8] = []
    ) throws(SnapError) {
        let devices = try opened.deviceState()
        guard let state = devices.states.first(where: { $0.kind == .stream }),
            state.sections.contains(where: { $0.kind == .ramStart })
        else {
            throw SnapError(
                .notFound,
                "checkpoint \(opened.checkpoint.name) has no QEMU stream that shows where its RAM "
                    + "belongs, so it cannot be written as a stream")
        }
        sections = state.sections
        self.memory = memory
        self.devices = devices
        self.head = head
    }

    /// Writes the stream.
    ///
    /// - Parameters:
    ///   - output: The file or pipe, written from its current position.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
    func write(to output: borrowing File, _ context: WorkContext) throws(SnapError) {
        guard let first = sections.first, first.kind == .framing else {
            throw damage("does not start with a stream header")
        }
        var reader = DeviceStateReader(devices)
        // These reads stay outside the `do` below, which reports each of its errors as damage: a
        // failed read is not damage.
        let framing = try bytes(of: first, by: &reader)
        let end = try endBytes(by: &reader)
        let unsent = try unsentPages(by: &reader)
        let writer: StreamWriter
        do throws(SnapError) {
            writer = try StreamWriter(framing: framing, end: end, path: devices.path)
        } catch { throw damage(error) }
        try output.append(head + writer.head)
        for section in sections.dropFirst() {
            switch section.kind {
            case .ramStart:
                let list = section.byteCount > 0 ? try bytes(of: section, by: &reader) : nil
                try writeRAM(
                    section, listedIn: list, by: writer, without: unsent, to: output, context)
            case .ram where section.byteCount == 0:
                try output.append(writer.ramEnd(section.identity.sectionID))
            case .framing where section.byteCount <= Self.sectionByteCountMax:
                let framing = try bytes(of: section, by: &reader)
                try output.append(StreamWriter.withoutLiveCommands(framing))
            case .opaque, .framing, .ram, .device:
                try reader.read(section) { (bytes) throws(SnapError) in
                    try output.append(bytes)
                }
            case .unsentPages, .diskSnapshot, .domainDescription, .domainCookie: break
            }
        }
    }

    /// Reads the start of the last framing section, which contains the stream's description.
    private func endBytes(
        by reader: inout DeviceStateReader
    ) throws(SnapError) -> [UInt8] {
        guard let last = sections.last(where: { $0.kind == .framing }) else { return [] }
        var bytes: [UInt8] = []
        try reader.read(last) { (piece) throws(SnapError) in
            if bytes.count < StreamWriter.endByteCountMax { bytes.append(copying: piece) }
        }
        return bytes
    }

    private func unsentPages(
        by reader: inout DeviceStateReader
    ) throws(SnapError) -> UnsentPages {
        guard let section = sections.first(where: { $0.kind == .unsentPages }) else {
            return UnsentPages([])
        }
        return try UnsentPages(
            try reader.bytes(of: section), of: memory.blocks.map(\.ram), path: devices.path)
    }

    /// Writes the list of RAM blocks, and a section with the pages of the checkpoint's blocks.
    private func writeRAM(
        _ section: StoredSection, listedIn list: [UInt8]?, by writer: StreamWriter,
        without unsent: UnsentPages, to output: borrowing File, _ context: WorkContext
    ) throws(SnapError) {
        let id = section.identity.sectionID
        var blocks = memory.blocks.map(\.ram)
        if let list {
            // The kept sections can contain pages of other blocks, such as ROMs. Only this list
            // names those blocks.
            do throws(SnapError) {
                let listed = try writer.blocks(listedIn: list, path: devices.path)
                let isListed = { (block: RAMBlock) in
                    listed.contains { $0.name == block.name && $0.byteCount == block.byteCount }
                }
                guard blocks.allSatisfy(isListed) else {
                    throw damage("lists RAM blocks that differ from the checkpoint's")
                }
                blocks = listed
            } catch { throw damage(error) }
        }
        guard blocks.allSatisfy({ RAMBlock.isName($0.name) }) else {
            throw damage("belongs to RAM blocks whose names a QEMU stream cannot contain")
        }
        try output.append(writer.ramStart(id, blocks) + writer.partHead(id))
        let progress = context.progress
        let files = memory.files
        progress.begin(.restoring, of: memory.byteCount)
        try OrderedPipeline.run(
            over: memory.units, into: (), jobs: context.jobs,
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                try worker.decode(unit)
                progress.advance(by: unit.pageCount * Page.byteCount)
                return worker.withPages { pages, buffer in
                    writer.pageRecords(
                        unit.block.ram, at: unit.index * Unit.byteCount,
                        pageCount: unit.pageCount, pages,
                        unsent: unsent.pages(ofUnit: unit.index, block: unit.blockIndex),
                        in: buffer)
                }
            },
            deliver: { (_, records: [UInt8]) throws(SnapError) in try output.append(records) })
        try output.append(writer.sectionEnd(id))
    }

    private func bytes(
        of section: StoredSection, by reader: inout DeviceStateReader
    ) throws(SnapError) -> [UInt8] {
        guard section.byteCount <= Self.sectionByteCountMax else {
            throw damage(
                "header or list of RAM blocks has \(section.byteCount) bytes, expected at most "
                    + "\(Self.sectionByteCountMax)")
        }
        return try reader.bytes(of: section)
    }

    /// Converts an error of parsing the device state, which is damaged; a request to stop is not.
    private func damage(_ error: SnapError) -> SnapError {
        error.code == .interrupted ? error : damage(error.message)
    }

    private func damage(_ message: String) -> SnapError {
        SnapError(.damaged, message, path: devices.path)
    }
}
