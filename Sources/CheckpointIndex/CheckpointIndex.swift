// CheckpointIndex
//
// The SQLite database of checkpoints: it finds, and is derived from the files. One connection, one
// owner. It imports GuestMemory, and GRDB, which no other part does: rows never leave it, what goes
// in and out are plain values. Start here; changes are in CheckpointIndex+Writing.swift.

import GRDB
package import GuestMemory
package import SnapSystem
package import SystemPackage

/// The index of a store, open.
package final class CheckpointIndex {
    /// The database file.
    package let path: FilePath
    private let calls: SystemCalls
    private let queue: DatabaseQueue

    /// How long a writer waits for another connection's transaction, in seconds.
    private static let busySeconds = 5.0

    /// Opens an index.
    ///
    /// - Parameters:
    ///   - path: The database file, which exists; it may be empty for a writer.
    ///   - isWritable: Whether rows will be written. A reader needs no permission to write.
    ///   - calls: The system calls.
    /// - Throws: `.damaged` if it is no database of this kind, with a hint; `.unsupported` if a
    ///   later version made it; `.permission`, `.busy` or `.inputOutput`.
    package init(
        _ path: FilePath, isWritable: Bool, _ calls: SystemCalls
    ) throws(SnapError) {
        // Not read-only for readers either: one that may write undoes what a writer that died has
        // left half done, and SQLite itself opens a file read-only where it may not.
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.busySeconds)
        configuration.prepareDatabase { database in
            if isWritable {
                // A save that exited 0 survives power loss, and a reader needs no -shm file. EXTRA
                // syncs the directory when the journal is gone: FULL does not, and a journal that
                // comes back after a power cut rolls the last rows back.
                try database.execute(
                    sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA")
            }
        }
        self.path = path
        self.calls = calls
        try Self.checkKinds(path, calls)
        queue = try Self.translating(path) {
            try DatabaseQueue(path: path.string, configuration: configuration)
        }
        let version = try read { try Schema.version($0) }
        guard version <= Schema.currentVersion else {
            throw SnapError(
                .unsupported,
                "schema version is \(version), this snap knows \(Schema.currentVersion)",
                path: path)
        }
        guard version >= 0 else {
            throw SnapError(
                .damaged, "schema version is \(version)", path: path, hint: Self.hint)
        }
        guard version > 0 || isWritable else {
            throw SnapError(.damaged, "has no tables", path: path, hint: Self.hint)
        }
    }

    /// Refuses what SQLite would wait for: a FIFO in the place of one of its files.
    private static func checkKinds(
        _ path: FilePath, _ calls: SystemCalls
    ) throws(SnapError) {
        let (directory, name) = try Directory.holding(path, calls)
        for suffix in ["", "-journal", "-wal", "-shm"] {
            guard let status = try directory.status(of: name + suffix),
                status.kind != .regular
            else { continue }
            throw SnapError(
                .damaged, "is \(status.kind.rawValue), expected a regular file",
                path: directory.file(name + suffix))
        }
    }

    /// Whether writes wait for the disk at each step that matters: PRAGMA synchronous, 3 is EXTRA.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func synchronousLevel() throws(SnapError) -> Int {
        try read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? 0 }
    }

    /// Whether the schema is older than this snap's.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func needsMigration() throws(SnapError) -> Bool {
        try read { try Schema.version($0) } < Schema.currentVersion
    }

    /// Brings the schema to the newest version; the caller holds the store's lock exclusively.
    ///
    /// - Throws: `.damaged`, `.busy` or `.inputOutput`.
    package func migrate() throws(SnapError) {
        try write { try Schema.migrate($0) }
    }

    // MARK: Reading

    /// The checkpoints of one guest or of all, by guest and number.
    ///
    /// - Parameter guest: Whose; nil for all.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(of guest: GuestName? = nil) throws(SnapError) -> [Checkpoint] {
        try fetch(
            "\(guest == nil ? "" : "WHERE name = ?") ORDER BY name, number",
            guest.map { [$0.description] } ?? [])
    }

    /// A guest's checkpoint by its number.
    ///
    /// - Parameters:
    ///   - guest: Whose.
    ///   - number: Its number.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoint(
        of guest: GuestName, number: Int
    ) throws(SnapError) -> Checkpoint? {
        try fetch("WHERE name = ? AND number = ?", [guest.description, number]).first
    }

    /// A guest's newest checkpoint, or one before it.
    ///
    /// - Parameters:
    ///   - guest: Whose.
    ///   - back: How many before the one of the highest number.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func latest(of guest: GuestName, back: Int = 0) throws(SnapError) -> Checkpoint? {
        try fetch(
            "WHERE name = ? ORDER BY number DESC LIMIT 1 OFFSET ?", [guest.description, back]
        ).first
    }

    /// A guest's newest checkpoint at or before a time.
    ///
    /// - Parameters:
    ///   - guest: Whose.
    ///   - time: The time.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoint(
        of guest: GuestName, at time: Timestamp
    ) throws(SnapError) -> Checkpoint? {
        try fetch(
            "WHERE name = ? AND created_at <= ? ORDER BY created_at DESC, number DESC LIMIT 1",
            [guest.description, time.secondsSinceEpoch]
        ).first
    }

    /// The checkpoints whose id begins with some hex digits; at most two.
    ///
    /// - Parameter prefix: Lower-case hex digits.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(idPrefix prefix: String) throws(SnapError) -> [Checkpoint] {
        try fetch("WHERE id >= ? AND id < ? || 'g' ORDER BY id LIMIT 2", [prefix, prefix])
    }

    /// Whether a guest has ever had a file.
    ///
    /// - Parameter guest: Its name.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func knows(_ guest: GuestName) throws(SnapError) -> Bool {
        try read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM guest WHERE name = ?)",
                arguments: [guest.description]) ?? false
        }
    }

    /// The numbers of a guest's checkpoints, and of its retired files.
    ///
    /// - Parameter guest: Its name.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func numbers(
        of guest: GuestName
    ) throws(SnapError) -> (live: Set<Int>, retired: Set<Int>) {
        try read { database in
            let sql = """
                SELECT number FROM file JOIN guest USING (guest_id)
                WHERE name = ? AND retired = ?
                """
            let numbers = { retired in
                try Set(
                    Int.fetchAll(database, sql: sql, arguments: [guest.description, retired]))
            }
            return (try numbers(false), try numbers(true))
        }
    }

    /// The numbers of the files that any of a guest's checkpoints refers to.
    ///
    /// - Parameter guest: Its name.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func referencedNumbers(of guest: GuestName) throws(SnapError) -> Set<Int> {
        try read { database in
            let runs = try Row.fetchCursor(
                database,
                sql: """
                    SELECT DISTINCT first_number, last_number FROM reference
                    JOIN guest USING (guest_id) WHERE name = ?
                    """, arguments: [guest.description])
            var numbers: Set<Int> = []
            while let run = try runs.next() {
                numbers.formUnion(
                    try Self.run(first: run.decode(atIndex: 0), last: run.decode(atIndex: 1)))
            }
            return numbers
        }
    }

    /// The RAM blocks of a checkpoint, in order.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func ramBlocks(of checkpoint: Checkpoint) throws(SnapError) -> [RAMBlock] {
        try rows(of: checkpoint, "name, byte_count, guest_physical_address", from: "ram_block") {
            let address: Int64? = try $0.decode(atIndex: 2)
            return try RAMBlock(
                name: $0.decode(atIndex: 0), byteCount: $0.decode(atIndex: 1),
                guestPhysicalAddress: address.map { UInt64(bitPattern: $0) })
        }
    }

    /// The device sections of a checkpoint, in order.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func deviceSections(of checkpoint: Checkpoint) throws(SnapError) -> [DeviceSection] {
        try rows(
            of: checkpoint, "name, instance_id, version_id, byte_count", from: "device_section"
        ) {
            try DeviceSection(
                name: $0.decode(atIndex: 0), instanceID: $0.decode(atIndex: 1),
                versionID: $0.decode(atIndex: 2), byteCount: $0.decode(atIndex: 3))
        }
    }

    /// Everything that the index keeps of a checkpoint; nil if there is no row of its file.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func indexed(
        _ checkpoint: Checkpoint
    ) throws(SnapError) -> IndexedCheckpoint? {
        let file = try rows(
            of: checkpoint, "generation, byte_count", from: "file", orderedBy: "number"
        ) { try IndexedFile(generation: $0.decode(atIndex: 0), byteCount: $0.decode(atIndex: 1)) }
        let runs = try rows(
            of: checkpoint, "first_number, last_number", from: "reference",
            orderedBy: "first_number"
        ) { try Self.run(first: $0.decode(atIndex: 0), last: $0.decode(atIndex: 1)) }
        guard let file = file.first else { return nil }
        return IndexedCheckpoint(
            checkpoint: checkpoint, ramBlocks: try ramBlocks(of: checkpoint),
            deviceSections: try deviceSections(of: checkpoint),
            references: runs.flatMap { Array($0) }, file: file)
    }

    /// A run of numbers; empty if no checkpoint can have them.
    private static func run(first: Int, last: Int) -> Range<Int> {
        guard first >= 0, first <= last, last <= Checkpoint.numberMax else { return 0..<0 }
        return first..<last + 1
    }

    /// Has SQLite look through the whole database.
    ///
    /// - Throws: `.damaged` with what is wrong, or `.inputOutput`.
    package func checkIntegrity() throws(SnapError) {
        let findings = try read { database in
            try String.fetchAll(database, sql: "PRAGMA integrity_check")
                + (Row.fetchAll(database, sql: "PRAGMA foreign_key_check").isEmpty
                    ? [] : ["a row refers to one that is not there"])
        }
        guard let finding = findings.first(where: { $0 != "ok" }) else { return }
        throw SnapError(.damaged, finding, path: path, hint: Self.hint)
    }

    private func rows<Value>(
        of checkpoint: Checkpoint, _ columns: String, from table: String,
        orderedBy order: String = "position", _ value: (Row) throws -> Value
    ) throws(SnapError) -> [Value] {
        try read { database in
            let guest = "(SELECT guest_id FROM guest WHERE name = ?)"
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT \(columns) FROM \(table)
                    WHERE guest_id = \(guest) AND number = ? ORDER BY \(order)
                    """, arguments: [checkpoint.guest.description, checkpoint.number]
            ).map(value)
        }
    }

    private func fetch(
        _ condition: String, _ arguments: [any DatabaseValueConvertible]
    ) throws(SnapError) -> [Checkpoint] {
        try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT \(CheckpointColumns.list), name
                    FROM checkpoint JOIN guest USING (guest_id) \(condition)
                    """, arguments: StatementArguments(arguments))
            var checkpoints: [Checkpoint] = []
            while let row = try rows.next() {
                guard let checkpoint = try CheckpointColumns.checkpoint(row) else {
                    throw SnapError(
                        .damaged, "a row of table checkpoint is malformed", path: path,
                        hint: Self.hint)
                }
                checkpoints.append(checkpoint)
            }
            return checkpoints
        }
    }

    // MARK: Errors

    /// What to do about a damaged index.
    package static let hint = "snap reindex rebuilds the index from the files"

    private func read<Value>(_ body: (Database) throws -> Value) throws(SnapError) -> Value {
        try passFaultPoint()
        return try Self.translating(path) { try queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws(SnapError) {
        try passFaultPoint()
        try Self.translating(path) { try queue.write(body) }
    }

    private func passFaultPoint() throws(SnapError) {
        do { try calls.passFaultPoint() } catch {
            throw SnapError(error, action: "use the index", path: path)
        }
    }

    private static func translating<Value>(
        _ path: FilePath, _ body: () throws -> Value
    ) throws(SnapError) -> Value {
        do {
            return try body()
        } catch let error as SnapError {
            throw error
        } catch let error as DatabaseError {
            throw SnapError(error, path: path, hint: hint)
        } catch is RowDecodingError {
            throw SnapError(
                .damaged, "a row has a value of the wrong type", path: path, hint: hint)
        } catch {
            throw SnapError(.internalFailure, "\(error)", path: path)
        }
    }
}
