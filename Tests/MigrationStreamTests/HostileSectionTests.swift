import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Hostile sections")
struct HostileSectionTests {
    private static func u32(_ value: UInt32) -> [UInt8] { GeneratedStream.integer(value) }
    private static func u64(_ value: UInt64) -> [UInt8] { GeneratedStream.integer(value) }

    /// A valid stream up to the end of its RAM.
    private static let ram: GeneratedStream = {
        var made = GeneratedStream()
        made.ramStart([("r", GeneratedImage(pageCount: 1))])
        made.ramSection(isLast: true) { $0.record(.compressed, "r", 0, GeneratedImage.text(1)) }
        return made
    }()

    private static func device(_ sectionID: UInt32, _ state: [UInt8] = [1]) -> [UInt8] {
        [0x04] <+> u32(sectionID) <+> GeneratedStream.text("d") <+> u32(0) <+> u32(1) <+> state
            <+> [0x7e] <+> u32(sectionID)
    }

    private static func afterRAM(
        _ what: String, _ code: SnapError.Code, at offset: Int? = nil, _ bytes: [UInt8]
    ) -> HostileStream {
        HostileStream(what, code, at: offset.map { ram.bytes.count + $0 }, ram.bytes + bytes)
    }

    private static func afterRAM(
        _ what: String, at offset: Int? = nil, _ bytes: [UInt8]
    ) -> HostileStream {
        afterRAM(what, .inputDamaged, at: offset, bytes)
    }

    private static let sections: [HostileStream] = [
        afterRAM("no end mark", []),
        afterRAM("no end mark after a device", device(5)),
        afterRAM("element of type 5", at: 0, [5]),
        afterRAM("element of type 7", at: 0, [7]),
        afterRAM("element of type 9", at: 0, [9]),
        afterRAM("footer as an element", at: 0, [0x7e] <+> u32(2)),
        afterRAM("description without an end mark", at: 0, [6] <+> u32(2) <+> [0x7b, 0x7d]),
        afterRAM("continuation of a section that has not started", at: 0, [2] <+> u32(77) <+> [0]),
        afterRAM("two devices with one section id", at: 21, device(5) <+> device(5) <+> [0]),
        afterRAM("section with the RAM's id", at: 0, device(2) <+> [0]),
        afterRAM("device without a footer", Array(Array(device(5).dropLast(5))) <+> [0]),
        afterRAM("device with a footer of section 6", Array(device(5).dropLast()) <+> [6, 0]),
        afterRAM("device without a name", [4] <+> u32(5) <+> [0] <+> u32(0) <+> u32(1) <+> [0]),
        afterRAM(
            "device with a control byte in its name",
            [4] <+> u32(5) <+> [1, 7] <+> u32(0) <+> u32(1) <+> [0x7e] <+> u32(5) <+> [0]),
        afterRAM("truncated description", [0, 6] <+> u32(9) <+> Array("{}".utf8)),
        afterRAM("description of 4 GiB", at: 2, [0, 6] <+> u32(.max) <+> Array("{}".utf8)),
        afterRAM("description over 1 MiB", at: 2, [0, 6] <+> u32(1 << 20 + 1) <+> [0x7b]),
        afterRAM("truncated command", [8, 0]),
        afterRAM("command longer than the stream", [8, 0, 2, 0xff, 0xff, 0]),
    ]

    private static let commands: [HostileStream] =
        ([0, 4, 5, 6, 7, 8, 9, 10, 12, 255, 256, 0xffff] as [UInt16]).flatMap { command in
            let bytes = [8] <+> GeneratedStream.integer(command) <+> [0, 0]
            return [
                afterRAM("command \(command)", .unsupported, at: 0, bytes <+> [0]),
                HostileStream(
                    "command \(command) before the RAM", .unsupported,
                    at: GeneratedStream().bytes.count, GeneratedStream().bytes <+> bytes),
            ]
        }

