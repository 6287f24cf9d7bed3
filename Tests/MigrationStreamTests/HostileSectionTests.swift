import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Hostile sections")
struct HostileSectionTests {
    private static func u32(_ value: UInt32) -> [UInt8] { MadeUpStream.integer(value) }
    private static func u64(_ value: UInt64) -> [UInt8] { MadeUpStream.integer(value) }

    /// A stream up to the end of its RAM.
    private static let ram: MadeUpStream = {
        var made = MadeUpStream()
        made.ramStart([("r", MadeUpImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, MadeUpImage.text(1)) }
        return made
    }()

    private static func device(_ sectionID: UInt32, _ state: [UInt8] = [1]) -> [UInt8] {
        [0x04] <+> u32(sectionID) <+> MadeUpStream.text("d") <+> u32(0) <+> u32(1) <+> state
            <+> [0x7e] <+> u32(sectionID)
    }

    private static func behindRAM(
        _ what: String, _ code: SnapError.Code, at offset: Int? = nil, _ bytes: [UInt8]
    ) -> HostileStream {
        HostileStream(what, code, at: offset.map { ram.bytes.count + $0 }, ram.bytes + bytes)
    }

    private static func behindRAM(
        _ what: String, at offset: Int? = nil, _ bytes: [UInt8]
    ) -> HostileStream {
        behindRAM(what, .inputDamaged, at: offset, bytes)
    }

    private static let sections: [HostileStream] = [
        behindRAM("no end mark", []),
        behindRAM("no end mark behind a device", device(5)),
        behindRAM("element of type 5", at: 0, [5]),
        behindRAM("element of type 7", at: 0, [7]),
        behindRAM("element of type 9", at: 0, [9]),
        behindRAM("footer as an element", at: 0, [0x7e] <+> u32(2)),
        behindRAM("description without an end mark", at: 0, [6] <+> u32(2) <+> [0x7b, 0x7d]),
        behindRAM("section that never began", at: 0, [2] <+> u32(77) <+> [0]),
        behindRAM("section id twice", at: 21, device(5) <+> device(5) <+> [0]),
        behindRAM("section with the RAM's id", at: 0, device(2) <+> [0]),
        behindRAM("device without a footer", Array(Array(device(5).dropLast(5))) <+> [0]),
        behindRAM("device with another's footer", Array(device(5).dropLast()) <+> [6, 0]),
        behindRAM("device of no name", [4] <+> u32(5) <+> [0] <+> u32(0) <+> u32(1) <+> [0]),
        behindRAM(
            "device with a control byte in its name",
            [4] <+> u32(5) <+> [1, 7] <+> u32(0) <+> u32(1) <+> [0x7e] <+> u32(5) <+> [0]),
        behindRAM("description that is cut", [0, 6] <+> u32(9) <+> Array("{}".utf8)),
        behindRAM("description of 4 GiB", at: 2, [0, 6] <+> u32(.max) <+> Array("{}".utf8)),
        behindRAM("description over 1 MiB", at: 2, [0, 6] <+> u32(1 << 20 + 1) <+> [0x7b]),
        behindRAM("command that is cut", [8, 0]),
        behindRAM("command longer than the stream", [8, 0, 2, 0xff, 0xff, 0]),
    ]

    private static let commands: [HostileStream] =
        ([0, 4, 5, 6, 7, 8, 9, 10, 12, 255, 256, 0xffff] as [UInt16]).flatMap { command in
            let bytes = [8] <+> MadeUpStream.integer(command) <+> [0, 0]
            return [
                behindRAM("command \(command)", .unsupported, at: 0, bytes <+> [0]),
                HostileStream(
                    "command \(command) before the RAM", .unsupported,
                    at: MadeUpStream().bytes.count, MadeUpStream().bytes <+> bytes),
            ]
        }

    private static let early: [HostileStream] = {
        let head = MadeUpStream().bytes
        return [
            HostileStream(
                "early device without a description", .unsupported, at: head.count,
                head <+> device(5) <+> Array(ram.bytes.dropFirst(head.count)) <+> [0]),
            HostileStream(
                "early device that never ends",
                head <+> Array(device(5).dropLast(5))),
            HostileStream(
                "RAM with the footer of another section", at: ram.elements[1].range.upperBound - 5,
                Array(ram.bytes.prefix(ram.elements[1].range.upperBound - 1)) <+> [9]),
        ]
    }()

    @Test("are refused with a status and a place", arguments: sections + commands + early)
    func refused(hostile: HostileStream) throws { try HostileTests.check(hostile) }

    /// What a description says of a device "d".
    private static let described = #"{"name": "d", "instance_id": 0, "fields": [{"size": 1}]}"#

    @Test("that hold many descriptions are refused where the stream ends with none")
    func manyDescriptions() throws {
        let text = Array(#"{"devices": []}"#.utf8)
        let description = [0, 6] <+> Self.u32(UInt32(text.count)) <+> text
        for (count, code) in [(16, nil), (17, .inputDamaged)] as [(Int, SnapError.Code?)] {
            let state = [7] <+> Array(repeatElement(description, count: count).joined())
            let outcome = try ReadOutcome(
                Self.ram.bytes <+> Self.device(5, state) <+> [0, 9], in: try Scratch())
            // With a description that does not fit the stream is refused, however many there are.
            #expect(outcome.error?.code == .inputDamaged, "\(outcome)")
            if code != nil { #expect(outcome.error?.message.contains("16 others") == true) }
        }
    }

    @Test("that can follow one another in very many ways are refused")
    func manyWays() throws {
        let count = 3000
        // Each footer may be the section's end, and a device and the section's next part follow.
        let part = [0x02] <+> Self.u32(6) <+> [1, 0x7e] <+> Self.u32(6)
        let unit = part <+> Self.device(5)
        let start =
            [0x01] <+> Self.u32(6) <+> MadeUpStream.text("vendor/state") <+> Self.u32(0)
            <+> Self.u32(1) <+> [1, 0x7e] <+> Self.u32(6)
        let units = Array(repeatElement(unit, count: count).joined())
        let devices = repeatElement(Self.described, count: count / 2).joined(separator: ", ")
        let text = Array("{\"devices\": [\(devices)]}".utf8)
        let outcome = try ReadOutcome(
            Self.ram.bytes <+> start <+> units <+> [0, 6] <+> Self.u32(UInt32(text.count)) <+> text,
            in: try Scratch())
        #expect(outcome.error?.code == .inputDamaged, "\(outcome)")
    }

    // MARK: Mapped RAM

    private static let mapped: (head: [UInt8], header: Int) = {
        var configuration = MadeUpStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        let head = MadeUpStream(configuration).bytes
        let list =
            [0x01] <+> u32(2) <+> MadeUpStream.text("ram") <+> u32(0) <+> u32(4) <+> u64(0x2004)
            <+> MadeUpStream.text("r") <+> u64(0x2000)
        return (head + list, head.count + list.count)
    }()

    /// A mapped stream of a block of two pages, with these numbers in its header.
    private static func mapped(
        _ what: String, _ code: SnapError.Code = .inputDamaged, atHeader: Bool = true,
        version: UInt32 = 1, pageSize: UInt64 = 4096, bitmap: Int64 = 28, pages: Int64 = 36,
        bits: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0], tail: [UInt8]? = nil
    ) -> HostileStream {
        let base = Int64(mapped.header)
        let offsets = [bitmap, pages].map { offset in
            u64(offset < 0 ? UInt64(bitPattern: offset) : UInt64(base + offset))
        }
        let page = MadeUpImage.text(1)
        return HostileStream(
            what, code, at: atHeader ? mapped.header : nil,
            mapped.head <+> u32(version) <+> u64(pageSize) <+> offsets[0] <+> offsets[1] <+> bits
                <+> page <+> page
                <+> (tail ?? u64(0x10) <+> [0x7e] <+> u32(2) <+> [3] <+> u32(2) <+> u64(0x10) <+> [
                    0x7e
                ]
                    <+> u32(2) <+> [0]))
    }

    private static let mappedStreams: [HostileStream] = [
        mapped("version 0", .unsupported, version: 0),
        mapped("version 2", .unsupported, version: 2),
        mapped("page size 0", pageSize: 0),
        mapped("page size 8192", pageSize: 8192),
        mapped("page size of 16 EiB", pageSize: .max),
        mapped("bitmap in the header", bitmap: 27),
        mapped("bitmap at the stream's start", bitmap: -Int64(mapped.header)),
        mapped("bitmap at the end of all offsets", bitmap: -1),
        mapped("pages in the bitmap", pages: 35),
        mapped("pages before the bitmap", bitmap: 5000, pages: 36),
        mapped("pages in the header", pages: 0),
        mapped("pages at the end of all offsets", pages: -8),
        mapped("pages far outside", pages: 1 << 60),
        mapped("bitmap outside the file", atHeader: false, bitmap: 1 << 40, pages: 1 << 41),
        mapped("pages outside the file", atHeader: false, pages: 1 << 30),
        mapped("bit behind the block", atHeader: false, bits: [7, 0, 0, 0, 0, 0, 0, 0]),
        mapped("last bit of the bitmap", atHeader: false, bits: [0, 0, 0, 0, 0, 0, 0, 0x80]),
        mapped("page record", atHeader: false, tail: u64(8) <+> MadeUpStream.text("r")),
        mapped("zero record", atHeader: false, tail: u64(2) <+> MadeUpStream.text("r") <+> [0]),
        mapped("flush of multifd", .unsupported, atHeader: false, tail: u64(0x200)),
        mapped("nothing behind the pages", atHeader: false, tail: []),
    ]

    @Test("of mapped RAM are refused with a status and a place", arguments: mappedStreams)
    func mappedRefused(hostile: HostileStream) throws { try HostileTests.check(hostile) }

    @Test("of mapped RAM have a relative that is read")
    func mappedSound() throws {
        let scratch = try Scratch()
        let read = try ReadStream(Self.mapped("sound").bytes, in: scratch)
        #expect(try read.ram()["r"]?.pages.count == 2)
        let outcome = try ReadOutcome(Self.mapped("sound").bytes, stagesRAM: false, in: scratch)
        #expect(outcome.error?.code == .unsupported)
    }

    @Test("a bitmap that would take more memory than a limit is refused before it is read")
    func longBitmap() throws {
        var configuration = MadeUpStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        var bytes = MadeUpStream(configuration).bytes
        bytes += [0x01] <+> Self.u32(2) <+> MadeUpStream.text("ram") <+> Self.u32(0) <+> Self.u32(4)
        bytes += Self.u64(1 << 43 | 4) <+> MadeUpStream.text("r") <+> Self.u64(1 << 43)
        bytes += Self.u32(1) <+> Self.u64(4096) <+> Self.u64(4096) <+> Self.u64(1 << 40)
        let outcome = try ReadOutcome(bytes, in: try Scratch())
        // A file system may be unable to hold so long a file.
        let code = try #require(outcome.error).code
        #expect(code == .unsupported || code == .inputOutput)
    }
}
