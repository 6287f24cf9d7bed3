import CheckpointIndex
import Foundation
import GRDB
import GuestMemory
import SnapSystem
import TestSupport
import Testing

/// A database that another user has changed, or next to which another user has put a file.
@Suite("Foreign index", .timeLimit(.minutes(2)))
struct ForeignIndexTests {
    private let fixture: IndexFixture

    init() throws { fixture = try IndexFixture() }

    // MARK: Schema

    @Test(
        "a database with another schema is refused immediately",
        arguments: [
            // Views in place of tables; the first two have an endless number of rows.
            """
            DROP TABLE reference; CREATE VIEW reference AS
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS guest_id, i AS number, 1 AS first_number, i AS last_number FROM n
            """,
            """
            PRAGMA foreign_keys = OFF; DROP TABLE guest; CREATE VIEW guest AS
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS guest_id, 'g' || i AS name FROM n
            """,
            """
            ALTER TABLE checkpoint RENAME TO other; CREATE VIEW checkpoint AS SELECT * FROM other
            """,
            "CREATE VIEW extra AS SELECT zeroblob(1000000000)",
            """
            CREATE TRIGGER extra AFTER INSERT ON guest
            BEGIN UPDATE checkpoint SET label = 'extra'; END
            """,
            "CREATE TABLE more (a)", "ANALYZE",
            "CREATE INDEX extra ON checkpoint (hex(zeroblob(length(label))))",
            "CREATE INDEX extra ON checkpoint (number) WHERE length(hex(label)) > 1",
            "DROP INDEX checkpoint_by_time", "DROP TABLE reference",
            "ALTER TABLE guest ADD COLUMN more TEXT",
            "ALTER TABLE checkpoint RENAME COLUMN label TO words",
            "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'guest'",
            """
            UPDATE sqlite_schema SET sql = replace(sql, 'length(id) = 32', 'length(id) > 0')
            WHERE name = 'checkpoint'
            """,
            """
            UPDATE sqlite_schema SET sql = replace(sql, 'TEXT,',
                'TEXT DEFAULT (abs(-9223372036854775807 - 1)),')
            WHERE name = 'checkpoint'
            """,
            "UPDATE sqlite_schema SET sql = sql || ' ' WHERE name = 'file'",
            "PRAGMA user_version = 0", "PRAGMA user_version = -1",
            """
            INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
            SELECT 'view', 'v' || i, 'v' || i, 0, 'CREATE VIEW v' || i || ' AS SELECT 1' FROM n
            """,
        ])
    func schema(sql: String) throws {
        try fixture.edit { try $0.execute(sql: sql) }
        if sql == "PRAGMA user_version = 0" {
            // A reader finds no schema, and a writer must not create tables next to existing ones.
            let error = #expect(throws: SnapError.self) { _ = try fixture.open() }
            #expect(error?.code == .damaged && error?.hint == CheckpointIndex.hint)
            let made = #expect(throws: SnapError.self) {
                try fixture.open(isWritable: true).migrate()
            }
            #expect(made?.code == .damaged)
            return
        }
        try fixture.expectRefusal(sql)
    }

    // MARK: Files next to the database

    @Test("a database in write-ahead mode is refused without creating a log", arguments: [18, 19])
    func writeAheadMode(offset: Int) throws {
        var database = try bytes(of: fixture.path)
        database[offset] = 2
        try write(database, to: fixture.path)
        try fixture.expectRefusal("byte \(offset)")
        #expect(try names(in: fixture.scratch.path) == [IndexFixture.name])
        #expect(try bytes(of: fixture.path) == database)
    }

    @Test("a database next to a log is refused, and the log is kept", arguments: ["-wal", "-shm"])
    func log(suffix: String) throws {
        for content: [UInt8] in [[], [UInt8](repeating: 7, count: 5000)] {
            try fixture.scratch.write(content, to: IndexFixture.name + suffix)
            try fixture.expectRefusal("\(suffix) of \(content.count) bytes")
            let left = try bytes(of: fixture.scratch.file(IndexFixture.name + suffix))
            #expect(left == content)
        }
    }

    /// Creates a hot journal that names a super-journal.
    ///
    /// See "The Rollback Journal" in the SQLite file format.
    private func journal(naming victim: [UInt8]) throws -> [UInt8] {
        let database = try bytes(of: fixture.path)
        let pageSize = Int(database[16]) << 8 | Int(database[17])
        let magic: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]
        let word = { (value: Int) in (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xff) } }
        var journal = magic
        for value in [0, 0x1234, database.count / pageSize, 512, pageSize] {
            journal += word(value)
        }
        journal += [UInt8](repeating: 0, count: 512 - journal.count)
        journal += word(0x4000_0000 / pageSize + 1) + victim + word(victim.count)
        return journal + word(victim.reduce(0) { $0 + Int(Int8(bitPattern: $1)) }) + magic
    }

    @Test("a database whose journal names another file is refused, and that file is kept")
    func superJournal() throws {
        let victim = try Scratch()
        let path = try victim.write([1, 2, 3], to: "victim")
        let journal = try journal(naming: Array(path.string.utf8))
        try fixture.scratch.write(journal, to: IndexFixture.name + "-journal")
        try fixture.expectRefusal("a super-journal")
        #expect(try bytes(of: path) == [1, 2, 3])
        #expect(try bytes(of: fixture.scratch.file(IndexFixture.name + "-journal")) == journal)
        // Without snap's check, SQLite deletes the other file, so the journal is a valid one.
        try fixture.edit { database in
            _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM checkpoint")
        }
        #expect(!exists(path))
    }

    @Test("an empty or invalid journal is ignored")
    func strayJournal() throws {
        for content: [UInt8] in [[], [1, 2, 3], [UInt8](repeating: 0, count: 600)] {
            try fixture.scratch.write(content, to: IndexFixture.name + "-journal")
            let listed = try fixture.open().checkpoints()
            #expect(listed == fixture.checkpoints.map(\.checkpoint))
        }
    }

    // MARK: Pages

    @Test("a truncated database or a file with other content is refused")
    func bytesOfOthers() throws {
        let good = try bytes(of: fixture.path)
        for content: [UInt8] in [
            [0], Array("SQLite format 3\u{0}".utf8), Array("no database".utf8),
            [UInt8](repeating: 0, count: 4096), Array(good.prefix(good.count / 2)),
            Array(good.prefix(100)), Array(good.prefix(4096)),
        ] {
            let copy = try IndexFixture(content, of: fixture)
            for isWritable in [false, true] {
                let error = #expect(throws: SnapError.self, "\(content.count) bytes") {
                    let index = try copy.open(isWritable: isWritable)
                    try index.checkIntegrity()
                    _ = try index.checkpoints()
                }
                #expect(error?.code == .damaged, "\(content.count): \(error?.message ?? "")")
            }
        }
    }

    @Test(
        "a database whose pages share children is refused, or read within the limits",
        .slow,
        arguments: ["checkpoint", "file", "ram_block", "device_section", "reference", "guest"])
    func sharedChildren(table: String) throws {
        // With so many checkpoints, no table's root is a leaf.
        let large = try IndexFixture(checkpointsPerGuest: 500)
        let guest = try GuestName(checking: "a", as: "guest")
        var root = 0
        try large.edit { database in
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                    INSERT INTO guest (name) SELECT 'guest-' || i FROM n
                    """)
            let sql = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?"
            root = try Int.fetchOne(database, sql: sql, arguments: [table]) ?? 0
        }
        var pages = DatabasePages(try bytes(of: large.path))
        let childCount = pages.makeChain(from: root, depth: 14)
        #expect(childCount > 1)
        try write(pages.bytes, to: large.path)

        let checkpoint = try #require(
            large.checkpoints.first { $0.checkpoint.guest == guest }?.checkpoint)
        var readers: [String: () throws -> Int] = [:]
        let index = try large.open()
        readers["checkpoints"] = { try index.checkpoints().count }
        readers["of one"] = { try index.checkpoints(of: guest).count }
        readers["latest"] = {
            try index.latest(of: guest, back: Int.max) == nil ? 0 : 1
        }
        readers["numbers"] = { try index.numbers(of: guest).live.count }
        readers["reclaimed"] = { try index.reclaimed(of: guest).count }
        readers["records"] = { try index.verificationRecords(of: guest).files.count }
        readers["summaries"] = { try index.guestSummaries().count }
        readers["files"] = { try index.files(of: guest).count }
        readers["indexed"] = {
            try index.indexed(checkpoint) == nil ? 0 : 1
        }
        readers["integrity"] = {
            try index.checkIntegrity()
            return 0
        }
        var refusalCount = 0
        for (name, reader) in readers {
            do {
                let count = try reader()
                #expect(count < pages.bytes.count / 32, "\(name): \(count) values")
            } catch let error as SnapError {
                #expect(error.code == .damaged, "\(name): \(error)")
                #expect(error.hint == CheckpointIndex.hint, "\(name): \(error)")
                if name != "integrity" { refusalCount += 1 }
            }
        }
        // snap reads only this table completely; in the others it finds rows by a key.
        if table == "checkpoint" { #expect(refusalCount > 0) }
    }
}
