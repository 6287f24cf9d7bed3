import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The checkpoint with which a save shares pages, and the files that contain these pages.
struct ParentCheckpoint: Sendable {
    /// The parent's number and id.
    let reference: FileReference
    /// The path of the parent's savevm file, for messages.
    let path: FilePath
    /// The parent's RAM blocks and their roots.
    let blocks: [StoredBlock]
    /// The files to which the new checkpoint will refer, in addition to its own file.
    let references: [FileReference]
    /// The damaged parts of the guest's files that verifications have recorded.
    let damaged: StoredParts
    /// The parts from which the new checkpoint shares no pages: damaged ones, and evicted files.
    let unshared: StoredParts
    /// Whether all pages are examined, even those that a dirty bitmap marks as clean.
    var examinesAll: Bool
    /// All files to which the parent refers, including the evicted ones, for reading.
    let files: SavevmFiles

    /// Opens a parent; nil if none of its RAM blocks matches a block of the new checkpoint.
    ///
    /// - Parameters:
    ///   - checkpoint: The parent, as the index describes it.
    ///   - guest: The guest's directory.
    ///   - images: The RAM blocks of the new checkpoint.
    ///   - listing: The guest's files.
    ///   - damage: The damaged parts of the guest's files that are recorded.
    /// - Throws: `.damaged`, `.unsupported`, `.permission`, `.inputOutput` or `.interrupted`.
    init?(
        _ checkpoint: Checkpoint, of guest: GuestDirectory, matching images: [RAMBlock],
        among listing: GuestListing, damage: [DamagedPart]
    ) throws(SnapError) {
        let file = try guest.savevm(of: checkpoint)
        let all = try file.references()
        reference = file.reference
        path = file.path
        blocks = try file.blocks()
        // Checked first, because the reference limit may require a walk over all tables.
        let matches = RAMBlock.matches(of: images, in: blocks.map(\.ram))
        guard matches.contains(where: { $0 != nil }) else { return nil }
        files = SavevmFiles(all, in: guest.files)
        let limited = try ReferenceLimit.apply(
            to: all, of: blocks, in: files, existing: listing.savevm.union(listing.retired))
        references = limited.references
        damaged = StoredParts(damage)
        unshared = StoredParts(damage, files: limited.evicted)
        // What cannot be shared is stored again, whether it is clean or not.
        examinesAll = !unshared.isEmpty
    }

    /// Returns the parent's block to compare with each block of a new checkpoint, or nil.
    func blocks(matching images: [RAMBlock]) -> [StoredBlock?] {
        RAMBlock.matches(of: images, in: blocks.map(\.ram)).map { $0.map { blocks[$0] } }
    }
}
