import SnapSystem
import TestSupport
import Testing

infix operator <+> : AdditionPrecedence

/// Concatenates bytes; long chains of + would take minutes to compile because it is overloaded.
func <+> (left: [UInt8], right: [UInt8]) -> [UInt8] { left + right }

/// A stream with one defect.
struct HostileStream: Sendable, CustomTestStringConvertible {
    let what: String
    let code: SnapError.Code
    /// The expected offset of the error, in bytes; nil if any offset is correct.
    let offset: Int?
    let bytes: [UInt8]

    init(_ what: String, _ code: SnapError.Code, at offset: Int? = nil, _ bytes: [UInt8]) {
        self.what = what
        self.code = code
        self.offset = offset
        self.bytes = bytes
    }

    init(_ what: String, at offset: Int? = nil, _ bytes: [UInt8]) {
        self.init(what, .inputDamaged, at: offset, bytes)
    }

    var testDescription: String { what }
}

@Suite("Hostile streams")
struct HostileTests {
    private static let header = Array("QEVM".utf8) <+> u32(3)
    private static let machine: [UInt8] = [0x07] <+> u32(2) <+> Array("pc".utf8)
    /// The header and the configuration, 15 bytes.
    private static let head = header <+> machine
    private static let zeroPage = [UInt8](repeating: 0, count: 4096)

    private static func u16(_ value: UInt16) -> [UInt8] { GeneratedStream.integer(value) }
    private static func u32(_ value: UInt32) -> [UInt8] { GeneratedStream.integer(value) }
    private static func u64(_ value: UInt64) -> [UInt8] { GeneratedStream.integer(value) }
    private static func text(_ text: String) -> [UInt8] { GeneratedStream.text(text) }

    /// The head of the section that starts the RAM, 18 bytes.
    private static let ramHead: [UInt8] =
        [0x01] <+> u32(2) <+> text("ram") <+> u32(0) <+> u32(4)
    /// The offset of the block list, after both heads.
    private static let listOffset = head.count + ramHead.count

    /// Returns a stream that ends after this list of blocks.
    private static func listing(_ total: UInt64, _ blocks: [(String, UInt64)]) -> [UInt8] {
        head <+> ramHead <+> u64(total | 4) <+> blocks.flatMap { text($0.0) <+> u64($0.1) }
    }

    /// A complete section with the list of one block of two pages; sections of records may follow.
    private static let list =
        ramHead <+> u64(0x2004) <+> text("r") <+> u64(0x2000) <+> u64(0x10) <+> [0x7e] <+> u32(2)
    /// The offset of the first record in a section after that list.
    private static let recordOffset = head.count + list.count + 5

    /// Returns a complete stream with these records in the RAM's last section.
    private static func recording(_ records: [UInt8]) -> [UInt8] {
        head <+> list <+> [0x03] <+> u32(2) <+> records <+> u64(0x10) <+> [0x7e] <+> u32(2) <+> [0]
    }

    private static func deflated(_ count: Int) -> [UInt8] {
        GeneratedStream.deflated([UInt8](repeating: 7, count: count))
    }

