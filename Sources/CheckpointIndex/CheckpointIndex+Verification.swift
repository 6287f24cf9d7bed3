import GRDB
package import GuestMemory
package import SnapSystem

// The records of verifications. An index of an older schema has none.
extension CheckpointIndex {
    /// The version of the schema that introduced the records.
    private static let firstVersion = 3
    /// The numbers that stand in the place of a group's for parts without slots.
    private static let savevmGroup = -1
    private static let deviceStateGroup = -2
    private static let sectionsGroup = -3

    /// Reads the records of a guest's verifications.
    ///
    /// Skips malformed rows: at worst, something is verified again.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: The records.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func verificationRecords(
        of guest: GuestName
    ) throws(SnapError) -> VerificationRecords {
        var records = try damageRecords(of: guest)
        records.files = try read { database in
            var files: [Int: VerifiedFile] = [:]
            guard try Self.hasRecords(database) else { return files }
            try Self.forEachRow(
                of: guest, "number, generation, verified_at, resume_group", from: "verified_file",
                in: database
            ) { number, row in
                files[number] = try VerifiedFile(
                    generation: row.decode(atIndex: 1),
                    verifiedAt: (row.decode(atIndex: 2) as Int?).map {
                        Timestamp(secondsSinceEpoch: $0)
                    }, resumeGroup: max(0, row.decode(atIndex: 3)))
            }
            return files
        }
        return records
    }

    /// Reads the records of a guest's damage, which are usually few.
    ///
    /// - Parameter guest: The guest's name.
    /// - Returns: The records, without files that were verified.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func damageRecords(of guest: GuestName) throws(SnapError) -> VerificationRecords {
        try read { database in
            var records = VerificationRecords()
            guard try Self.hasRecords(database) else { return records }
            try Self.forEachRow(
                of: guest,
                "number, group_number, first_slot, last_slot, found_at, message, byte_offset",
                from: "damaged_part", in: database
            ) { number, row in
                if let record = try Self.damage(number, row) { records.damage.append(record) }
            }
            try Self.forEachRow(
                of: guest, "number", from: "damaged_checkpoint", in: database
            ) { number, _ in records.damagedCheckpoints.insert(number)
            }
            return records
        }
    }

    static func hasRecords(_ database: Database) throws -> Bool {
        try Schema.version(database) >= firstVersion
    }

    /// Calls a closure with the rows of a guest whose number a checkpoint can have.
    private static func forEachRow(
        of guest: GuestName, _ columns: String, from table: String, in database: Database,
        _ body: (Int, Row) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT \(columns) FROM \(table) JOIN guest USING (guest_id) WHERE name = ?",
            arguments: [guest.description])
        while let row = try rows.next() {
            do {
                let number: Int = try row.decode(atIndex: 0)
                if (1...Checkpoint.numberMax).contains(number) { try body(number, row) }
            } catch is RowDecodingError {
                continue
            }
        }
    }

    private static func damage(_ number: Int, _ row: Row) throws -> DamageRecord? {
        let group: Int = try row.decode(atIndex: 1)
        let first: Int = try row.decode(atIndex: 2)
        let last: Int = try row.decode(atIndex: 3)
        let slots = 0..<Unit.pageCount
        guard slots.contains(first), slots.contains(last), first <= last else { return nil }
        let part: DamagedPart
        switch group {
        case savevmGroup: part = .savevm(number)
        case deviceStateGroup: part = .deviceState(number)
        case sectionsGroup: part = .sections(number)
        case 0...Int(Int32.max):
            part =
                first..<last + 1 == slots
                ? .group(group, number: number)
                : .cluster(first..<last + 1, group: group, number: number)
        default: return nil
        }
        let message: String = try row.decode(atIndex: 5)
        return try DamageRecord(
            part: part, foundAt: Timestamp(secondsSinceEpoch: row.decode(atIndex: 4)),
            message: String(message.prefix(Checkpoint.textByteCountMax)),
            offset: row.decode(atIndex: 6))
    }

    /// Replaces records of a guest's verifications.
    ///
    /// Leaves the index unchanged on failure.
    ///
    /// - Parameters:
    ///   - records: The new records. All damage is replaced; of the files and checkpoints, only
    ///     those that were examined.
    ///   - examined: The numbers of the checkpoints that were examined; nil for all of the guest.
    ///   - guest: The guest's name.
    /// - Throws: `.busy` after the timeout, `.damaged`, `.permission` or `.inputOutput`.
    package func record(
        _ records: VerificationRecords, examined: Set<Int>? = nil, of guest: GuestName
    ) throws(SnapError) {
        try write { database in
            let guestID = try Self.guestID(guest, database)
            for (number, file) in records.files {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO verified_file VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        guestID, number, file.generation, file.verifiedAt?.secondsSinceEpoch,
                        file.resumeGroup,
                    ])
            }
            try database.execute(
                sql: "DELETE FROM damaged_part WHERE guest_id = ?", arguments: [guestID])
            for record in records.damage { try Self.insert(record, of: guestID, database) }
            if let examined {
                for number in examined {
                    try database.execute(
                        sql: "DELETE FROM damaged_checkpoint WHERE guest_id = ? AND number = ?",
                        arguments: [guestID, number])
                }
            } else {
                try database.execute(
                    sql: "DELETE FROM damaged_checkpoint WHERE guest_id = ?",
                    arguments: [guestID])
            }
            for number in records.damagedCheckpoints {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO damaged_checkpoint VALUES (?, ?)",
                    arguments: [guestID, number])
            }
        }
    }

    private static func insert(
        _ record: DamageRecord, of guestID: Int64, _ database: Database
    ) throws {
        let group =
            switch record.part {
            case .savevm: savevmGroup
            case .deviceState: deviceStateGroup
            case .sections: sectionsGroup
            case .group(let group, _), .cluster(_, let group, _): group
            }
        let slots = record.part.slots ?? 0..<Unit.pageCount
        try database.execute(
            sql: "INSERT OR REPLACE INTO damaged_part VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                guestID, record.part.number, group, slots.lowerBound, slots.upperBound - 1,
                record.foundAt.secondsSinceEpoch, record.message, record.offset,
            ])
    }

    /// Deletes the records of files that do not exist any more.
    static func removeRecords(
        of guestID: Int64, number: Int, _ database: Database
    ) throws {
        for table in ["verified_file", "damaged_part", "damaged_checkpoint"] {
            try database.execute(
                sql: "DELETE FROM \(table) WHERE guest_id = ? AND number = ?",
                arguments: [guestID, number])
        }
    }
}
