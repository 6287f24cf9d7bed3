import GuestMemory
import MigrationStream
import SnapSystem
import TestSupport
import Testing

/// Tests of zero pages in each kind of record.
@Suite("Zero pages of a stream")
struct ZeroPageTests {
    private static let zeros = [UInt8](repeating: 0, count: 4096)

    /// Returns the byte ranges in which each image of a stream has data.
    private static func data(of read: ReadStream) -> [[Range<Int>]] {
        read.images.map { image in
            var cursor = DataCursor()
            return image.dataRuns(advancing: &cursor, to: image.ram.byteCount)
        }
    }

    @Test("zero pages take no space in the scratch file", arguments: PageRecord.allCases)
    func records(kind: PageRecord) throws {
        for pageBits in [10, 12, 14] as [UInt32] {
            var configuration = GeneratedStream.Configuration()
            configuration.pageBits = pageBits
            var made = GeneratedStream(configuration)
            let zeros = [UInt8](repeating: 0, count: 1 << Int(pageBits))
            let pageCount = 64
            made.ramStart([("r", GeneratedImage(pageCount: pageCount * 4))])
            made.ramSection(isLast: true) { stream in
                stream.record(.page, "r", 5, [UInt8](repeating: 7, count: zeros.count))
                for page in 32..<pageCount {
                    // QEMU does not send an XBZRLE record that leaves a page unchanged.
                    stream.record(kind == .xbzrle ? .compressed : kind, "r", page, zeros)
                }
            }
            made.finish()
            let read = try ReadStream(made.bytes, in: try Scratch())
            let runs = Self.data(of: read)[0]
            #expect(runs.allSatisfy { $0.upperBound <= 32 << Int(pageBits) }, "\(runs)")
            #expect(!runs.isEmpty)
        }
    }

    @Test("zero pages replace earlier content, and later content replaces them")
    func overwritten() throws {
        let scratch = try Scratch()
        for kind in PageRecord.allCases {
            var made = GeneratedStream()
            made.ramStart([
                ("r", GeneratedImage(pageCount: 600)), ("s", GeneratedImage(pageCount: 3)),
            ])
            for round in 0..<3 {
                made.ramSection(isLast: round == 2) { stream in
                    for page in 500..<530 {
                        stream.record(.page, "r", page, GeneratedImage.text(page + round))
                    }
                    // Pages of the same run, of an earlier run, and one that is sent again.
                    for page in [529, 500, 511, 512, 529] {
                        stream.record(kind, "r", page, Self.zeros)
                    }
                    stream.record(.xbzrle, "r", 529, GeneratedImage.text(round))
                    stream.record(.page, "s", 0, GeneratedImage.text(round))
                    stream.record(kind, "s", 0, Self.zeros)
                }
            }
            made.finish()
            let read = try ReadStream(made.bytes, in: scratch)
            #expect(try read.ram() == made.ram, "\(kind)")
        }
    }

    /// Returns the parts of a mapped stream of one block whose bits are all set.
    private static func mapped(pageCount: Int) -> (head: [UInt8], pagesOffset: Int, tail: [UInt8]) {
        var configuration = GeneratedStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        let integer = { (value: Int) in GeneratedStream.integer(UInt64(value)) }
        let byteCount = pageCount * 4096
        var head = GeneratedStream(configuration).bytes
        head += [0x01] <+> GeneratedStream.integer(2 as UInt32) <+> GeneratedStream.text("ram")
        head += [0, 0, 0, 0, 0, 0, 0, 4] <+> integer(byteCount | 4)
        head += GeneratedStream.text("r") <+> integer(byteCount)
        let bitmap = head.count + 28
        let pages = ((bitmap + pageCount / 8) >> 20 + 1) << 20
        head += GeneratedStream.integer(1 as UInt32) <+> integer(4096) <+> integer(bitmap)
        head += integer(pages) <+> [UInt8](repeating: 0xff, count: pageCount / 8)
        let end = integer(0x10) <+> [0x7e, 0, 0, 0, 2]
        return (head, pages, end <+> [0x03, 0, 0, 0, 2] <+> end <+> [0])
    }

    @Test("holes in a mapped file are not read")
    func mappedHoles() throws {
        let scratch = try Scratch()
        let pageCount = 1 << 20
        let made = Self.mapped(pageCount: pageCount)
        let path = try scratch.write(made.head, to: "s")
        let file = try File(updating: "s", in: Directory(scratch.path, .kernel))
        let pages = [3, 4, 1000, pageCount - 1]
        for page in pages {
            try file.write(GeneratedImage.text(page), at: made.pagesOffset + page * 4096)
        }
        try file.write(made.tail, at: made.pagesOffset + pageCount * 4096)
        let (content, images) = try StreamReader(
            StreamSource(SharedFile(try File(input: path, .kernel))),
            scratch: Directory(scratch.path, .kernel), stagesRAM: true
        ).read()
        #expect(content.unsentRuns == [[]])
        var cursor = DataCursor()
        let runs = images[0].dataRuns(advancing: &cursor, to: images[0].ram.byteCount)
        #expect(runs.flatMap { $0.lowerBound / 4096..<$0.upperBound / 4096 } == pages)
        for page in pages {
            var bytes = Self.zeros
            try bytes.withMutableBytes { (bytes) throws(SnapError) in
                try images[0].read(into: &bytes, at: page * 4096)
            }
            #expect(bytes == GeneratedImage.text(page))
        }
    }

    @Test("a truncated mapped file is refused")
    func mappedCut() throws {
        let made = Self.mapped(pageCount: 1 << 16)
        for count in [made.head.count - 1, made.head.count - 5000, made.head.count] {
            let outcome = try ReadOutcome(Array(made.head.prefix(count)), in: try Scratch())
            #expect(outcome.error?.code == .inputDamaged, "\(count): \(outcome)")
        }
    }
}
