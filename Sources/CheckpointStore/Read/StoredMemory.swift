import GuestMemory
package import SavevmFormat
package import SnapSystem

/// A checkpoint's memory: its RAM blocks one after the other, unit by unit.
package struct StoredMemory: Sendable {
    /// The RAM blocks, in order.
    package let blocks: [StoredBlock]
    /// The files that their pages and tables may lie in.
    package let files: SavevmFiles

    /// Only one of the blocks.
    ///
    /// - Parameter name: The block's name.
    /// - Throws: `.notFound` if none has that name.
    package func block(named name: String) throws(SnapError) -> StoredMemory {
        guard let block = blocks.first(where: { $0.ram.name == name }) else {
            let names = blocks.map { $0.ram.name.isEmpty ? "one without a name" : $0.ram.name }
            throw SnapError(
                .notFound,
                "checkpoint has no RAM block \"\(name)\", it has \(names.joined(separator: ", "))")
        }
        return StoredMemory(blocks: [block], files: files)
    }

    /// The length of the memory in bytes.
    package var byteCount: Int { blocks.reduce(0) { $0 + $1.ram.byteCount } }
}

extension StoredMemory {
    /// All its units, in order.
    package var units: StoredUnitCursor { StoredUnitCursor(blocks) }

    /// Those of its units of which anything is stored, in order.
    package var dataUnits: DataUnitCursor { DataUnitCursor(blocks, files) }
}
