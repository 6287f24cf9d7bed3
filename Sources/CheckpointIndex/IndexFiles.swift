package import SnapSystem

/// The files of an index: the database, and what SQLite leaves beside it.
///
/// SQLite does what it finds in them, at once when it opens the database. A journal that names a
/// super-journal makes it delete the file of that name, in any directory. A store keeps one
/// database and no write-ahead log: snap itself never leaves either.
package enum IndexFiles {
    private static let journalSuffix = "-journal"
    private static let logSuffixes = ["-wal", "-shm"]

    /// The last bytes of a journal that names a super-journal: the SQLite file format, "The
    /// Rollback Journal".
    private static let superJournalMagic: [UInt8] = [
        0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7,
    ]

    /// Where the header of a database says how it is written, and the value for a rollback journal:
    /// the SQLite file format, "File format version numbers".
    private static let versionOffset = 18
    private static let rollbackVersions: [UInt8] = [1, 1]

    /// Checks what SQLite is to open.
    ///
    /// - Parameters:
    ///   - name: The database's name.
    ///   - directory: The store's directory.
    /// - Returns: The database's length in bytes.
    /// - Throws: `.damaged` if a file is not one that snap leaves; `.notFound`, `.permission` or
    ///   `.inputOutput`.
    static func check(_ name: String, in directory: Directory) throws(SnapError) -> Int {
        let file = try File(reading: name, in: directory)
        let byteCount = try file.status().byteCount
        let versions = try file.read(byteCount: rollbackVersions.count, at: versionOffset)
        guard versions.count < rollbackVersions.count || versions == rollbackVersions else {
            throw SnapError(
                .damaged, "is written with a write-ahead log, expected a rollback journal",
                path: file.path, offset: versionOffset, hint: CheckpointIndex.hint)
        }
        if try haveForeignJournal(name, in: directory) {
            throw SnapError(
                .damaged, "has a journal or a write-ahead log beside it that snap did not write",
                path: file.path, hint: CheckpointIndex.hint)
        }
        return byteCount
    }

    /// Whether a journal or a write-ahead log lies beside a database that snap cannot have left.
    ///
    /// - Parameters:
    ///   - name: The database's name.
    ///   - directory: The store's directory.
    /// - Throws: `.damaged` if one of them is no regular file; `.permission` or `.inputOutput`.
    package static func haveForeignJournal(
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
            // Its writer has ended meanwhile.
            return false
        }
        let magic = superJournalMagic
        let offset = try file.status().byteCount - magic.count
        if offset < 0 { return false }
        return try file.read(byteCount: magic.count, at: offset) == magic
    }

    /// Removes what lies beside a database; the store's lock is held exclusively.
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
