import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The checkpoint that a save shares pages with, and the files through which it does.
struct ParentCheckpoint: Sendable {
    /// Its number and id.
    let reference: FileReference
    /// Its savevm file.
    let path: FilePath
    /// Its RAM blocks and their roots.
    let blocks: [StoredBlock]
    /// The files that shared pages may lie in.
    let references: [FileReference]
    /// Evicted files: nothing in them is shared any more.
    let evicted: Set<Int>
    /// All files that the parent refers to, evicted ones too, to read from.
    let files: SavevmFiles

    /// Opens a parent.
    ///
    /// - Parameters:
    ///   - checkpoint: Which checkpoint.
    ///   - guest: Its guest's directory.
    ///   - images: The RAM blocks of the new checkpoint.
    /// - Returns: nil if the new checkpoint has no block that can be compared.
    /// - Throws: `.damaged`, `.unsupported`, `.permission` or `.inputOutput`.
    init?(
        _ checkpoint: Checkpoint, of guest: GuestDirectory, matching images: [RAMBlock]
    ) throws(SnapError) {
        let file = try guest.savevm(of: checkpoint)
        let all = try file.references()
        reference = file.reference
        path = file.path
        blocks = try file.blocks()
        // Before its tables may have to be walked.
        let matches = RAMBlock.matches(of: images, in: blocks.map(\.ram))
        guard matches.contains(where: { $0 != nil }) else { return nil }
        files = SavevmFiles(all, in: guest.files)
        (references, evicted) = try ReferenceLimit.apply(to: all, of: blocks, in: files)
    }

    /// For each block of a new checkpoint the one that it is compared with.
    func blocks(matching images: [RAMBlock]) -> [StoredBlock?] {
        RAMBlock.matches(of: images, in: blocks.map(\.ram)).map { $0.map { blocks[$0] } }
    }
}
