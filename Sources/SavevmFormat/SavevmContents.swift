/// The contents of a savevm file, except its groups.
package struct SavevmContents: Sendable {
    /// The file's header.
    package let header: FileHeader
    /// The description of the checkpoint.
    package let checkpoint: CheckpointDescription
    /// The RAM blocks and the roots of their page tables.
    package let blocks: [StoredBlock]
    /// The files that may contain the checkpoint's pages; this file is the last.
    package let references: [FileReference]
    /// How often the file has been rewritten.
    package let generation: Int
    /// The file's length in bytes.
    package let byteCount: Int
}
