import GRDB
package import GuestMemory
package import SnapSystem

// Details of one checkpoint that `list` does not print.
extension CheckpointIndex {
    /// Reads the RAM blocks of a checkpoint.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Returns: The blocks, in the checkpoint's order.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func ramBlocks(of checkpoint: Checkpoint) throws(SnapError) -> [RAMBlock] {
        try rows(of: checkpoint, "name, byte_count, guest_physical_address", from: "ram_block") {
            let address: Int64? = try $0.decode(atIndex: 2)
            let block = try RAMBlock(
                name: $0.decode(atIndex: 0), byteCount: $0.decode(atIndex: 1),
                guestPhysicalAddress: address.map { UInt64(bitPattern: $0) })
            return block.isWithinLimits ? block : nil
        }
    }

    /// Reads the device sections of a checkpoint.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Returns: The sections, in the checkpoint's order.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func deviceSections(of checkpoint: Checkpoint) throws(SnapError) -> [DeviceSection] {
        try rows(
            of: checkpoint, "name, instance_id, version_id, byte_count", from: "device_section"
        ) {
            let section = try DeviceSection(
                name: $0.decode(atIndex: 0), instanceID: $0.decode(atIndex: 1),
                versionID: $0.decode(atIndex: 2), byteCount: $0.decode(atIndex: 3))
            return section.isWithinLimits ? section : nil
        }
    }

    /// Reads everything that the index contains about a checkpoint.
    ///
    /// - Parameter checkpoint: A checkpoint of this index.
    /// - Returns: The contents; nil if the checkpoint's file has no row.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func indexed(
        _ checkpoint: Checkpoint
    ) throws(SnapError) -> IndexedCheckpoint? {
        let file = try rows(
            of: checkpoint, "generation, byte_count", from: "file", orderedBy: "number"
        ) {
            let file = try IndexedFile(
                generation: $0.decode(atIndex: 0), byteCount: $0.decode(atIndex: 1))
            return file.isWithinLimits ? file : nil
        }
        let runs = try rows(
            of: checkpoint, "first_number, last_number", from: "reference",
            orderedBy: "first_number"
        ) { try Self.run(first: $0.decode(atIndex: 0), last: $0.decode(atIndex: 1)) }
        guard let file = file.first else { return nil }
        return IndexedCheckpoint(
            checkpoint: checkpoint, ramBlocks: try ramBlocks(of: checkpoint),
            deviceSections: try deviceSections(of: checkpoint),
            references: runs, file: file)
    }

    /// Returns a run of numbers, which is empty if no checkpoint can have one of its bounds.
    private static func run(first: Int, last: Int) -> Range<Int> {
        guard first >= 1, first <= last, last <= Checkpoint.numberMax else { return 0..<0 }
        return first..<last + 1
    }

    /// Reads the rows of a checkpoint from a table.
    ///
    /// - Parameter value: Decodes a row; returns nil if a value exceeds the limits of savevm(5).
    private func rows<Value>(
        of checkpoint: Checkpoint, _ columns: String, from table: String,
        orderedBy order: String = "position", _ value: (Row) throws -> Value?
    ) throws(SnapError) -> [Value] {
        try read { database in
            let guest = "(SELECT guest_id FROM guest WHERE name = ?)"
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT \(columns) FROM \(table)
                    WHERE guest_id = \(guest) AND number = ? ORDER BY \(order)
                    """, arguments: [checkpoint.guest.description, checkpoint.number])
            var values: [Value] = []
            while let row = try rows.next() {
                guard let value = try value(row) else {
                    throw SnapError(
                        .damaged, "a row of table \(table) is malformed", path: path,
                        hint: Self.hint)
                }
                values.append(value)
            }
            return values
        }
    }
}
