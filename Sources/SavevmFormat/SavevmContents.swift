/// What a savevm file says of its checkpoint, besides its groups.
package struct SavevmContents: Sendable {
    /// What the file is and whose.
    package let header: FileHeader
    /// What it says of its checkpoint.
    package let checkpoint: CheckpointDescription
    /// The RAM blocks and their roots.
    package let blocks: [StoredBlock]
    /// The files that pages may lie in, this one last.
    package let references: [FileReference]
    /// How often the file has been rewritten.
    package let generation: Int
    /// The file's length in bytes.
    package let byteCount: Int
}
