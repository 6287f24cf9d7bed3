import CSQLite
import GRDB

/// How SQLite treats a database that may be an attacker's.
enum UntrustedDatabase {
    /// The least that a value may have, in bytes: the schema's own text is one.
    private static let valueByteCountMin = 1 << 16

    /// Whether files are opened by the paths that are given, without a look at links in them.
    private static let opensPathsAsGiven = snap_sqlite_open_paths_as_given() == SQLITE_OK

    /// Prepares the library, once, before the first database is opened.
    ///
    /// - Throws: If it cannot be prepared.
    static func prepareLibrary() throws {
        guard opensPathsAsGiven else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
    }

    /// Prepares a connection before its first statement.
    ///
    /// - Parameters:
    ///   - database: The connection.
    ///   - byteCount: The database's length in bytes: no value of it has more.
    /// - Throws: If SQLite refuses.
    static func prepare(_ database: Database, byteCount: Int) throws {
        let connection = unsafe database.sqliteConnection
        guard unsafe snap_sqlite_defend(connection) == SQLITE_OK else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE)
        }
        let valueByteCountMax = Int32(clamping: max(valueByteCountMin, byteCount))
        _ = unsafe sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, valueByteCountMax)
        _ = unsafe sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0)
        try database.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
    }
}
