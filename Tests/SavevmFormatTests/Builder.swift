import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport

/// Writes savevm files from pages and deltas that a test chooses, and reads them back.
struct Builder {
    /// Compressions of each kind: none, and fast and slow ones of both codecs.
    static let compressions = [
        Compression(.zlib, .stored), Compression(.zlib), compression(.zlib, 6),
        Compression(.zstd, .stored), Compression(.zstd), compression(.zstd, 5),
    ]

    private static func compression(_ codec: CheckpointCodec, _ level: Int) -> Compression {
        Compression(codec, CompressionLevel(level) ?? .default)
    }

    let directory: Directory
    let guest: GuestName
    let key: DigestKey
    let storeID = Identifier(high: 0x5354_4f52_4500_0000, low: 1)
    var references: [FileReference] = []

    init(_ scratch: Scratch) throws {
        directory = Directory(scratch.path, .kernel)
        guest = try GuestName(checking: "golden", as: "guest")
        guard let key = DigestKey((0..<192).map { UInt8($0) }) else {
            throw SnapError(.internalFailure, "a key of 192 bytes is refused")
        }
        self.key = key
    }

    func digest(_ page: [UInt8]) -> Hash128 { page.withBytes { key.digest(of: $0) } }

    /// How the builder stores a page.
    enum Page {
        case literal([UInt8])
        case delta([UInt8], against: [UInt8], at: Location)
        /// Any stored bytes, with any record.
        case raw(Record, [UInt8])
    }

    func encode(_ pages: [Page], level: Int, _ compression: Compression) throws -> EncodedGroup {
        var records: [Record] = []
        var bytes: [UInt8] = []
        for page in pages {
            switch page {
            case .literal(let content):
                records.append(.literal(digest(content)))
                bytes += content
            case .delta(let content, let base, let location):
                let runs = XBZRLE.encode(content, against: base)
                records.append(
                    .delta(digest(content), base: location, encodedByteCount: runs.count))
                bytes += runs
            case .raw(let record, let content):
                records.append(record)
                bytes += content
            }
        }
        return try bytes.withBytes { bytes in
            try GroupEncoder(compression).encode(records, bytes, level: level)
        }
    }

    /// Writes a checkpoint whose root is slot 0 of the last group.
    mutating func write(
        number: Int, groups: [(level: Int, pages: [Page])], pageCount: Int,
        _ compression: Compression = Compression(.zlib, .stored)
    ) throws {
        let id = Identifier(high: 0x4944_0000_0000_0000, low: UInt64(number))
        let header = FileHeader(
            .savevm, number: number, storeID: storeID, checkpointID: id, parent: references.last,
            codec: compression.codec)
        references.append(FileReference(number: number, id: id))
        var writer = try SavevmWriter(in: directory, header)
        for group in groups {
            _ = try writer.append(
                encode(group.pages, level: group.level, compression))
        }
        var counts = PageCounts()
        counts.zero = pageCount
        let root =
            groups.isEmpty ? .zero : Location(number: number, group: groups.count - 1, slot: 0)
        _ = try writer.publish(
            blocks: [
                StoredBlock(
                    ram: RAMBlock(name: "", byteCount: pageCount * 4096), root: root,
                    zeroPageCount: pageCount)
            ], references: references,
            description: CheckpointDescription(
                guest: guest, label: "a label",
                createdAt: Timestamp(secondsSinceEpoch: 1_800_000_000), pages: counts,
                digestKey: key, deviceState: nil))
    }

    func guestFiles() -> GuestFiles { GuestFiles(of: guest, in: directory) }

    func files() -> SavevmFiles { SavevmFiles(references, in: guestFiles()) }

    func path(_ number: Int) -> FilePath {
        directory.file(FileName.savevm(number).text)
    }

    /// Returns the locations of a unit's pages, from a checkpoint's page table.
    func locations(_ number: Int, unit: Int = 0) throws -> [Location] {
        let file = try files().file(number)
        var tables = PageTableWalker(try file.blocks()[0], files())
        return try tables.locations(level: 0, inTable: unit)
    }

    /// Reads the pages of a checkpoint's first unit that are not zero, by page number.
    func read(_ number: Int) throws -> [Int: [UInt8]] {
        var pages = PageReader(files())
        var buffer = MemoryBuffer(byteCount: Unit.byteCount)
        let locations = try locations(number)
        let requests = locations.indices.filter { locations[$0] != .zero }.map {
            PageRequest(locations[$0], targetPage: $0)
        }
        try pages.read(requests, level: 0, into: &buffer)
        var contents: [Int: [UInt8]] = [:]
        for request in requests {
            let range = request.targetPage * 4096..<(request.targetPage + 1) * 4096
            contents[request.targetPage] = buffer.withBytes(range) { $0.bytes }
        }
        return contents
    }
}
