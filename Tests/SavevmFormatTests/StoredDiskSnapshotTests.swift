import GuestMemory
import SavevmFormat
import SnapSystem
import Testing

@Suite("Stored disk snapshots")
struct StoredDiskSnapshotTests {
    private static let snapshot = DiskSnapshot(drive: "disk0", path: "/a", name: "s1")
    private static let bytes: [UInt8] = [2, 0, 0x2f, 0x61, 2, 0, 0x73, 0x31]

    /// Writes a device and sections of disk snapshots, and reads the snapshots.
    private static func read(_ contents: [[UInt8]]) throws -> [DiskSnapshot] {
        var builder = try DeviceStateBuilder()
        var sections = [DeviceStateBuilder.Section("cpu", [1, 2, 3])]
        for content in contents {
            var section = DeviceStateBuilder.Section("", content)
            section.identity = StoredSection.Identity(.diskSnapshot, name: "disk0")
            sections.append(section)
        }
        let seal = try #require(try builder.write(sections, number: 1))
        let file = try builder.open(1, seal)
        #expect(file.states[0].originalSections.map(\.identity.name) == ["cpu"])
        #expect(file.states[0].summaries.map(\.name) == ["cpu"])
        return try StoredDiskSnapshot.all(in: file)
    }

    @Test("the section of a snapshot has the bytes of savevm(5)")
    func layout() throws {
        #expect(StoredDiskSnapshot.encode(Self.snapshot) == Self.bytes)
        #expect(try Self.read([Self.bytes, Self.bytes]) == [Self.snapshot, Self.snapshot])
        #expect(try Self.read([]).isEmpty)
    }

    @Test("a section that is cut short, too long, or not UTF-8 is damaged")
    func damage() throws {
        var contents = (0..<Self.bytes.count).map { Array(Self.bytes.prefix($0)) }
        contents.append(Self.bytes + [0])
        contents.append([2, 0, 0x2f, 0xff, 2, 0, 0x73, 0x31])
        contents.append([UInt8](repeating: 0, count: 1 << 17))
        for content in contents {
            let error = #expect(throws: SnapError.self) { try Self.read([content]) }
            #expect(error?.code == .damaged, "\(content.count) bytes: \(error as Any)")
        }
    }

    @Test("the command that deletes a snapshot is safe to copy")
    func command() {
        for (path, shown) in [
            ("/disks/a.qcow2", "/disks/a.qcow2"), ("/a b", "'/a b'"), ("$(x)'y", "'$(x)'\\''y'"),
            ("", "''"), ("-l", "'-l'"),
        ] {
            let snapshot = DiskSnapshot(drive: "d", path: path, name: "s;1")
            #expect(snapshot.deletionCommand == "qemu-img snapshot -d 's;1' \(shown)")
        }
    }
}
