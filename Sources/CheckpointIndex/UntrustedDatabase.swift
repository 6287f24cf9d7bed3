import CSQLite
import GRDB

/// The configuration of SQLite for a database that an attacker may have created.
enum UntrustedDatabase {
    /// The lowest limit on the length of a value in bytes, since the schema's own text is a value.
    private static let valueByteCountMin = 1 << 16

    /// Whether SQLite opens files by the given paths, without resolving symbolic links in them.
    private static let opensPathsAsGiven = snap_sqlite_open_paths_as_given() == SQLITE_OK

    /// Configures the library once, before the first database is opened.
    ///
    /// - Throws: `DatabaseError` if that fails.
    static func prepareLibrary() throws {
        guard opensPathsAsGiven else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
    }

    /// Configures a connection before its first statement.
    ///
    /// - Parameters:
    ///   - database: The connection.
    ///   - byteCount: The database's length in bytes, which no value in it can exceed.
    /// - Throws: `DatabaseError` if that fails.
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
