import SnapSystem
import TestSupport
import Testing

@testable import MigrationStream

@Suite("The header of a libvirt save file")
struct LibvirtSaveHeaderTests {
    /// The little-endian number at an offset.
    private static func word(_ bytes: [UInt8], at offset: Int) -> Int {
        bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    @Test("the header says where the XML, the cookie and the stream are")
    func fields() {
        for wasRunning in [true, false] {
            let domain = DomainDescription(
                xml: Array("<domain/>".utf8), cookie: Array("<cookie/>".utf8),
                wasRunning: wasRunning)
            let bytes = LibvirtSaveHeader.encode(domain)
            #expect(bytes.starts(with: Array("LibvirtQemudSave".utf8)))
            let fields = stride(from: 16, to: 36, by: 4).map { Self.word(bytes, at: $0) }
            #expect(fields == [2, bytes.count - 92, wasRunning ? 1 : 0, 0, 10])
            #expect(bytes[36..<92].allSatisfy { $0 == 0 })
            #expect(bytes[92...].starts(with: Array("<domain/>\0<cookie/>\0".utf8)))
            // Room for a longer XML, as libvirt leaves it.
            #expect(bytes.count == 92 + 20 + 65_536 && bytes[112...].allSatisfy { $0 == 0 })
        }
    }

    @Test("without a cookie its offset is 0")
    func withoutCookie() {
        let bytes = LibvirtSaveHeader.encode(
            DomainDescription(xml: Array("<domain/>".utf8), wasRunning: true))
        #expect(Self.word(bytes, at: 32) == 0)
    }

    private static func error(of bytes: [UInt8]) throws -> SnapError {
        let scratch = try Scratch()
        let file = SharedFile(try File(input: try scratch.write(bytes, to: "save"), .kernel))
        return try #require(throws: SnapError.self) { _ = try LibvirtSaveFile(file) }
    }

    @Test("each wrong field is named, with its offset")
    func wrongFields() throws {
        let save = try GeneratedSaveFile(SmallStream.plain.made().bytes)
        let xmlEnd = 92 + save.xml.count + 1
        typealias Change = (
            offset: Int, bytes: [UInt8], code: SnapError.Code, message: String, errorOffset: Int
        )
        let changes: [Change] = [
            (0, Array("LibvirtQemudPart".utf8), .inputDamaged, "never completed", 0),
            (0, Array("LibvirtQemudSome".utf8), .unsupported, "not a libvirt save file", 0),
            (16, [3, 0, 0, 0], .unsupported, "version is 3", 16),
            (16, [0, 0, 0, 2], .unsupported, "version is", 16),
            (20, [0xff, 0xff, 0xff, 0xff], .inputDamaged, "expected at most", 20),
            (20, [0, 0, 0, 0], .inputDamaged, "cookie is at", 32),
            (28, [7, 0, 0, 0], .unsupported, "compression is 7, expected 0 to 6", 28),
            (32, [0xff, 0xff, 0xff, 0x7f], .inputDamaged, "cookie is at", 32),
            (32, [1, 0, 0, 0], .inputDamaged, "XML has no 0 byte", 93),
            (92, [0], .inputDamaged, "XML contains no <", 92),
            (92 + 5, [0], .inputDamaged, "follows the end of the XML", 98),
            (xmlEnd, [0], .inputDamaged, "cookie contains no <", xmlEnd),
            (save.payloadOffset - 1, [1], .inputDamaged, "byte 1 follows", save.payloadOffset - 1),
        ]
        for change in changes {
            var bytes = save.bytes
            let place = change.offset..<change.offset + change.bytes.count
            bytes.replaceSubrange(place, with: change.bytes)
            let error = try Self.error(of: bytes)
            #expect(error.code == change.code, "\(error)")
            #expect(error.message.contains(change.message), "\(error)")
            #expect(error.offset == change.errorOffset, "\(error)")
        }
    }
}
