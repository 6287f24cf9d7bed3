import GuestMemory
import SavevmFormat
import SnapSystem

/// A checkpoint's memory: its RAM blocks one after the other, unit by unit.
struct StoredMemory: Sendable {
    let blocks: [StoredBlock]
    let files: SavevmFiles

    /// Only one of the blocks.
    ///
    /// - Parameter name: The block's name.
    /// - Throws: `.notFound` if there is none of that name.
    func block(named name: String) throws(SnapError) -> StoredMemory {
        guard let block = blocks.first(where: { $0.block.name == name }) else {
            let names = blocks.map { $0.block.name.isEmpty ? "one without a name" : $0.block.name }
            throw SnapError(
                .notFound,
                "checkpoint has no RAM block \"\(name)\", it has \(names.joined(separator: ", "))")
        }
        return StoredMemory(blocks: [block], files: files)
    }

    /// The length of the memory in bytes.
    var byteCount: Int { blocks.reduce(0) { $0 + $1.block.byteCount } }
}
