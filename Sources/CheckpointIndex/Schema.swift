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

    /// Brings a database to the newest version, step by step.
    static func migrate(_ database: Database) throws {
        for version in try version(database)..<currentVersion {
            let sql = String(decoding: versions[version], as: UTF8.self)
            try database.execute(sql: sql)
            try database.execute(sql: "PRAGMA user_version = \(version + 1)")
        }
    }
}
