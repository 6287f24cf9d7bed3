import CheckpointIndex
import Foundation
import GRDB
import GuestMemory
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("Index")
struct CheckpointIndexTests {
    private static func open(_ scratch: Scratch, isWritable: Bool) throws -> CheckpointIndex {
        try CheckpointIndex(
            "index.sqlite", in: Directory(scratch.path, .kernel), isWritable: isWritable)
    }

    private static func make(_ scratch: Scratch) throws -> CheckpointIndex {
        try scratch.write([], to: "index.sqlite")
        let index = try open(scratch, isWritable: true)
        #expect(try index.needsMigration())
        try index.migrate()
        #expect(try !index.needsMigration())
        return index
    }

    private static func checkpoint(
        _ guest: String, _ number: Int, createdAt: Int = 1_800_000_000
    ) throws -> IndexedCheckpoint {
        var pages = PageCounts()
        pages.literal = number
        pages.zero = 10
        return IndexedCheckpoint(
            checkpoint: Checkpoint(
                guest: try GuestName(checking: guest, as: "guest"), number: number,
                id: Identifier(high: UInt64(number) << 32, low: UInt64(guest.hashValue.magnitude)),
                parentNumber: number > 1 ? number - 1 : nil,
                createdAt: Timestamp(secondsSinceEpoch: createdAt),
                label: number % 2 == 0 ? "even" : nil, memoryByteCount: 40960, pages: pages,
                storedByteCount: 1000 * number, deviceSectionCount: 1, deviceStateByteCount: 5,
                codec: number % 3 == 0 ? .zstd : .zlib),
            ramBlocks: [
                RAMBlock(name: "ram", byteCount: 36864, guestPhysicalAddress: UInt64.max),
                RAMBlock(name: "", byteCount: 4096),
            ],
            deviceSections: [
                DeviceSection(name: "dev", instanceID: 1, versionID: 2, byteCount: 5)
            ],
            references: .runs(of: [1, 2, 3, 7, 9, 10].filter { $0 < number } + [number]),
            file: IndexedFile(generation: 0, byteCount: 999))
    }

    @Test("a commit also syncs the journal's deletion, so that it survives a power loss")
    func synchronous() throws {
        let scratch = try Scratch()
        try scratch.write([], to: "index.sqlite")
        // PRAGMA synchronous: 2 is FULL, 3 is EXTRA.
        #expect(try Self.open(scratch, isWritable: true).synchronousLevel() == 3)
    }

