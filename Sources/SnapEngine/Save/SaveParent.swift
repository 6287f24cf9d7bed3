import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The checkpoint that a save shares pages with, and the files through which it does.
struct SaveParent: Sendable {
    /// Its number and id.
    let reference: Reference
    /// Its savevm file.
    let path: FilePath
    /// What became of its pages.
    let counts: PageCounts
    /// Its RAM blocks and their roots.
    let blocks: [StoredBlock]
    /// The files that shared pages may lie in.
    let references: [Reference]
    /// Files to let go of: nothing in them is shared any more.
    let evicted: Set<Int>
    /// The same files, to read from.
    let files: SavevmFiles

    /// Opens a parent.
    ///
    /// - Parameters:
    ///   - checkpoint: Which checkpoint.
    ///   - guest: Its guest's directory.
    /// - Throws: `.damaged`, `.unsupported`, `.permission` or `.inputOutput`.
    init(_ checkpoint: Checkpoint, of guest: GuestDirectory) throws(SnapError) {
        let file = try guest.savevm(of: checkpoint)
        let all = try file.references()
        reference = file.reference
        path = file.path
        counts = file.description.pages
        blocks = try file.blocks()
        files = SavevmFiles(in: guest.directory, all)
        (references, evicted) = try ReferenceLimit.apply(to: all, blocks, files)
    }

    /// The block that a new checkpoint's only block is compared with.
    func block(matching block: RAMBlock) -> StoredBlock? {
        RAMBlock.matches(of: [block], in: blocks.map(\.block))[0].map { blocks[$0] }
    }
}