    private static let early: [HostileStream] = {
        let head = GeneratedStream().bytes
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

    @Test(
        "hostile sections are refused with an error code and an offset",
        arguments: sections + commands + early)
    func refused(hostile: HostileStream) throws { try HostileTests.check(hostile) }

    /// The entry of a device "d" in a description.
    private static let described = #"{"name": "d", "instance_id": 0, "fields": [{"size": 1}]}"#

    @Test("a section with many descriptions is refused if the stream ends without one")
    func manyDescriptions() throws {
        let text = Array(#"{"devices": []}"#.utf8)
        let description = [0, 6] <+> Self.u32(UInt32(text.count)) <+> text
        for (count, code) in [(16, nil), (17, .inputDamaged)] as [(Int, SnapError.Code?)] {
            let state = [7] <+> Array(repeatElement(description, count: count).joined())
            let outcome = try ReadOutcome(
                Self.ram.bytes <+> Self.device(5, state) <+> [0, 9], in: try Scratch())
            // Descriptions that do not match are refused, regardless of their number.
            #expect(outcome.error?.code == .inputDamaged, "\(outcome)")
            if code != nil {
                #expect(outcome.error?.message.contains("more than 16 possible") == true)
            }
        }
    }

    @Test("sections that can be divided in very many ways are refused")
    func manyWays() throws {
        let count = 3000
        // Each footer may be the section's end, followed by a device and the section's next part.
        let part = [0x02] <+> Self.u32(6) <+> [1, 0x7e] <+> Self.u32(6)
        let unit = part <+> Self.device(5)
        let start =
            [0x01] <+> Self.u32(6) <+> GeneratedStream.text("vendor/state") <+> Self.u32(0)
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
        var configuration = GeneratedStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        let head = GeneratedStream(configuration).bytes
        let list =
            [0x01] <+> u32(2) <+> GeneratedStream.text("ram") <+> u32(0) <+> u32(4) <+> u64(0x2004)
            <+> GeneratedStream.text("r") <+> u64(0x2000)
        return (head + list, head.count + list.count)
    }()

    /// Returns a mapped stream of a block of two pages, with these values in its header.
    private static func mapped(
        _ what: String, _ code: SnapError.Code = .inputDamaged, atHeader: Bool = true,
        version: UInt32 = 1, pageSize: UInt64 = 4096, bitmap: Int64 = 28, pages: Int64 = 36,
        bits: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0], tail: [UInt8]? = nil
    ) -> HostileStream {
        let base = Int64(mapped.header)
        let offsets = [bitmap, pages].map { offset in
            u64(offset < 0 ? UInt64(bitPattern: offset) : UInt64(base + offset))
        }
        let page = GeneratedImage.text(1)
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
        mapped("bit past the block's end", atHeader: false, bits: [7, 0, 0, 0, 0, 0, 0, 0]),
        mapped("last bit of the bitmap", atHeader: false, bits: [0, 0, 0, 0, 0, 0, 0, 0x80]),
        mapped("page record", atHeader: false, tail: u64(8) <+> GeneratedStream.text("r")),
        mapped("zero record", atHeader: false, tail: u64(2) <+> GeneratedStream.text("r") <+> [0]),
        mapped("flush of multifd", .unsupported, atHeader: false, tail: u64(0x200)),
        mapped("nothing after the pages", atHeader: false, tail: []),
    ]

    @Test(
        "hostile streams of mapped RAM are refused with an error code and an offset",
        arguments: mappedStreams)
    func mappedRefused(hostile: HostileStream) throws { try HostileTests.check(hostile) }

    @Test("a valid stream of mapped RAM is read")
    func mappedValid() throws {
        let scratch = try Scratch()
        let read = try ReadStream(Self.mapped("valid").bytes, in: scratch)
        #expect(try read.ram()["r"]?.pages.count == 2)
        let outcome = try ReadOutcome(Self.mapped("valid").bytes, stagesRAM: false, in: scratch)
        #expect(outcome.error?.code == .unsupported)
    }

    @Test("a bitmap that exceeds the limit on memory is refused before it is read")
    func longBitmap() throws {
        var configuration = GeneratedStream.Configuration()
        configuration.capabilities = ["mapped-ram"]
        var bytes = GeneratedStream(configuration).bytes
        bytes += [0x01] <+> Self.u32(2) <+> GeneratedStream.text("ram") <+> Self.u32(0)
            <+> Self.u32(4)
        bytes += Self.u64(1 << 43 | 4) <+> GeneratedStream.text("r") <+> Self.u64(1 << 43)
        bytes += Self.u32(1) <+> Self.u64(4096) <+> Self.u64(4096) <+> Self.u64(1 << 40)
        let outcome = try ReadOutcome(bytes, in: try Scratch())
        // The file system may not support a file of that length.
        let code = try #require(outcome.error).code
        #expect(code == .unsupported || code == .inputOutput)
    }
}
