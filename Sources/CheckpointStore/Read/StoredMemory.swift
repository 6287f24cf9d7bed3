import GuestMemory
package import SavevmFormat
package import SnapSystem

/// A checkpoint's memory: its RAM blocks one after another, divided into units.
package struct StoredMemory: Sendable {
    /// The RAM blocks, in the order of the block table.
    package let blocks: [StoredBlock]
    /// The files that the blocks' pages and tables can lie in.
    package let files: SavevmFiles

    /// Selects one of the RAM blocks.
    ///
    /// - Parameter name: The block's name.
    /// - Returns: The memory of this block alone.
    /// - Throws: `.notFound` if no block has that name.
    package func block(named name: String) throws(SnapError) -> StoredMemory {
        guard let block = blocks.first(where: { $0.ram.name == name }) else {
            let names = blocks.map { $0.ram.name.isEmpty ? "one without a name" : $0.ram.name }
            throw SnapError(
                .notFound,
                "RAM block \"\(name)\" does not exist, expected one of "
                    + names.joined(separator: ", ")
            )
        }
        return StoredMemory(blocks: [block], files: files)
    }

    /// The length of the memory in bytes.
    package var byteCount: Int { blocks.reduce(0) { $0 + $1.ram.byteCount } }
}

extension StoredMemory {
    /// A cursor over all units, in order.
    package var units: StoredUnitCursor { StoredUnitCursor(blocks) }

    /// A cursor over the units that have a stored page, in order.
    package var dataUnits: DataUnitCursor { DataUnitCursor(blocks, files) }
}
