import GRDB
import GuestMemory
import SnapSystem

/// The columns of a checkpoint's row, and their order.
///
/// Columns are read by position, which is several times faster than by name.
enum CheckpointColumns {
    private static let names = [
        "number", "id", "parent_number", "created_at", "label", "memory_byte_count",
        "zero_pages", "unchanged_pages", "duplicate_pages", "delta_pages", "literal_pages",
        "became_zero_pages", "moved_pages", "stored_byte_count", "device_section_count",
        "device_state_byte_count",
    ]

    /// The index of the column with the first of `PageCounts.fields`.
    private static let firstCountIndex = 6

    /// The columns of the row as SQL.
    private static let list = names.joined(separator: ", ")

    /// The first version of the schema with a table of codecs.
    private static let firstVersionWithCodecs = 4

    /// Returns the columns that `checkpoint` decodes as SQL: those of the row, and the codec.
    ///
    /// After them, queries select the guest's name.
    static func selection(_ database: Database) throws -> String {
        guard try Schema.version(database) >= firstVersionWithCodecs else {
            return list + ", '\(CheckpointCodec.zlib.rawValue)'"
        }
        return list + """
            , coalesce(
                (SELECT codec FROM checkpoint_codec
                 WHERE guest_id = checkpoint.guest_id AND number = checkpoint.number),
                '\(CheckpointCodec.zlib.rawValue)')
            """
    }

    /// The minimum length of a row in the database, in bytes: 32 for the id, and one for each other
    /// column.
    static let rowByteCountMin = 32 + names.count

    /// Decodes a row.
    ///
    /// - Parameter row: The columns of `selection`, then the guest's name.
    /// - Returns: The checkpoint; nil if a value has another type or exceeds the limits of
    ///   savevm(5).
    static func checkpoint(_ row: Row) -> Checkpoint? {
        guard let checkpoint = try? decode(row), checkpoint.isWithinLimits else { return nil }
        return checkpoint
    }

    private static func decode(_ row: Row) throws -> Checkpoint? {
        let hex: String = try row.decode(atIndex: 1)
        let name: String = try row.decode(atIndex: names.count + 1)
        let codecName: String = try row.decode(atIndex: names.count)
        guard let id = Identifier(hex: hex), let guest = GuestName(name),
            let codec = CheckpointCodec(rawValue: codecName)
        else { return nil }
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
            deviceStateByteCount: row.decode(atIndex: 15), codec: codec)
    }

    /// Inserts a checkpoint's row.
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
        guard checkpoint.codec != .zlib else { return }
        try database.execute(
            sql: "INSERT INTO checkpoint_codec VALUES (?, ?, ?)",
            arguments: [guestID, checkpoint.number, checkpoint.codec.rawValue])
    }
}
