import GRDB
package import GuestMemory
package import SnapSystem

extension CheckpointIndex {
    /// What the index knows about a guest as a whole.
    package struct GuestSummary: Sendable, Equatable {
        /// The guest's name.
        package var name: GuestName
        /// The number of its checkpoints.
        package var checkpointCount = 0
        /// The time of the oldest verification of one of its files; nil if none was verified.
        package var oldestVerification: Timestamp?
        /// The number of its savevm files, live or retired, that were never verified completely.
        package var unverifiedFileCount = 0
        /// Whether damage of its files is recorded.
        package var hasDamage = false
        /// What the last reclamation of space found and left; nil without one.
        package var reclamation: ReclamationRecord?
    }

    /// Summarizes all guests without reading each checkpoint's row into memory.
    ///
    /// - Returns: The summaries, ordered by name.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func guestSummaries() throws(SnapError) -> [GuestSummary] {
        try read { database in
            var summaries: [GuestName: GuestSummary] = [:]
            try Self.forEachGuest(
                "SELECT name, COUNT(number) FROM guest LEFT JOIN checkpoint USING (guest_id)",
                in: database
            ) { guest, row in
                summaries[guest] = GuestSummary(
                    name: guest, checkpointCount: try row.decode(atIndex: 1))
            }
            guard try Self.hasRecords(database) else { return Self.sorted(summaries) }
            try Self.forEachGuest(
                """
                SELECT name, MIN(v.verified_at),
                    SUM(v.verified_at IS NULL OR v.generation <> f.generation)
                FROM guest JOIN file AS f USING (guest_id)
                    LEFT JOIN verified_file AS v USING (guest_id, number)
                """, in: database
            ) { guest, row in
                summaries[guest]?.oldestVerification = try (row.decode(atIndex: 1) as Int?)
                    .map { Timestamp(secondsSinceEpoch: $0) }
                summaries[guest]?.unverifiedFileCount = try row.decode(atIndex: 2)
            }
            try Self.forEachGuest(
                "SELECT name, walked_at, unneeded_byte_count FROM guest JOIN reclamation "
                    + "USING (guest_id)", in: database
            ) { guest, row in
                summaries[guest]?.reclamation = try ReclamationRecord(
                    time: Timestamp(secondsSinceEpoch: row.decode(atIndex: 1)),
                    unneededByteCount: max(0, row.decode(atIndex: 2)))
            }
            try Self.forEachGuest(
                """
                SELECT name FROM guest WHERE guest_id IN (
                    SELECT guest_id FROM damaged_part
                    UNION SELECT guest_id FROM damaged_checkpoint)
                """, in: database
            ) { guest, _ in summaries[guest]?.hasDamage = true }
            return Self.sorted(summaries)
        }
    }

    private static func sorted(_ summaries: [GuestName: GuestSummary]) -> [GuestSummary] {
        summaries.values.sorted { $0.name < $1.name }
    }

    /// Calls a closure with one row for each guest with a valid name; skips malformed rows.
    private static func forEachGuest(
        _ query: String, in database: Database, _ body: (GuestName, Row) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(database, sql: query + " GROUP BY guest_id")
        while let row = try rows.next() {
            do {
                if let guest = GuestName(try row.decode(atIndex: 0) as String) {
                    try body(guest, row)
                }
            } catch is RowDecodingError {
                continue
            }
        }
    }
}
