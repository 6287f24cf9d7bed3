import GRDB
package import GuestMemory
package import SnapSystem

// The methods that change the index. Each is one transaction, so it changes everything or nothing.
extension CheckpointIndex {
    /// Adds checkpoints, each of which replaces all rows of the file with its number.
    ///
    /// Leaves the index unchanged on failure.
    ///
    /// - Parameter checkpoints: The checkpoints, as read from their files.
    /// - Throws: `.busy` after the timeout, `.damaged`, `.permission` or `.inputOutput`.
    package func insert(_ checkpoints: [IndexedCheckpoint]) throws(SnapError) {
        try write { database in
            for indexed in checkpoints {
                let checkpoint = indexed.checkpoint
                let guestID = try Self.guestID(checkpoint.guest, database)
                try Self.removeFile(of: guestID, number: checkpoint.number, database)
                try Self.removeRecords(of: guestID, number: checkpoint.number, database)
                try Self.insertFile(
                    indexed.file, of: guestID, number: checkpoint.number, isRetired: false,
                    database)
                try CheckpointColumns.insert(checkpoint, guestID: guestID, database)
                try Self.insertParts(of: indexed, guestID: guestID, database)
            }
        }
    }

    /// Marks files as retired: their checkpoints are deleted, but their pages may be needed.
    ///
    /// Leaves the index unchanged on failure.
    ///
    /// - Parameters:
    ///   - files: The files by their numbers.
    ///   - guest: The guest to which the files belong.
    /// - Throws: As `insert`.
    package func retire(_ files: [Int: IndexedFile], of guest: GuestName) throws(SnapError) {
        try write { database in
            let guestID = try Self.guestID(guest, database)
            for (number, file) in files {
                try Self.removeFile(of: guestID, number: number, database)
                try Self.insertFile(
                    file, of: guestID, number: number, isRetired: true, database)
                try database.execute(
                    sql: "DELETE FROM damaged_checkpoint WHERE guest_id = ? AND number = ?",
                    arguments: [guestID, number])
            }
        }
    }

    /// Records a reclamation of space: which retired files are gone, changed or examined.
    ///
    /// Leaves the index unchanged on failure.
    ///
    /// - Parameters:
    ///   - removed: The numbers of retired files that were unlinked.
    ///   - changed: The retired files that were rewritten or shortened, by their numbers.
    ///   - examined: The numbers of retired files whose dead parts have been freed.
    ///   - found: What the reclamation has found and left; nil if no space was reclaimed.
    ///   - guest: The guest to which the files belong or belonged.
    /// - Throws: As `insert`.
    package func recordReclaimed(
        removed: Set<Int>, changed: [Int: IndexedFile], examined: Set<Int>,
        found: ReclamationRecord? = nil, of guest: GuestName
    ) throws(SnapError) {
        if removed.isEmpty && changed.isEmpty && examined.isEmpty && found == nil { return }
        try write { database in
            let guestID = try Self.guestID(guest, database)
            for number in removed {
                try database.execute(
                    sql: "DELETE FROM file WHERE guest_id = ? AND number = ? AND retired",
                    arguments: [guestID, number])
                try Self.removeRecords(of: guestID, number: number, database)
            }
            for (number, file) in changed {
                try database.execute(
                    sql: """
                        UPDATE file SET generation = ?, byte_count = ?
                        WHERE guest_id = ? AND number = ? AND retired
                        """, arguments: [file.generation, file.byteCount, guestID, number])
            }
            for number in examined {
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO reclaimed_file
                        SELECT guest_id, number FROM file
                        WHERE guest_id = ? AND number = ? AND retired
                        """, arguments: [guestID, number])
            }
            if let found {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO reclamation VALUES (?, ?, ?)",
                    arguments: [
                        guestID, found.time.secondsSinceEpoch, found.unneededByteCount,
                    ])
            }
        }
    }

    static func guestID(_ guest: GuestName, _ database: Database) throws -> Int64 {
        let name = guest.description
        try database.execute(
            sql: "INSERT INTO guest (name) VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
        return try Int64.fetchOne(
            database, sql: "SELECT guest_id FROM guest WHERE name = ?", arguments: [name]) ?? 0
    }

    private static func removeFile(
        of guestID: Int64, number: Int, _ database: Database
    ) throws {
        for table in ["checkpoint", "file"] {
            try database.execute(
                sql: "DELETE FROM \(table) WHERE guest_id = ? AND number = ?",
                arguments: [guestID, number])
        }
    }

    private static func insertFile(
        _ file: IndexedFile, of guestID: Int64, number: Int, isRetired: Bool,
        _ database: Database
    ) throws {
        try database.execute(
            sql: "INSERT INTO file VALUES (?, ?, ?, ?, ?)",
            arguments: [guestID, number, isRetired, file.generation, file.byteCount])
    }

    private static func insertParts(
        of indexed: IndexedCheckpoint, guestID: Int64, _ database: Database
    ) throws {
        let number = indexed.checkpoint.number
        for (position, block) in indexed.ramBlocks.enumerated() {
            try database.execute(
                sql: "INSERT INTO ram_block VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    guestID, number, position, block.name, block.byteCount,
                    block.guestPhysicalAddress.map { Int64(bitPattern: $0) },
                ])
        }
        for (position, section) in indexed.deviceSections.enumerated() {
            try database.execute(
                sql: "INSERT INTO device_section VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    guestID, number, position, section.name, section.instanceID,
                    section.versionID, section.byteCount,
                ])
        }
        for run in indexed.references {
            try database.execute(
                sql: "INSERT INTO reference VALUES (?, ?, ?, ?)",
                arguments: [guestID, number, run.lowerBound, run.upperBound - 1])
        }
    }
}
