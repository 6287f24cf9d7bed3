import GRDB
import GuestMemory
import SnapSystem

/// How a checkpoint stands in its row, and in which order its columns are.
///
/// Columns are read by position, which is several times faster than by name.
enum CheckpointColumns {
    private static let names = [
        "number", "id", "parent_number", "created_at", "label", "memory_byte_count",
        "zero_pages", "unchanged_pages", "duplicate_pages", "delta_pages", "literal_pages",
        "became_zero_pages", "moved_pages", "stored_byte_count", "device_section_count",
        "device_state_byte_count",
    ]

    /// Where the counts of `PageCounts.fields` begin among the columns.
    private static let firstCountIndex = 6

    /// The columns as SQL; the guest's name is selected behind them.
    static let list = names.joined(separator: ", ")

    /// The least that a row has in the database, in bytes: an id of 32, and a byte for each other
    /// column.
    static let rowByteCountMin = 32 + names.count

    /// Reads a row; nil if it is not one of a checkpoint: a value is of another type, or beyond
    /// the limits of savevm(5).
    static func checkpoint(_ row: Row) -> Checkpoint? {
        guard let checkpoint = try? decode(row), checkpoint.isWithinLimits else { return nil }
        return checkpoint
    }

    private static func decode(_ row: Row) throws -> Checkpoint? {
        let hex: String = try row.decode(atIndex: 1)
        let name: String = try row.decode(atIndex: names.count)
        guard let id = Identifier(hex: hex), let guest = GuestName(name) else { return nil }
        var pages = PageCounts()
        for (index, field) in PageCounts.fields.enumerated() {
            pages[keyPath: field] = try row.decode(atIndex: firstCountIndex + index)
        }
        return try Checkpoint(
            guest: guest, number: row.decode(atIndex: 0), id: id,
            parentNumber: row.decode(atIndex: 2),
            createdAt: Timestamp(secondsSinceEpoch: row.decode(atIndex: 3)),
            label: row.decode(atIndex: 4),
            memoryByteCount: row.decode(atIndex: 5), pages: pages,
            storedByteCount: row.decode(atIndex: 13),
            deviceSectionCount: row.decode(atIndex: 14),
            deviceStateByteCount: row.decode(atIndex: 15))
    }

    /// Writes a row.
    static func insert(_ checkpoint: Checkpoint, guestID: Int64, _ database: Database) throws {
        let pages = checkpoint.pages
        var values: [(any DatabaseValueConvertible)?] = [
            checkpoint.number, checkpoint.id.hex, checkpoint.parentNumber,
            checkpoint.createdAt.secondsSinceEpoch, checkpoint.label, checkpoint.memoryByteCount,
        ]
        values += PageCounts.fields.map { pages[keyPath: $0] }
        values += [
            checkpoint.storedByteCount, checkpoint.deviceSectionCount,
            checkpoint.deviceStateByteCount, guestID,
        ]
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        try database.execute(
            sql: "INSERT INTO checkpoint (\(list), guest_id) VALUES (\(marks))",
            arguments: StatementArguments(values))
    }
}
