import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Writing a stream")
struct WriterTests {
    /// Writes a stream from what was read, as a restore does.
    private static func written(_ read: ReadStream, _ made: GeneratedStream) throws -> [UInt8] {
        let framing = try #require(read.content.elements.first)
        let end = try #require(read.content.elements.last)
        let writer = try StreamWriter(
            framing: Array(read.kept[framing.range]), end: Array(read.kept[end.range]),
            path: "framing")
        var bytes = writer.head
        for element in read.content.elements.dropFirst() {
            switch element.kind {
            case .ramStart:
                bytes += writer.ramStart(element.sectionID, read.content.blocks)
                bytes += writer.partHead(element.sectionID)
                for (block, unsent) in zip(read.content.blocks, read.content.unsentRuns) {
                    bytes += records(writer, block, made.ram[block.name], unsent: unsent)
                }
                bytes += writer.sectionEnd(element.sectionID)
            case .ram: bytes += writer.ramEnd(element.sectionID)
            case .framing:
                bytes += StreamWriter.withoutLiveCommands(Array(read.kept[element.range]))
            case .device: bytes += read.kept[element.range]
            }
        }
        return bytes
    }

    private static func records(
        _ writer: StreamWriter, _ block: RAMBlock, _ image: GeneratedImage?, unsent: [Range<Int>]
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = MemoryBuffer(byteCount: Unit.byteCount)
        for unit in 0..<block.unitCount {
            let first = unit * Unit.pageCount
            let pageCount = min(Unit.pageCount, block.pageCount - first)
            var stored = PageSet()
            var unsentPages = PageSet()
            for page in 0..<pageCount where unsent.contains(where: { $0.contains(first + page) }) {
                unsentPages.insert(page)
            }
            for page in 0..<pageCount {
                // The writer must ignore the buffer's bytes for zero pages.
                let content = image?.pages[first + page]
                let junk = [UInt8](repeating: 0xcc, count: 4096)
                (content ?? junk).withBytes { buffer.copy($0, to: page * 4096) }
                if content != nil { stored.insert(page) }
            }
            bytes += writer.pageRecords(
                block, at: first * 4096, pageCount: pageCount, stored, unsent: unsentPages,
                in: buffer)
        }
        return bytes
    }

    @Test("a written stream is read back unchanged", arguments: 0..<60)
    func roundTrip(seed: Int) throws {
        var generator = Seeded(4000 + UInt64(seed))
        let made = GeneratedStream.random(&generator)
        let scratch = try Scratch()
        let first = try ReadStream(made.bytes, in: scratch)
        let bytes = try Self.written(first, made)
        let second = try ReadStream(bytes, in: scratch)
        #expect(try second.ram() == made.ram, "seed \(seed)")
        #expect(second.content.blocks == first.content.blocks, "seed \(seed)")
        #expect(second.images.map(\.ram) == first.images.map(\.ram), "seed \(seed)")
        // The writer does not send pages that the source has not sent.
        #expect(second.content.sentBlocks == first.content.sentBlocks, "seed \(seed)")
        #expect(second.content.unsentRuns == first.content.unsentRuns, "seed \(seed)")
        let devices = [first, second].map { read in
            read.listing.filter { $0.kind == .device }.map { read.kept[$0.range] }
        }
        #expect(devices[0] == devices[1], "seed \(seed)")
        #expect(second.content.configuration.machine == made.configuration.machine)
        #expect(second.content.configuration.pageByteCount == made.pageByteCount)
        #expect(
            second.content.configuration.capabilities
                == made.configuration.capabilities.filter { $0 != "mapped-ram" }, "seed \(seed)")
        // Writing the stream again gives the same bytes.
        #expect(try Self.written(second, made) == bytes, "seed \(seed)")
    }

    private static func listed(seed: Int) -> GeneratedStream {
        var generator = Seeded(5000 + UInt64(seed))
        return GeneratedStream.random(&generator, hasRAM: seed % 2 == 0)
    }

    @Test(
        "the block list of a kept section is read back, and a truncated one is refused",
        arguments: (0..<20).filter { !listed(seed: $0).isMapped })
    func keptList(seed: Int) throws {
        let made = Self.listed(seed: seed)
        let scratch = try Scratch()
        let read = try ReadStream(made.bytes, stagesRAM: false, in: scratch)
        let framing = try #require(read.content.elements.first)
        let writer = try StreamWriter(
            framing: Array(read.kept[framing.range]), end: [], path: "framing")
        let section = try #require(read.content.elements.first { $0.kind == .ramStart })
        let bytes = Array(read.kept[section.range])
        #expect(try writer.blocks(listedIn: bytes, path: "list") == read.content.blocks)
        for count in 0..<bytes.count - 5 {
            let error = #expect(throws: SnapError.self, "seed \(seed), \(count) bytes") {
                _ = try writer.blocks(listedIn: Array(bytes.prefix(count)), path: "list")
            }
            #expect(error?.code == .inputDamaged, "seed \(seed), \(count) bytes")
        }
    }

    @Test("a truncated header is refused", arguments: SmallStream.allCases)
    func cutFraming(form: SmallStream) throws {
        let made = form.made()
        let framing = made.elements[0].range
        #expect(
            try StreamWriter(framing: Array(made.bytes[framing]), end: [], path: "f").head.count
                <= framing.count)
        for count in 0..<8 {
            #expect(throws: SnapError.self, "\(count) bytes") {
                _ = try StreamWriter(
                    framing: Array(made.bytes.prefix(count)), end: [], path: "f")
            }
        }
    }
}
