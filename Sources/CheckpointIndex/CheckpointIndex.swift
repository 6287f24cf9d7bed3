// CheckpointIndex
//
// The SQLite database of checkpoints: it finds, and is derived from the files. One connection, one
// owner. It imports GuestMemory, and GRDB, which no other part does: rows never leave it, what goes
// in and out are plain values. Start here; changes are in CheckpointIndex+Writing.swift. These
// protect from a database of another program or user: IndexFiles, UntrustedDatabase, Schema,
// Watchdog, and CheckpointColumns for a row.

import GRDB
package import GuestMemory
package import SnapSystem
package import SystemPackage

/// The index of a store, open.
///
/// What is in the database is not trusted: it may come with the store from somewhere else. SQL that
/// the schema holds never runs, since the schema is compared with snap's own before anything is
/// read; each row is checked, and one that is wrong costs its own checkpoint; and reading ends when
/// it takes longer than the database's bytes justify.
package final class CheckpointIndex {
    /// The database file, for messages.
    package let path: FilePath
    private let directory: Directory
    private let warn: (SnapError) -> Void
    private let name: String
    private let watchdog = Watchdog()
    private let queue: DatabaseQueue

    /// How long a writer waits for another connection's transaction, in seconds.
    private static let busySeconds = 5.0

    /// Opens an index.
    ///
    /// - Parameters:
    ///   - name: The database's file, which exists; it may be empty for a writer.
    ///   - directory: The store's directory.
    ///   - isWritable: Whether rows will be written. A reader needs no permission to write.
    ///   - warn: Called with rows that cannot be used.
    /// - Throws: `.damaged` if it is no database of this kind, with a hint; `.unsupported` if a
    ///   later version made it; `.permission`, `.busy` or `.inputOutput`.
    package init(
        _ name: String, in directory: Directory, isWritable: Bool,
        warn: @escaping (SnapError) -> Void = { _ in }
    ) throws(SnapError) {
        let path = directory.file(name)
        self.path = path
        self.directory = directory
        self.name = name
        self.warn = warn
        let byteCount = try IndexFiles.check(name, in: directory)
        let openPath = try directory.stablePath().appending(name)
        let configuration = Self.configuration(
            isWritable: isWritable, byteCount: byteCount, watchdog)
        queue = try Self.translating(path) {
            try UntrustedDatabase.prepareLibrary()
            return try DatabaseQueue(path: openPath.string, configuration: configuration)
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
        guard try read({ try Schema.isOwn($0, version: version) }) else {
            throw SnapError(
                .damaged, "has tables, views or triggers that snap has not made", path: path,
                hint: Self.hint)
        }
    }

    private static func configuration(
        isWritable: Bool, byteCount: Int, _ watchdog: Watchdog
    ) -> Configuration {
        // Not read-only for readers either: one that may write undoes what a writer that died has
        // left half done, and SQLite itself opens a file read-only where it may not.
        var configuration = Configuration()
        configuration.busyMode = .timeout(busySeconds)
        configuration.prepareDatabase { database in
            try UntrustedDatabase.prepare(database, byteCount: byteCount)
            watchdog.begin(reading: byteCount)
            watchdog.watch(database)
            if isWritable {
                // A save that exited 0 survives power loss, and a reader needs no -shm file. EXTRA
                // syncs the directory when the journal is gone: FULL does not, and a journal that
                // comes back after a power cut rolls the last rows back.
                try database.execute(
                    sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA")
            }
        }
        return configuration
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
            "WHERE name = ? ORDER BY number DESC", [guest.description], skipping: back, atMost: 1
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
            "WHERE name = ? AND created_at <= ? ORDER BY created_at DESC, number DESC",
            [guest.description, time.secondsSinceEpoch], atMost: 1
        ).first
    }

    /// The checkpoints whose id begins with some hex digits; at most two.
    ///
    /// - Parameter prefix: Lower-case hex digits.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(idPrefix prefix: String) throws(SnapError) -> [Checkpoint] {
        try fetch(
            "WHERE id >= ? AND id < ? || 'g' ORDER BY id", [prefix, prefix], atMost: 2)
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

    /// The numbers of a guest's checkpoints, and of its retired files; those that no checkpoint
    /// can have are left out.
    ///
    /// - Parameter guest: Its name.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func numbers(
        of guest: GuestName
    ) throws(SnapError) -> (live: Set<Int>, retired: Set<Int>) {
        try read { database in
            let sql = """
                SELECT number FROM file JOIN guest USING (guest_id)
                WHERE name = ? AND retired = ? AND number BETWEEN 1 AND ?
                """
            let numbers = { retired in
                try Set(
                    Int.fetchAll(
                        database, sql: sql,
                        arguments: [guest.description, retired, Checkpoint.numberMax]))
            }
            return (try numbers(false), try numbers(true))
        }
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

    /// Reads checkpoints; a row that is wrong costs its own checkpoint, and a warning.
    ///
    /// Rows are counted here and not by LIMIT in SQL, so that a wrong one hides no other.
    private func fetch(
        _ condition: String, _ arguments: [any DatabaseValueConvertible],
        skipping skippedCount: Int = 0, atMost count: Int = .max
    ) throws(SnapError) -> [Checkpoint] {
        var malformedCount = 0
        var leftToSkip = skippedCount
        var bytesLeft = try byteCount()
        let checkpoints = try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT \(CheckpointColumns.list), name
                    FROM checkpoint JOIN guest USING (guest_id) \(condition)
                    """, arguments: StatementArguments(arguments))
            var checkpoints: [Checkpoint] = []
            while checkpoints.count < count, let row = try rows.next() {
                guard let checkpoint = CheckpointColumns.checkpoint(row) else {
                    malformedCount += 1
                    continue
                }
                if leftToSkip > 0 {
                    leftToSkip -= 1
                    continue
                }
                bytesLeft -=
                    CheckpointColumns.rowByteCountMin + (checkpoint.label?.utf8.count ?? 0)
                guard bytesLeft >= 0 else {
                    throw SnapError(
                        .damaged, "has rows of more bytes than it has itself", path: path,
                        hint: Self.hint)
                }
                checkpoints.append(checkpoint)
            }
            return checkpoints
        }
        if malformedCount > 0 {
            warn(
                SnapError(
                    .damaged, "\(malformedCount) rows of table checkpoint are malformed",
                    path: path, hint: Self.hint))
        }
        return checkpoints
    }

    // MARK: Errors

    /// What to do about a damaged index.
    package static let hint = "snap reindex rebuilds the index from the files"

    func read<Value>(_ body: (Database) throws -> Value) throws(SnapError) -> Value {
        try passFaultPoint()
        watchdog.begin(reading: try byteCount())
        return try Self.translating(path) { try queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws(SnapError) {
        try passFaultPoint()
        watchdog.beginWriting()
        try Self.translating(path) { try queue.write(body) }
    }

    /// The database's length in bytes, as it is now.
    private func byteCount() throws(SnapError) -> Int {
        try directory.status(of: name)?.byteCount ?? 0
    }

    private func passFaultPoint() throws(SnapError) {
        do { try directory.calls.passFaultPoint() } catch {
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
