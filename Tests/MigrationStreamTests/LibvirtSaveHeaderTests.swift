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
}