    private static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        recording(u64(0x100) <+> text("r") <+> u32(UInt32(bytes.count)) <+> bytes)
    }

    private static func runs(_ bytes: [UInt8], mark: UInt8 = 1, count: UInt16? = nil) -> [UInt8] {
        recording(
            u64(0x40) <+> text("r") <+> [mark] <+> u16(count ?? UInt16(bytes.count)) <+> bytes)
    }

    static let heads: [HostileStream] = [
        HostileStream("empty", []),
        HostileStream("three bytes", Array("QEV".utf8)),
        HostileStream("no magic", .unsupported, at: 0, Array("QEVN".utf8) <+> u32(3)),
        HostileStream("version 2", .unsupported, at: 4, Array("QEVM".utf8) <+> u32(2)),
        HostileStream("version 4", .unsupported, at: 4, Array("QEVM".utf8) <+> u32(4)),
        HostileStream("empty machine name", header <+> [7] <+> u32(0)),
        HostileStream("machine name of 4 GiB", header <+> [7] <+> u32(.max) <+> [0x61]),
        HostileStream(
            "machine name of 1025 bytes",
            header <+> [7] <+> u32(1025) <+> [UInt8](repeating: 0x61, count: 1025)),
        HostileStream(
            "machine name with a control byte", header <+> [7] <+> u32(2) <+> [0x61, 7]),
        HostileStream(
            "unknown subsection", .unsupported, at: 15,
            head <+> GeneratedStream.subsection("configuration/new", [1])),
        HostileStream("subsection without a name", at: 16, head <+> [5, 0] <+> u32(1)),
        HostileStream(
            "4,294,967,295 capabilities",
            head <+> GeneratedStream.subsection("configuration/capabilities", u32(.max))),
        HostileStream(
            "capability without a name",
            head <+> GeneratedStream.subsection("configuration/capabilities", u32(1) <+> [0])),
        HostileStream(
            "mapped-ram and x-ignore-shared", .unsupported,
            head
                <+> GeneratedStream.subsection(
                    "configuration/capabilities",
                    u32(2) <+> text("mapped-ram") <+> text("x-ignore-shared"))),
    ]

    private static func pageBits(_ bits: UInt32) -> HostileStream {
        HostileStream(
            "pages of 2^\(bits) bytes", .unsupported, at: 15,
            head <+> GeneratedStream.subsection("configuration/target-page-bits", u32(bits)))
    }

    static let pageBits = [0, 9, 17, 31, 32, 63, 64, 1 << 20, .max].map(pageBits)

    static let lists: [HostileStream] = [
        HostileStream("RAM of 0 bytes", at: listOffset, listing(0, [])),
        HostileStream("RAM of 16 EiB", at: listOffset, listing(.max - 0xfff, [("r", 0x1000)])),
        HostileStream(
            "RAM over 16 TiB", at: listOffset,
            listing(1 << 44 + 0x1000, [("r", 1 << 44 + 0x1000)])),
        HostileStream("block without a name", at: listOffset + 8, listing(0x1000, [("", 0x1000)])),
        HostileStream(
            "block name with a control byte", at: listOffset + 8,
            listing(0x1000, [("a\u{1}", 0x1000)])),
        HostileStream(
            "block name that is not ASCII", at: listOffset + 8, listing(0x1000, [("é", 0x1000)])),
        HostileStream("block of 0 bytes", at: listOffset + 8, listing(0x1000, [("r", 0)])),
        HostileStream(
            "block of one and a half pages", at: listOffset + 8, listing(0x2000, [("r", 0x1800)])),
        HostileStream(
            "block longer than the RAM", at: listOffset + 8, listing(0x1000, [("r", 0x2000)])),
        HostileStream(
            "block of 16 EiB", at: listOffset + 8, listing(0x1000, [("r", .max - 0xfff)])),
        HostileStream(
            "blocks that are together longer than the RAM", at: listOffset + 18,
            listing(0x2000, [("a", 0x1000), ("b", 0x2000)])),
        HostileStream(
            "blocks that are together shorter than the RAM",
            listing(0x3000, [("a", 0x1000)]) <+> u64(0x10)),
        HostileStream(
            "two blocks with one name", at: listOffset + 18,
            listing(0x2000, [("a", 0x1000), ("a", 0x1000)])),
        HostileStream(
            "4097 blocks", listing(0x100_1000, (0...4096).map { ("\($0)", 0x1000) })),
        HostileStream(
            "two lists", at: listOffset + 18,
            listing(0x1000, [("a", 0x1000)])
                <+> Array(listing(0x1000, [("b", 0x1000)]).dropFirst(listOffset))),
        HostileStream(
            "RAM of version 3", .unsupported, at: head.count,
            head <+> [0x01] <+> u32(2) <+> text("ram") <+> u32(0) <+> u32(3)),
        HostileStream("two RAM sections", head <+> list <+> list),
        HostileStream(
            "RAM without a list", head <+> ramHead <+> u64(0x10) <+> [0x7e] <+> u32(2) <+> [0]),
        HostileStream(
            "RAM in one section",
            head <+> [0x04] <+> Array(ramHead.dropFirst()) <+> [0x7e] <+> u32(2) <+> [0]),
        HostileStream(
            "RAM that continues after its last section",
            Array(recording(u64(8) <+> text("r") <+> zeroPage).dropLast())
                <+> [0x02] <+> u32(2) <+> u64(0x10) <+> [0x7e] <+> u32(2) <+> [0]),
    ]

    static let records: [HostileStream] = [
        HostileStream(
            "page before the list", head <+> ramHead <+> u64(8) <+> text("r") <+> zeroPage),
        HostileStream("first record names no block", at: recordOffset, recording(u64(0x28))),
        HostileStream(
            "page of an unknown block", at: recordOffset,
            recording(u64(8) <+> text("x") <+> zeroPage)),
        HostileStream("page with an empty block name", recording(u64(8) <+> [0] <+> zeroPage)),
        HostileStream(
            "page past the block's end", at: recordOffset,
            recording(u64(0x2008) <+> text("r") <+> zeroPage)),
        HostileStream(
            "page at the last offset", at: recordOffset,
            recording(u64(0x7fff_ffff_ffff_f008) <+> text("r") <+> zeroPage)),
        HostileStream(
            "page at an offset beyond any file", at: recordOffset,
            recording(u64(.max - 0xff7) <+> text("r") <+> zeroPage)),
        HostileStream("no flag", at: recordOffset, recording(u64(0) <+> text("r"))),
        HostileStream("obsolete flag", at: recordOffset, recording(u64(1) <+> text("r"))),
        HostileStream(
            "two kinds in one record", at: recordOffset,
            recording(u64(0x0a) <+> text("r") <+> zeroPage)),
        HostileStream("unknown flag", at: recordOffset, recording(u64(0x408) <+> text("r"))),
        HostileStream(
            "end and page in one record", at: recordOffset, recording(u64(0x18) <+> text("r"))),
        HostileStream(
            "page sent by RDMA", .unsupported, at: recordOffset,
            recording(u64(0x80) <+> text("r"))),
        HostileStream(
            "flush of multifd", .unsupported, at: recordOffset, recording(u64(0x200))),
        HostileStream(
            "only zero pages", .unsupported, recording(u64(2) <+> text("r") <+> [0])),
        HostileStream("no pages", .unsupported, recording([])),
        HostileStream("XBZRLE with an unknown mark", runs([0, 1, 5], mark: 2)),
        HostileStream("XBZRLE longer than a page", runs([0, 1, 5], count: 4097)),
        HostileStream("XBZRLE truncated in a run", runs([0, 4, 1, 2, 3])),
        HostileStream("XBZRLE truncated in a length", runs([0x80])),
        HostileStream("XBZRLE with a length of three bytes", runs([0, 0x81, 0x80, 0x01, 1])),
        HostileStream("XBZRLE with a changed run of 0", runs([5, 0])),
        HostileStream("XBZRLE with a later unchanged run of 0", runs([0, 1, 9, 0, 1, 9])),
        HostileStream("XBZRLE past the page's end", runs([0xff, 0x1f, 2, 8, 8])),
        HostileStream("XBZRLE far past the page's end", runs([0xff, 0x7f, 1, 8])),
        HostileStream("empty compressed page", compressed([])),
        HostileStream("compressed page that is too short", compressed(deflated(4095))),
        HostileStream("compressed page that is too long", compressed(deflated(4097))),
        HostileStream("compressed page that inflates to 1 MiB", compressed(deflated(1 << 20))),
        HostileStream("compressed page with a byte after it", compressed(deflated(4096) <+> [0])),
        HostileStream("truncated compressed page", compressed(Array(deflated(4096).dropLast()))),
        HostileStream("compressed page that is noise", compressed(Array(1...200))),
        HostileStream(
            "compressed page of 4 GiB", recording(u64(0x100) <+> text("r") <+> u32(.max) <+> [0x78])
        ),
        HostileStream(
            "compressed page over zlib's bound",
            recording(u64(0x100) <+> text("r") <+> u32(4111) <+> [UInt8](repeating: 0, count: 4111))
        ),
    ]

    @Test(
        "hostile streams are refused with an error code and an offset",
        arguments: [heads, pageBits, lists, records].flatMap { $0 })
    func refused(hostile: HostileStream) throws {
        try Self.check(hostile)
    }

    static func check(_ hostile: HostileStream) throws {
        let scratch = try Scratch()
        for isPiped in [false, true] {
            let outcome = try ReadOutcome(hostile.bytes, in: scratch, isPiped: isPiped)
            let error = try #require(outcome.error, "\(hostile.what): read")
            #expect(error.code == hostile.code, "\(hostile.what): \(error)")
            #expect(error.path != nil && error.offset != nil, "\(hostile.what): \(error)")
            #expect(!error.message.contains("\\"), "\(hostile.what): \(error)")
            if let offset = hostile.offset {
                #expect(error.offset == offset, "\(hostile.what): \(error)")
            }
        }
    }

    @Test("valid variants of the hostile streams are read")
    func valid() throws {
        let scratch = try Scratch()
        let page = [UInt8](repeating: 7, count: 4096)
        let valid: [(String, [UInt8], [UInt8])] = [
            ("page", Self.recording(Self.u64(8) <+> Self.text("r") <+> page), page),
            ("compressed", Self.compressed(Self.deflated(4096)), page),
            (
                "runs", Self.runs([0xfe, 0x1f, 2, 8, 8]),
                [UInt8](repeating: 0, count: 4094) <+> [8, 8]
            ),
            (
                "fill",
                Self.recording(
                    Self.u64(0x40) <+> Self.text("r") <+> [1] <+> Self.u16(3) <+> [0, 1, 1]
                        <+> Self.u64(0x22) <+> [7]), page
            ),
        ]
        for (what, bytes, expected) in valid {
            let read = try ReadStream(bytes, in: scratch)
            #expect(try read.ram()["r"]?.pages == [0: expected], "\(what)")
        }
    }
}
