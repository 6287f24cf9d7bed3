package import SnapSystem

/// The files of an index: the database, and the journals that SQLite creates next to it.
///
/// SQLite acts on journals as soon as it opens the database. If a journal names a super-journal,
/// SQLite deletes the file with that name, in any directory. A store has one database and no
/// write-ahead log, so snap itself never leaves a super-journal or a log.
package enum IndexFiles {
    private static let journalSuffix = "-journal"
    private static let logSuffixes = ["-wal", "-shm"]

    /// The last bytes of a journal that names a super-journal (the SQLite file format, "The
    /// Rollback Journal").
    private static let superJournalMagic: [UInt8] = [
        0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7,
    ]

    /// The offset in a database of the write and read versions, and their values for a rollback
    /// journal (the SQLite file format, "File format version numbers").
    private static let versionOffset = 18
    private static let rollbackVersions: [UInt8] = [1, 1]

    /// Checks the files of an index before SQLite opens them.
    ///
    /// - Parameters:
    ///   - name: The database's name.
    ///   - directory: The store's directory.
    /// - Returns: The database's length in bytes.
    /// - Throws: `.damaged` if snap cannot have left a file in this state; `.notFound`,
    ///   `.permission` or `.inputOutput`.
    static func check(_ name: String, in directory: Directory) throws(SnapError) -> Int {
        let file = try File(reading: name, in: directory)
        let byteCount = try file.status().byteCount
        let versions = try file.read(byteCount: rollbackVersions.count, at: versionOffset)
        guard versions.count < rollbackVersions.count || versions == rollbackVersions else {
            throw SnapError(
                .damaged, "uses a write-ahead log, expected a rollback journal",
                path: file.path, offset: versionOffset, hint: CheckpointIndex.hint)
        }
        if try hasForeignJournal(name, in: directory) {
            throw SnapError(
                .damaged, "has a journal or a write-ahead log that snap did not write",
                path: file.path, hint: CheckpointIndex.hint)
        }
        return byteCount
    }

    /// Checks whether a database has a journal or a write-ahead log that snap cannot have left.
    ///
    /// - Parameters:
    ///   - name: The database's name.
    ///   - directory: The store's directory.
    /// - Returns: Whether there is a write-ahead log, or a journal that names a super-journal.
    /// - Throws: `.damaged` if one of them is not a regular file; `.permission` or `.inputOutput`.
    package static func hasForeignJournal(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> Bool {
        for suffix in logSuffixes where try directory.status(of: name + suffix) != nil {
            return true
        }
        guard try directory.status(of: name + journalSuffix) != nil else { return false }
        let file: File
        do throws(SnapError) {
            file = try File(reading: name + journalSuffix, in: directory)
        } catch let error where error.code == .notFound {
            // The writer has deleted the journal in the meantime.
            return false
        }
        let magic = superJournalMagic
        let offset = try file.status().byteCount - magic.count
        if offset < 0 { return false }
        return try file.read(byteCount: magic.count, at: offset) == magic
    }

    /// Deletes the journals of a database.
    ///
    /// The caller must hold the store's exclusive lock.
    ///
    /// - Parameters:
    ///   - name: The database's name.
    ///   - directory: The store's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    package static func removeJournals(
        of name: String, in directory: Directory
    ) throws(SnapError) {
        for suffix in [journalSuffix] + logSuffixes { try directory.remove(name + suffix) }
    }
}
