import GuestMemory
import MigrationStream
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Reading a stream")
struct ReadingTests {
    @Test("the RAM and all other bytes of random streams are read", arguments: 0..<120)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let made = GeneratedStream.random(&generator)
        let scratch = try Scratch()
        try ReadStream(made.bytes, in: scratch).check(made, "seed \(seed)")
        if seed % 3 == 0 {
            try ReadStream(made.bytes, in: scratch, isPiped: true)
                .check(made, "seed \(seed), piped")
        }
        if !made.isMapped {
            try ReadStream(made.bytes, stagesRAM: false, in: scratch)
                .check(made, stagesRAM: false, "seed \(seed), all kept")
        }
    }

    @Test("streams without their RAM are kept completely", arguments: 0..<20)
    func withoutRAM(seed: Int) throws {
        var generator = Seeded(1000 + UInt64(seed))
        let made = GeneratedStream.random(&generator, hasRAM: false)
        let scratch = try Scratch()
        for isPiped in [false, true] {
            let read = try ReadStream(
                made.bytes, stagesRAM: false, in: scratch, isPiped: isPiped)
            try read.check(made, stagesRAM: false, "seed \(seed)")
            #expect(read.content.sentBlocks.isEmpty, "seed \(seed)")
        }
        // With staging, the missing RAM is zero, and the reader reports its blocks as ignored.
        let outcome = try ReadOutcome(made.bytes, in: scratch)
        #expect(
            outcome.stream?.content.ignoredBlocks.map(\.name) == made.blockNames, "seed \(seed)")
    }

    /// Returns the same random stream with and without a description.
    private static func streams(seed: Int) -> [GeneratedStream] {
        [true, false].map { isDescribed in
            var generator = Seeded(2000 + UInt64(seed))
            return GeneratedStream.random(&generator, isDescribed: isDescribed)
        }
    }

    @Test(
        "footers separate the same devices as the description",
        arguments: (0..<60).filter { streams(seed: $0)[0].hasFooters })
    func footers(seed: Int) throws {
        let scratch = try Scratch()
        let streams = Self.streams(seed: seed)
        let read = try streams.map { try ReadStream($0.bytes, in: scratch) }
        // Only what follows the end mark differs.
        #expect(read[0].listing.dropLast() == read[1].listing.dropLast(), "seed \(seed)")
        #expect(read[1].hasNoGaps, "seed \(seed)")
    }

    @Test("each small stream is read", arguments: SmallStream.allCases)
    func small(form: SmallStream) throws {
        let made = form.made()
        let scratch = try Scratch()
        if form == .withoutFootersUndescribed {
            let read = try ReadStream(made.bytes, in: scratch)
            // Without footers and a description the devices cannot be separated.
            #expect(read.listing.map(\.name).suffix(1) == ["devices"])
            #expect(read.kept == made.bytesWithoutRAM && read.hasNoGaps)
            #expect(try read.ram() == made.ram)
        } else if form.hasRAM {
            try ReadStream(made.bytes, in: scratch).check(made, "\(form)")
        }
        if form != .withoutFootersUndescribed && !made.isMapped {
            try ReadStream(made.bytes, stagesRAM: false, in: scratch)
                .check(made, stagesRAM: false, "\(form)")
        }
    }

    @Test("the reader reports which blocks have pages in the stream")
    func sentBlocks() throws {
        var made = GeneratedStream()
        let images = ["a", "b", "c"].map { ($0, GeneratedImage(pageCount: 2)) }
        made.ramStart(images)
        made.ramSection(isLast: true) { stream in
            stream.record(.compressed, "c", 1, GeneratedImage.text(1))
            stream.record(.zero, "a", 1, [UInt8](repeating: 0, count: 4096))
        }
        made.finish()
        let read = try ReadStream(made.bytes, in: try Scratch())
        #expect(read.content.sentBlocks == [0, 2])
        try read.check(made, "three blocks")
    }

    @Test("page sizes in the block list are skipped if they are present")
    func pageSizes() throws {
        let scratch = try Scratch()
        for size in [nil, 1 << 21, 1 << 30] as [UInt64?] {
            var bytes = GeneratedStream().bytes
            bytes += [0x08, 0, 3, 0, 16] + [UInt8](repeating: 0, count: 16)
            bytes += [0x01, 0, 0, 0, 2] + GeneratedStream.text("ram") + [0, 0, 0, 0, 0, 0, 0, 4]
            bytes += GeneratedStream.integer(0x6004 as UInt64)
            for name in ["one", "two", "three"] {
                bytes += GeneratedStream.text(name) + GeneratedStream.integer(0x2000 as UInt64)
                if let size { bytes += GeneratedStream.integer(size) }
            }
            bytes += GeneratedStream.integer(0x10 as UInt64) + [0x7e, 0, 0, 0, 2, 0x03, 0, 0, 0, 2]
            bytes += GeneratedStream.integer(0x1008 as UInt64) + GeneratedStream.text("two")
            bytes += GeneratedImage.text(5)
            bytes += GeneratedStream.integer(0x10 as UInt64) + [0x7e, 0, 0, 0, 2, 0]
            let read = try ReadStream(bytes, in: scratch)
            #expect(read.content.blocks.map(\.name) == ["one", "two", "three"])
            #expect(try read.ram()["two"]?.pages == [1: GeneratedImage.text(5)])
        }
    }
}
