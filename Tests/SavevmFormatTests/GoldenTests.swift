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

    @Test("a device-state file is written as its golden file")
    func deviceState() throws {
        let scratch = try Scratch()
        let builder = try Builder(scratch)
        let path = try scratch.write(Array("device".utf8), to: "dev")
        let id = Identifier(high: 0x4944_0000_0000_0000, low: 1)
        let header = FileHeader(
            .deviceState, number: 1, storeID: builder.storeID, checkpointID: id, parent: nil)
        var writer = try DeviceStateWriter(
            in: builder.directory, header, compression: .stored)
        let source = try File(input: path, .kernel)
        writer.begin(.opaque, name: try GuestName(checking: "dev", as: "section"))
        try writer.append(StoredSection.Identity(.opaque, name: "dev"), from: source, 0..<Int.max)
        writer.begin(.stream, name: try GuestName(checking: "stream", as: "section"))
        try writer.append(StoredSection.Identity(.framing, name: ""), from: source, 0..<2)
        try writer.append(
            StoredSection.Identity(
                .device, name: "cpu", instanceID: 3, versionID: 12, sectionID: 5), from: source,
            2..<6,
            state: 1..<3)
        let seal = try writer.publish()
        let file = scratch.file("0000000001.devstate")
        #expect(Self.dump(try bytes(of: file)) == Golden.deviceState)
        let read = try builder.guestFiles()
            .deviceState(1, sealed: seal, checkpointID: id)
        #expect(read.states.map(\.name) == ["dev", "stream"])
        #expect(
            read.states.flatMap(\.summaries) == [
                DeviceSection(name: "dev", instanceID: 0, versionID: 0, byteCount: 6),
                DeviceSection(name: "cpu", instanceID: 3, versionID: 12, byteCount: 2),
            ])
    }
}
