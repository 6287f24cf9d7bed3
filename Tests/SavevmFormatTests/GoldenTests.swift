import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import TestSupport
import Testing

// These tests fix the file format. A change of a golden file is a change of the format, which needs
// a new version and an update of savevm(5).

@Suite("Golden files")
struct GoldenTests {
    /// Returns a hexadecimal dump in which one star stands for lines that repeat the previous line.
    private static func dump(_ bytes: [UInt8]) -> String {
        var lines: [String] = []
        var previous: ArraySlice<UInt8> = []
        for offset in stride(from: 0, to: bytes.count, by: 16) {
            let row = bytes[offset..<min(offset + 16, bytes.count)]
            defer { previous = row }
            if row.elementsEqual(previous) && offset + 16 < bytes.count {
                if lines.last != "*" { lines.append("*") }
                continue
            }
            let hex = row.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            let place = String(offset, radix: 16)
            lines.append(
                String(repeating: "0", count: 6 - place.count) + place + "  "
                    + hex.joined(separator: " "))
        }
        return lines.joined(separator: "\n")
    }

    @Test("a savevm file with a delta and a table is written as its golden file")
    func savevm() throws {
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        var first = [UInt8](repeating: 0, count: 4096)
        first[0] = 0xa1
        var second = first
        second[256] = 0xb2
        try builder.write(number: 1, groups: [(0, [.literal(first)])], pageCount: 1)
        let base = Location(number: 1, group: 0, slot: 0)
        let table = PageTableShape.encode([base, Location(number: 2, group: 0, slot: 0)])
        try builder.write(
            number: 2,
            groups: [(0, [.delta(second, against: first, at: base)]), (1, [.literal(table)])],
            pageCount: 2)
        #expect(try builder.read(2) == [0: first, 1: second])
        #expect(Self.dump(try bytes(of: builder.path(2))) == Golden.savevm)
    }

    @Test("a savevm file with zstd frames is read")
    func zstd() throws {
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        let pages = (0..<2).map { page in (0..<4096).map { UInt8(($0 >> 5 + page) & 0x7f) } }
        let table = PageTableShape.encode(
            (0..<2).map { Location(number: 1, group: 0, slot: $0) })
        try builder.write(
            number: 1, groups: [(0, pages.map { .literal($0) }), (1, [.literal(table)])],
            pageCount: 2, Compression(.zstd))
        // Other versions of libzstd may write other frames, so only the header is compared.
        let golden = Self.content(ofDump: Golden.zstdSavevm)
        #expect(try Array(bytes(of: builder.path(1)).prefix(512)) == Array(golden.prefix(512)))
        try write(golden, to: builder.path(1))
        #expect(try builder.read(1) == [0: pages[0], 1: pages[1]])
    }

    /// Writes a device-state file with an opaque file of 6 bytes and a stream of two sections.
    private static func writeDeviceState(
        _ bytes: [UInt8], number: Int, sharing base: DeviceStateFile?, by builder: Builder,
        in scratch: borrowing Scratch
    ) throws -> DeviceStateSeal {
        let source = try File(input: try scratch.write(bytes, to: "dev"), .kernel)
        let header = FileHeader(
            .deviceState, number: number, storeID: builder.storeID,
            checkpointID: Identifier(high: 0x4944_0000_0000_0000, low: UInt64(number)),
            parent: nil, base: base?.reference)
        var writer = try DeviceStateWriter(
            in: builder.directory, header, base: base,
            compression: Compression(.zlib, .stored))
        writer.begin(.opaque, name: try GuestName(checking: "dev", as: "section"))
        try writer.append(StoredSection.Identity(.opaque, name: "dev"), from: source, 0..<6)
        writer.begin(.stream, name: try GuestName(checking: "stream", as: "section"))
        try writer.append(StoredSection.Identity(.framing, name: ""), from: source, 0..<2)
        try writer.append(
            StoredSection.Identity(
                .device, name: "cpu", instanceID: 3, versionID: 12, sectionID: 5), from: source,
            2..<6, state: 1..<3)
        try writer.finish()
        return try writer.publish()
    }

    /// Reads a device-state file, and compares its sections with those of `writeDeviceState`.
    @discardableResult
    private static func readDeviceState(
        _ number: Int, _ seal: DeviceStateSeal, as bytes: [UInt8], by builder: Builder
    ) throws -> DeviceStateFile {
        let read = try builder.guestFiles().deviceState(
            number, sealed: seal,
            checkpointID: Identifier(high: 0x4944_0000_0000_0000, low: UInt64(number)))
        #expect(read.states.map(\.name) == ["dev", "stream"])
        #expect(
            read.states.flatMap(\.summaries) == [
                DeviceSection(name: "dev", instanceID: 0, versionID: 0, byteCount: 6),
                DeviceSection(name: "cpu", instanceID: 3, versionID: 12, byteCount: 2),
            ])
        var reader = DeviceStateReader(read)
        let sections = try read.states.flatMap(\.sections).map { try reader.bytes(of: $0) }
        #expect(sections == [bytes, Array(bytes[..<2]), Array(bytes[2...])])
        return read
    }

    @Test("device-state files with and without a base are written as their golden files")
    func deviceState() throws {
        let scratch = try Scratch()
        let builder = try Builder(scratch)
        let first = Array("device".utf8)
        let seal = try Self.writeDeviceState(
            first, number: 1, sharing: nil, by: builder, in: scratch)
        let path = scratch.file("0000000001.devstate")
        #expect(Self.dump(try bytes(of: path)) == Golden.deviceState)
        let base = try Self.readDeviceState(1, seal, as: first, by: builder)
        let second = Array("devicf".utf8)
        let sharing = try Self.writeDeviceState(
            second, number: 2, sharing: base, by: builder, in: scratch)
        let sharingPath = scratch.file("0000000002.devstate")
        #expect(Self.dump(try bytes(of: sharingPath)) == Golden.sharingDeviceState)
        try Self.readDeviceState(2, sharing, as: second, by: builder)
    }

    @Test("a device-state file of snap 0.1 is read")
    func legacyDeviceState() throws {
        let scratch = try Scratch()
        let builder = try Builder(scratch)
        let bytes = Self.content(ofDump: Golden.legacyDeviceState)
        try write(bytes, to: scratch.file("0000000001.devstate"))
        let seal = DeviceStateSeal(
            byteCount: bytes.count,
            checksum: Checksums.trailerChecksum(of: bytes))
        let file = try Self.readDeviceState(1, seal, as: Array("device".utf8), by: builder)
        #expect(file.base == nil)
    }

    /// Returns the bytes of a dump.
    private static func content(ofDump dump: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var row: [UInt8] = []
        for line in dump.split(separator: "\n") {
            if line == "*" { continue }
            let fields = line.split(separator: " ")
            let offset = Int(fields[0], radix: 16) ?? 0
            while bytes.count < offset { bytes += row }
            row = fields.dropFirst().compactMap { UInt8($0, radix: 16) }
            bytes += row
        }
        return bytes
    }
}
