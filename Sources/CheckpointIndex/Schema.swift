import GRDB

/// The versions of the index's schema: one file of `schema/` each, never edited once shipped.
///
/// `PRAGMA user_version` tells which of them a database has been through.
package enum Schema {
    /// The files' contents; version n is at index n - 1. (The build turns the first digit of a
    /// file's name into an underscore.)
    static let versions = [PackageResources._001_initial_sql]

    /// The newest version.
    package static var currentVersion: Int { versions.count }

    static func version(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// Whether a database has the tables of a version, and nothing else, word for word.
    ///
    /// SQLite runs what a schema says: a view in a table's place, a trigger, an expression of an
    /// index.
    static func isOwn(_ database: Database, version: Int) throws -> Bool {
        let expected = Set(versions[..<version].flatMap { statements(in: $0) })
        let found = try String?.fetchAll(
            database, sql: "SELECT sql FROM sqlite_schema LIMIT ?",
            // Some tables have an index without a text.
            arguments: [2 * expected.count + 1])
        return Set(found.compactMap(\.self)) == expected && found.count <= 2 * expected.count
    }

    /// The statements that make tables and indexes, as SQLite keeps them: without what stands
    /// before them, and without their semicolons.
    private static func statements(in bytes: [UInt8]) -> [String] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("--") }
        return lines.joined(separator: "\n").split(separator: ";")
            .map { String($0.drop(while: \.isWhitespace)) }.filter { !$0.isEmpty }
    }

    /// Brings a database to the newest version, step by step.
    static func migrate(_ database: Database) throws {
        for version in try version(database)..<currentVersion {
            let sql = String(decoding: versions[version], as: UTF8.self)
            try database.execute(sql: sql)
            try database.execute(sql: "PRAGMA user_version = \(version + 1)")
        }
    }
}
