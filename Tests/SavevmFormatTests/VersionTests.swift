import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Versions of the savevm format")
struct VersionTests {
    /// Opens a savevm file of one text page after some bytes of its header are replaced and, if
    /// `isResealed`, the checksums of the header and the trailer are recomputed.
    private static func open(
        replacing offset: Int, with bytes: [UInt8], isResealed: Bool = true
    ) throws(SnapError) -> SavevmFile {
        do {
            let scratch = try Scratch()
            var builder = try Builder(scratch)
            try builder.write(
                number: 1, groups: [(0, [.literal(GeneratedImage.text(1))])], pageCount: 1)
            var file = try TestSupport.bytes(of: builder.path(1))
            file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            if isResealed {
                let trailer = file.count - 256
                let checksum = Checksums.seal(0..<512, at: 32, in: &file)
                file.replaceSubrange(trailer + 200..<trailer + 216, with: checksum)
                Checksums.seal(trailer..<file.count, at: trailer + 216, in: &file)
            }
            try write(file, to: builder.path(1))
            return try builder.guestFiles().savevm(.savevm(1))
        } catch let error as SnapError { throw error } catch {
            throw SnapError(.internalFailure, "\(error)")
        }
    }

    @Test("another major version and an unknown incompatible flag are refused")
    func refused() {
        let cases: [(offset: Int, bytes: [UInt8])] = [
            (8, [1, 0]), (12, [4, 0, 0, 0]), (12, [3, 0, 0, 0]), (104, [2]),
        ]
        for (offset, bytes) in cases {
            let error = #expect(throws: SnapError.self) {
                _ = try Self.open(replacing: offset, with: bytes)
            }
            #expect(error?.code == .unsupported && error?.offset == offset, "offset \(offset)")
            // The checksum is checked first, so a damaged version number is reported as damage.
            let damaged = #expect(throws: SnapError.self) {
                _ = try Self.open(replacing: offset, with: bytes, isResealed: false)
            }
            #expect(damaged?.code == .damaged, "offset \(offset)")
        }
    }

    @Test("another minor version and an unknown compatible flag are accepted")
    func minor() throws {
        #expect(try Self.open(replacing: 10, with: [9, 0]).header.number == 1)
        #expect(try Self.open(replacing: 16, with: [1, 0, 0, 0]).header.number == 1)
        let error = #expect(throws: SnapError.self) {
            _ = try Self.open(replacing: 10, with: [9, 0], isResealed: false)
        }
        #expect(error?.code == .damaged)
    }
}
