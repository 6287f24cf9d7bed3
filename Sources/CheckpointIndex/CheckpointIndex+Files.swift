import GRDB
package import GuestMemory
package import SnapSystem

// A guest's savevm files, live and retired, as far as the index knows them.
extension CheckpointIndex {
    /// Reads the numbers of a guest's checkpoints and of its retired files.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: Both sets of numbers, without numbers that no checkpoint can have.
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

    /// Reads the numbers of the retired files whose dead parts have been freed.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: The numbers, without numbers that no checkpoint can have.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func reclaimed(of guest: GuestName) throws(SnapError) -> Set<Int> {
        try read { database in
            try Set(
                Int.fetchAll(
                    database,
                    sql: """
                        SELECT number FROM reclaimed_file JOIN guest USING (guest_id)
                        WHERE name = ? AND number BETWEEN 1 AND ?
                        """, arguments: [guest.description, Checkpoint.numberMax]))
        }
    }

    /// Reads the descriptions of a guest's savevm files.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: The description of each live or retired file, by its number.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func files(of guest: GuestName) throws(SnapError) -> [Int: IndexedFile] {
        try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT number, generation, byte_count FROM file JOIN guest USING (guest_id)
                    WHERE name = ?
                    """, arguments: [guest.description])
            var files: [Int: IndexedFile] = [:]
            while let row = try rows.next() {
                files[try row.decode(atIndex: 0)] = IndexedFile(
                    generation: try row.decode(atIndex: 1), byteCount: try row.decode(atIndex: 2))
            }
            return files
        }
    }
}
