// CheckpointIndex
//
// The SQLite database that finds checkpoints. It is derived from the files. Each index has one
// connection with one owner. This is the only part that imports GRDB: its callers pass and get
// plain values of GuestMemory, never rows. Start here; the methods that change the index are in
// CheckpointIndex+Writing.swift. IndexFiles, UntrustedDatabase, Schema, Watchdog and, for a row,
// CheckpointColumns protect snap against a database from another program or user.

import GRDB
package import GuestMemory
package import SnapSystem
package import SystemPackage

/// The open index of a store.
///
/// The database is not trusted, because the store may have been copied from another machine. The
/// schema is compared with snap's own before anything is read, so SQL in a foreign schema never
/// runs. Each row is checked, and snap ignores only the checkpoints whose own rows are malformed.
/// Reading stops if it takes longer than the database's length justifies.
package final class CheckpointIndex {
    /// The path of the database file, for error messages.
    package let path: FilePath
    private let directory: Directory
    private let warn: (SnapError) -> Void
    private let name: String
    private let watchdog = Watchdog()
    private let connection: IndexConnection

    /// How long a writer waits for another connection's transaction, in seconds.
    private static let busySeconds = 5.0

    /// Opens an index.
    ///
    /// - Parameters:
    ///   - name: The name of the database file, which must exist. It may be empty for a writer.
    ///   - directory: The store's directory.
    ///   - isWritable: Whether the caller will write. A reader needs no permission to write.
    ///   - warn: Called with a warning if a query finds malformed rows.
    /// - Throws: `.damaged`, with a hint, if the file is not an index of a store; `.unsupported` if
    ///   a later version of snap made it; `.permission`, `.busy` or `.inputOutput`.
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
        connection = try Self.translating(path) {
            try UntrustedDatabase.prepareLibrary()
            return try IndexConnection(openPath.string, configuration)
        }
        let version = try read { try Schema.version($0) }
        guard version <= Schema.currentVersion else {
            throw SnapError(
                .unsupported,
                "schema version is \(version), expected at most \(Schema.currentVersion)",
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
                .damaged, "has tables, views or triggers that snap did not create", path: path,
                hint: Self.hint)
        }
    }

    private static func configuration(
        isWritable: Bool, byteCount: Int, _ watchdog: Watchdog
    ) -> Configuration {
        // The connection is not read-only for readers either: a reader with permission to write
        // rolls back the unfinished transaction of a writer that died. Without that permission,
        // SQLite itself opens the file read-only.
        var configuration = Configuration()
        configuration.busyMode = .timeout(busySeconds)
        configuration.prepareDatabase { database in
            try UntrustedDatabase.prepare(database, byteCount: byteCount)
            watchdog.begin(reading: byteCount)
            watchdog.watch(database)
            if isWritable {
                // A save that exited with 0 must survive a power loss, and a reader must not need
                // a -shm file. EXTRA syncs the directory after the journal has been deleted. FULL
                // does not: the journal could reappear after a power loss and roll back the last
                // rows.
                try database.execute(
                    sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA")
            }
        }
        return configuration
    }

    /// Queries how writes wait for the disk.
    ///
    /// - Returns: The value of PRAGMA synchronous; 3 is EXTRA.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func synchronousLevel() throws(SnapError) -> Int {
        try read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? 0 }
    }

    /// Checks whether the database has an older schema than this version of snap.
    ///
    /// - Returns: Whether `migrate` has to be called before the index can be written.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func needsMigration() throws(SnapError) -> Bool {
        try read { try Schema.version($0) } < Schema.currentVersion
    }

    /// Upgrades the schema to the newest version.
    ///
    /// The caller must hold the store's exclusive lock. Leaves the database unchanged on failure.
    ///
    /// - Throws: `.damaged`, `.busy` or `.inputOutput`.
    package func migrate() throws(SnapError) {
        try write { try Schema.migrate($0) }
    }

    // MARK: Reading

    /// Reads the checkpoints of one guest or of all guests.
    ///
    /// - Parameter guest: The guest's name; nil for all guests.
    /// - Returns: The checkpoints, sorted by guest and number.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(of guest: GuestName? = nil) throws(SnapError) -> [Checkpoint] {
        try fetch(
            "\(guest == nil ? "" : "WHERE name = ?") ORDER BY name, number",
            guest.map { [$0.description] } ?? [])
    }

    /// Reads the checkpoints that a filter chooses.
    ///
    /// - Parameter filter: The filter.
    /// - Returns: The checkpoints, sorted by guest and number.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(matching filter: CheckpointFilter) throws(SnapError) -> [Checkpoint] {
        var conditions: [String] = []
        var arguments: [any DatabaseValueConvertible] = []
        let choose = { (condition: String, value: (any DatabaseValueConvertible)?) in
            guard let value else { return }
            conditions.append(condition)
            arguments.append(value)
        }
        choose("name = ?", filter.guest?.description)
        choose("created_at >= ?", filter.since?.secondsSinceEpoch)
        choose("created_at <= ?", filter.until?.secondsSinceEpoch)
        let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let order = filter.countMax == nil ? "name, number" : "created_at DESC, number DESC"
        let found = try fetch(
            "\(condition) ORDER BY \(order)", arguments, atMost: filter.countMax ?? .max
        ) { checkpoint in
            guard let label = filter.label else { return true }
            return checkpoint.label.map { label.matches($0) } ?? false
        }
        return filter.countMax == nil ? found : found.sorted { $0.name < $1.name }
    }

    /// Finds a guest's checkpoint by its number.
    ///
    /// - Parameters:
    ///   - guest: The guest's name.
    ///   - number: The checkpoint's number.
    /// - Returns: The checkpoint; nil if the index does not list such a checkpoint.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoint(
        of guest: GuestName, number: Int
    ) throws(SnapError) -> Checkpoint? {
        try fetch("WHERE name = ? AND number = ?", [guest.description, number]).first
    }

    /// Finds a guest's checkpoint with the highest number, or an earlier one.
    ///
    /// - Parameters:
    ///   - guest: The guest's name.
    ///   - back: The number of checkpoints to go back from there.
    /// - Returns: The checkpoint; nil if the index does not list such a checkpoint.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func latest(of guest: GuestName, back: Int = 0) throws(SnapError) -> Checkpoint? {
        try fetch(
            "WHERE name = ? ORDER BY number DESC", [guest.description], skipping: back, atMost: 1
        ).first
    }

    /// Finds a guest's newest checkpoint at or before a time.
    ///
    /// - Parameters:
    ///   - guest: The guest's name.
    ///   - time: The latest creation time, to the second.
    /// - Returns: The checkpoint; nil if the index does not list such a checkpoint.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoint(
        of guest: GuestName, at time: Timestamp
    ) throws(SnapError) -> Checkpoint? {
        try fetch(
            "WHERE name = ? AND created_at <= ? ORDER BY created_at DESC, number DESC",
            [guest.description, time.secondsSinceEpoch], atMost: 1
        ).first
    }

    /// Finds the checkpoints whose id starts with given hex digits.
    ///
    /// - Parameter prefix: The digits in lower case.
    /// - Returns: At most two checkpoints, which is enough to detect an ambiguous prefix.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func checkpoints(idPrefix prefix: String) throws(SnapError) -> [Checkpoint] {
        try fetch(
            "WHERE id >= ? AND id < ? || 'g' ORDER BY id", [prefix, prefix], atMost: 2)
    }

    /// Checks whether a guest has ever had a file.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: Whether the index has a row of the guest.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func knows(_ guest: GuestName) throws(SnapError) -> Bool {
        try read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM guest WHERE name = ?)",
                arguments: [guest.description]) ?? false
        }
    }

    /// Makes SQLite check the complete database.
    ///
    /// - Throws: `.damaged` with the first finding, or `.inputOutput`.
    package func checkIntegrity() throws(SnapError) {
        let findings = try read { database in
            try String.fetchAll(database, sql: "PRAGMA integrity_check")
                + (Row.fetchAll(database, sql: "PRAGMA foreign_key_check").isEmpty
                    ? [] : ["a row refers to a missing row"])
        }
        guard let finding = findings.first(where: { $0 != "ok" }) else { return }
        throw SnapError(.damaged, finding, path: path, hint: Self.hint)
    }

    /// Reads checkpoints, without those whose rows are malformed, and warns about these.
    ///
    /// Rows are counted here and not with LIMIT in SQL, so that a malformed row does not take the
    /// place of another one.
    private func fetch(
        _ condition: String, _ arguments: [any DatabaseValueConvertible],
        skipping skippedCount: Int = 0, atMost count: Int = .max,
        where isWanted: (Checkpoint) -> Bool = { _ in true }
    ) throws(SnapError) -> [Checkpoint] {
        var malformedCount = 0
        var leftToSkip = skippedCount
        var bytesLeft = try byteCount()
        let checkpoints = try read { database in
            let selection = try CheckpointColumns.selection(database)
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT \(selection), name
                    FROM checkpoint JOIN guest USING (guest_id) \(condition)
                    """, arguments: StatementArguments(arguments))
            var checkpoints: [Checkpoint] = []
            while checkpoints.count < count, let row = try rows.next() {
                guard let checkpoint = CheckpointColumns.checkpoint(row) else {
                    malformedCount += 1
                    continue
                }
                if !isWanted(checkpoint) { continue }
                if leftToSkip > 0 {
                    leftToSkip -= 1
                    continue
                }
                bytesLeft -=
                    CheckpointColumns.rowByteCountMin + (checkpoint.label?.utf8.count ?? 0)
                guard bytesLeft >= 0 else {
                    throw SnapError(
                        .damaged, "has rows with more bytes than the database", path: path,
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

    /// The hint for a damaged index.
    package static let hint = "run snap reindex to rebuild the index from the files"

    func read<Value>(_ body: (Database) throws -> Value) throws(SnapError) -> Value {
        try passFaultPoint()
        watchdog.begin(reading: try byteCount())
        return try Self.translating(path) { try connection.queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws(SnapError) {
        try passFaultPoint()
        watchdog.beginWriting()
        try Self.translating(path) { try connection.queue.write(body) }
    }

    /// Returns the database's current length in bytes.
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
