import GRDB
import GuestMemory
import SnapSystem

/// How a checkpoint stands in its row: the one place that knows the order of the columns.
///
/// Columns are read by position, which is several times faster than by name.
enum CheckpointColumns {
    private static let names = [
        "number", "id", "parent_number", "created_at", "label", "memory_byte_count",
        "zero_pages", "unchanged_pages", "duplicate_pages", "delta_pages", "literal_pages",
        "became_zero_pages", "moved_pages", "stored_byte_count", "device_section_count",
        "device_state_byte_count",
    ]

    /// No count of a checkpoint comes near it, and sums of several still fit 63 bits.
    private static let countMax = 1 << 58

    /// The columns as SQL; the guest's name is selected behind them.
    static let list = names.joined(separator: ", ")

    /// Reads a row; nil if the guest's name or the id is malformed.
    ///
    /// A value of another type, which only a damaged database has, is an error and no trap.
    static func checkpoint(_ row: Row) throws -> Checkpoint? {
        let hex: String = try row.decode(atIndex: 1)
        let name: String = try row.decode(atIndex: names.count)
        guard let id = Identifier(hex: hex), let guest = GuestName(name) else { return nil }
        var pages = PageCounts()
        pages.zero = try row.decode(atIndex: 6)
        pages.unchanged = try row.decode(atIndex: 7)
        pages.duplicate = try row.decode(atIndex: 8)
        pages.delta = try row.decode(atIndex: 9)
        pages.literal = try row.decode(atIndex: 10)
        pages.becameZero = try row.decode(atIndex: 11)
        pages.moved = try row.decode(atIndex: 12)
        let counts = [
            pages.zero, pages.unchanged, pages.duplicate, pages.delta, pages.literal,
            pages.becameZero, pages.moved,
        ]
        let byteCounts: [Int] = [
            try row.decode(atIndex: 5), try row.decode(atIndex: 13), try row.decode(atIndex: 15),
        ]
        guard (counts + byteCounts).allSatisfy({ (0...countMax).contains($0) }) else { return nil }
        return try Checkpoint(
            guest: guest, number: row.decode(atIndex: 0), id: id, parent: row.decode(atIndex: 2),
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
        let values: [(any DatabaseValueConvertible)?] = [
            checkpoint.number, checkpoint.id.hex, checkpoint.parent,
            checkpoint.createdAt.secondsSinceEpoch, checkpoint.label, checkpoint.memoryByteCount,
            pages.zero, pages.unchanged, pages.duplicate, pages.delta, pages.literal,
            pages.becameZero, pages.moved, checkpoint.storedByteCount,
            checkpoint.deviceSectionCount, checkpoint.deviceStateByteCount, guestID,
        ]
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        try database.execute(
            sql: "INSERT INTO checkpoint (\(list), guest_id) VALUES (\(marks))",
            arguments: StatementArguments(values))
    }
}