    @Test("every file of schema/ is registered, in order")
    func schema() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let files = try FileManager.default
            .contentsOfDirectory(atPath: root.appendingPathComponent("schema").path).sorted()
        #expect(files.count == Schema.currentVersion)
        for (index, file) in files.enumerated() {
            #expect(Int(file.prefix(4)) == index + 1, "\(file)")
        }
    }

    @Test("inserted checkpoints are read back unchanged")
    func roundTrip() throws {
        let scratch = try Scratch()
        let index = try Self.make(scratch)
        let all = try [("b", 1), ("a", 1), ("a", 2), ("a", 12), ("b", 2)].map {
            try Self.checkpoint($0, $1)
        }
        try index.insert(all)
        // A second insert of the same checkpoint replaces it.
        try index.insert([all[2]])
        let expected = all.map(\.checkpoint).sorted {
            ($0.guest, $0.number) < ($1.guest, $1.number)
        }
        let reader = try Self.open(scratch, isWritable: false)
        #expect(try reader.checkpoints() == expected)
        #expect(try reader.ramBlocks(of: all[0].checkpoint) == all[0].ramBlocks)
        #expect(try reader.deviceSections(of: all[0].checkpoint) == all[0].deviceSections)
        let guest = all[1].checkpoint.guest
        #expect(try reader.checkpoints(of: guest).map(\.number) == [1, 2, 12])
        #expect(try reader.latest(of: guest)?.number == 12)
        #expect(try reader.latest(of: guest, back: 2)?.number == 1)
        #expect(try reader.latest(of: guest, back: 3) == nil)
        #expect(try reader.numbers(of: guest).live == [1, 2, 12])
        try index.retire([2: IndexedFile(generation: 1, byteCount: 0)], of: guest)
        #expect(try reader.numbers(of: guest).live == [1, 12])
        #expect(try reader.numbers(of: guest).retired == [2])
        #expect(try reader.checkpoint(of: guest, number: 2) == nil)
        #expect(try reader.knows(guest))
    }

    @Test("a time finds the newest checkpoint up to it, regardless of the order of numbers")
    func times() throws {
        let scratch = try Scratch()
        let index = try Self.make(scratch)
        try index.insert([
            try Self.checkpoint("a", 1, createdAt: 100),
            try Self.checkpoint("a", 2, createdAt: 300),
            try Self.checkpoint("a", 3, createdAt: 200),
            try Self.checkpoint("a", 4, createdAt: 200),
        ])
        let guest = try GuestName(checking: "a", as: "guest")
        for (time, number) in [
            (99, nil), (100, 1), (199, 1), (200, 4), (299, 4), (300, 2), (999, 2),
        ] {
            let found = try index.checkpoint(of: guest, at: Timestamp(secondsSinceEpoch: time))
            #expect(found?.number == number, "at \(time)")
        }
    }

    @Test("a reader rolls back the unfinished transaction of a killed writer")
    func hotJournal() throws {
        let scratch = try Scratch()
        let index = try Self.make(scratch)
        try index.insert(try (1...200).map { try Self.checkpoint("a", $0) })
        let before = try index.checkpoints()
        let killed = try Scratch()
        let names = ["index.sqlite", "index.sqlite-journal"]
        // The files during a transaction are the files that a killed process leaves.
        try DatabaseQueue(path: scratch.file(names[0]).string).inDatabase { database in
            try database.execute(sql: "PRAGMA cache_size = 1; BEGIN IMMEDIATE")
            try database.execute(sql: "UPDATE checkpoint SET label = 'half done'")
            for name in names { try killed.write(try bytes(of: scratch.file(name)), to: name) }
            try database.execute(sql: "ROLLBACK")
        }
        #expect(try bytes(of: killed.file(names[0])) != bytes(of: scratch.file(names[0])))
        let reader = try Self.open(killed, isWritable: false)
        #expect(try reader.checkpoints() == before)
    }

    @Test("records of verifications are replaced, and go with their files")
    func records() throws {
        let fixture = try IndexFixture()
        let index = try fixture.open(isWritable: true)
        let guest = try GuestName(checking: "b", as: "guest")
        let sorted = { (records: VerificationRecords) in
            records.damage.sorted { $0.part.number < $1.part.number }
        }
        let found = try index.verificationRecords(of: guest)
        #expect(found.files == IndexFixture.records.files)
        #expect(sorted(found) == IndexFixture.records.damage)
        #expect(found.damagedCheckpoints == [1, 2])
        let summary = try #require(try index.guestSummaries().first { $0.name == guest })
        #expect(summary.checkpointCount == 3 && summary.unverifiedFileCount == 2)
        #expect(summary.oldestVerification == IndexFixture.records.files[1]?.verifiedAt)
        #expect(summary.reclamation == IndexFixture.reclamation)
        // Only checkpoint 2 was examined, and nothing is damaged any more.
        try index.record(VerificationRecords(), examined: [2], of: guest)
        let later = try index.verificationRecords(of: guest)
        #expect(later.damage.isEmpty && later.damagedCheckpoints == [1])
        #expect(later.files == found.files)
        try index.retire([1: IndexedFile(generation: 0, byteCount: 9)], of: guest)
        #expect(try index.verificationRecords(of: guest).damagedCheckpoints.isEmpty)
        try index.recordReclaimed(removed: [1], changed: [:], examined: [], of: guest)
        #expect(try index.verificationRecords(of: guest).files.keys.sorted() == [2])
        let other = try GuestName(checking: "c", as: "guest")
        #expect(try index.verificationRecords(of: other).damage.count == 2)
    }

    @Test("a filter chooses by guest, time, label and count")
    func filters() throws {
        let scratch = try Scratch()
        let index = try Self.make(scratch)
        try index.insert([
            try Self.checkpoint("a", 1, createdAt: 100),
            try Self.checkpoint("a", 2, createdAt: 300),
            try Self.checkpoint("b", 1, createdAt: 200),
            try Self.checkpoint("b", 2, createdAt: 250),
        ])
        let names = { (configure: (inout CheckpointFilter) -> Void) in
            var filter = CheckpointFilter()
            configure(&filter)
            return try index.checkpoints(matching: filter).map(\.name.description)
        }
        #expect(try names { _ in } == ["a:1", "a:2", "b:1", "b:2"])
        #expect(try names { $0.countMax = 2 } == ["a:2", "b:2"])
        #expect(
            try names { $0.since = Timestamp(secondsSinceEpoch: 200) } == ["a:2", "b:1", "b:2"])
        #expect(try names { $0.until = Timestamp(secondsSinceEpoch: 200) } == ["a:1", "b:1"])
        #expect(
            try names {
                $0.since = Timestamp(secondsSinceEpoch: 150)
                $0.countMax = 1
                $0.guest = GuestName("b")
            } == ["b:2"])
    }

    @Test("a newer schema is refused, and an empty file is damaged")
    func versions() throws {
        let scratch = try Scratch()
        let path = try scratch.write([], to: "index.sqlite")
        let empty = #expect(throws: SnapError.self) {
            _ = try Self.open(scratch, isWritable: false)
        }
        #expect(empty?.code == .damaged)
        _ = try Self.make(scratch)
        var bytes = try bytes(of: path)
        bytes[63] = 99  // user_version, big-endian at offset 60 of the file
        try write(bytes, to: path)
        let later = #expect(throws: SnapError.self) {
            _ = try Self.open(scratch, isWritable: false)
        }
        #expect(later?.code == .unsupported)
    }

    @Test("an index without codecs is read, and gets them when it is converted")
    func withoutCodecs() throws {
        let fixture = try IndexFixture()
        try fixture.edit { database in
            try database.execute(sql: "DROP TABLE checkpoint_codec; PRAGMA user_version = 3")
        }
        let codecs = { (index: CheckpointIndex) in try index.checkpoints().map(\.codec) }
        let count = fixture.checkpoints.count
        #expect(try codecs(fixture.open()) == Array(repeating: .zlib, count: count))
        let index = try fixture.open(isWritable: true)
        #expect(try codecs(index) == Array(repeating: .zlib, count: count))
        try index.migrate()
        let second = try #require(fixture.checkpoints.first { $0.checkpoint.codec == .zstd })
        try index.insert([second])
        #expect(try codecs(index).count { $0 == .zstd } == 1)
        try index.insert(fixture.checkpoints)
        #expect(try codecs(index) == fixture.checkpoints.map(\.checkpoint.codec))
    }
}
