import GRDB

/// The versions of the index's schema, one file in `schema/` per version.
///
/// The SQL of a shipped file must never change. `PRAGMA user_version` is the version of a database.
package enum Schema {
    /// The contents of the files; version n is at index n - 1. (The build replaces the first digit
    /// of a file's name with an underscore.)
    static let versions = [
        PackageResources._001_initial_sql, PackageResources._002_reclaimed_files_sql,
        PackageResources._003_verification_sql, PackageResources._004_codec_sql,
    ]

    /// The newest version.
    package static var currentVersion: Int { versions.count }

    static func version(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// Whether the schema of a database is exactly that of a version, word for word.
    ///
    /// SQLite executes parts of a schema: a view in place of a table, a trigger, an expression in
    /// an index.
    static func isOwn(_ database: Database, version: Int) throws -> Bool {
        let expected = Set(versions[..<version].flatMap { statements(in: $0) })
        let found = try String?.fetchAll(
            database, sql: "SELECT sql FROM sqlite_schema LIMIT ?",
            // SQLite creates indexes for some tables, which have no SQL text.
            arguments: [2 * expected.count + 1])
        return Set(found.compactMap(\.self)) == expected && found.count <= 2 * expected.count
    }

    /// Returns the statements of a file as SQLite stores them.
    ///
    /// SQLite stores neither the comment lines before a statement nor its semicolon. It does store
    /// comments inside a statement, so these belong to the schema.
    private static func statements(in bytes: [UInt8]) -> [String] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("--") }
        return lines.joined(separator: "\n").split(separator: ";")
            .map { String($0.drop(while: \.isWhitespace)) }.filter { !$0.isEmpty }
    }

    /// Upgrades a database to the newest version, one version at a time.
    static func migrate(_ database: Database) throws {
        for version in try version(database)..<currentVersion {
            let sql = String(decoding: versions[version], as: UTF8.self)
            try database.execute(sql: sql)
            try database.execute(sql: "PRAGMA user_version = \(version + 1)")
        }
    }
}
