import CheckpointIndex
import Foundation
import GRDB
import GuestMemory
import SnapSystem
import SystemPackage
import TestSupport
import Testing

/// A valid index of three guests, whose file a test can change without snap.
struct IndexFixture {
    static let name = "index.sqlite"

    let scratch: Scratch
    /// The checkpoints that were inserted, ordered by guest and number.
    let checkpoints: [IndexedCheckpoint]

    var path: FilePath { scratch.file(Self.name) }

    /// Creates an index of three guests.
    ///
    /// - Parameter count: The number of checkpoints of each guest.
    init(checkpointsPerGuest count: Int = 3) throws {
        scratch = try Scratch()
        var checkpoints: [IndexedCheckpoint] = []
        for guest in ["a", "b", "c"] {
            for number in 1...count { checkpoints.append(try Self.checkpoint(guest, number)) }
        }
        self.checkpoints = checkpoints
        try scratch.write([], to: Self.name)
        let index = try open(isWritable: true)
        try index.migrate()
        try index.insert(checkpoints)
        for guest in Set(checkpoints.map(\.checkpoint.guest)) {
            try index.record(Self.records, of: guest)
            try index.recordReclaimed(
                removed: [], changed: [:], examined: [], found: Self.reclamation, of: guest)
        }
    }

    /// The records of each guest's verification.
    static var records: VerificationRecords {
        var records = VerificationRecords()
        let time = Timestamp(secondsSinceEpoch: 1_800_000_100)
        records.files = [
            1: VerifiedFile(generation: 0, verifiedAt: time),
            2: VerifiedFile(generation: 0, verifiedAt: nil, resumeGroup: 7),
        ]
        records.damage = [
            DamageRecord(part: .savevm(1), foundAt: time, message: "is missing", offset: nil),
            DamageRecord(
                part: .cluster(16..<32, group: 3, number: 2), foundAt: time, message: "checksum",
                offset: 4096),
        ]
        records.damagedCheckpoints = [1, 2]
        return records
    }

    /// The record of each guest's last reclamation.
    static let reclamation = ReclamationRecord(
        time: Timestamp(secondsSinceEpoch: 1_800_000_200), unneededByteCount: 8192)

    /// Creates an index in its own directory from the bytes of another fixture's index.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the database file, which may be changed.
    ///   - other: The fixture whose checkpoints the database was created with.
    init(_ bytes: [UInt8], of other: IndexFixture) throws {
        scratch = try Scratch()
        checkpoints = other.checkpoints
        try scratch.write(bytes, to: Self.name)
    }

    static func checkpoint(_ guest: String, _ number: Int) throws -> IndexedCheckpoint {
        var pages = PageCounts()
        pages.literal = number
        pages.zero = 10
        let letter = UInt64(guest.utf8.first ?? 0)
        return IndexedCheckpoint(
            checkpoint: Checkpoint(
                guest: try GuestName(checking: guest, as: "guest"), number: number,
                id: Identifier(high: letter << 56, low: UInt64(number)),
                parentNumber: number > 1 ? number - 1 : nil,
                createdAt: Timestamp(secondsSinceEpoch: 1_800_000_000 + number), label: "label",
                memoryByteCount: 40960, pages: pages, storedByteCount: 1000,
                deviceSectionCount: 1, deviceStateByteCount: 5,
                codec: number % 2 == 0 ? .zstd : .zlib),
            ramBlocks: [
                RAMBlock(name: "ram", byteCount: 36864, guestPhysicalAddress: 1 << 32),
                RAMBlock(name: "rom", byteCount: 4096),
            ],
            deviceSections: [
                DeviceSection(name: "dev", instanceID: 1, versionID: 2, byteCount: 5)
            ],
            references: .runs(of: Array(Set([1, number])).sorted()),
            file: IndexedFile(generation: 0, byteCount: 999))
    }

    func open(
        isWritable: Bool = false, warn: @escaping (SnapError) -> Void = { _ in }
    ) throws -> CheckpointIndex {
        try CheckpointIndex(
            Self.name, in: Directory(scratch.path, .kernel), isWritable: isWritable, warn: warn)
    }

    /// Opens the database for any SQL, as another process with write access can.
    ///
    /// The SQL can also change the schema.
    func edit(_ body: (Database) throws -> Void) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: path.string, configuration: configuration)
        try queue.inDatabase { database in
            try database.execute(sql: "PRAGMA writable_schema = ON")
            try body(database)
        }
        try queue.close()
    }

    /// Expects that the index is refused as damaged.
    func expectRefusal(_ what: String) throws {
        for isWritable in [false, true] {
            let error = #expect(throws: SnapError.self, "\(what)") {
                _ = try open(isWritable: isWritable).checkpoints()
            }
            #expect(error?.code == .damaged, "\(what): \(error.map(\.description) ?? "")")
            #expect(error?.path?.lastComponent?.string.hasPrefix(Self.name) == true, "\(what)")
        }
    }
}
