import GuestMemory
package import SnapSystem

/// A writer of a savevm file: the groups in the order of the calls, then all other parts.
///
/// The file has no name until `publish`. If the caller discards the writer before that, no file
/// remains.
package struct SavevmWriter: ~Copyable {
    private let header: FileHeader
    private var file: PendingSavevmFile

    /// Creates a writer and starts the file.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: The file's header.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(in directory: Directory, _ header: FileHeader) throws(SnapError) {
        file = try PendingSavevmFile(
            .savevm(header.number), in: directory, header, generation: 0)
        self.header = header
    }

    /// The number of the file's checkpoint.
    package var number: Int { header.number }

    /// Appends a group.
    ///
    /// After a failure, the caller must discard the writer.
    ///
    /// - Parameter group: The group.
    /// - Returns: The group's number in the file, from 0.
    /// - Throws: `.inputOutput`; `.unsupported` if the file already has the most groups allowed.
    package mutating func append(_ group: EncodedGroup) throws(SnapError) -> Int {
        try file.append(group)
    }

    /// Completes the file, makes it durable and gives it its name, which is the commit point.
    ///
    /// On failure, the file does not exist.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks and the roots of their page tables.
    ///   - references: The files that may contain the blocks' pages; this file is the last.
    ///   - description: The description of the checkpoint. The writer sets its `storedByteCount`.
    /// - Returns: The contents of the file, except its groups.
    /// - Throws: `.cannotCreate` if the number is taken; `.inputOutput` or `.permission`.
    package consuming func publish(
        blocks: [StoredBlock], references: [FileReference], description: CheckpointDescription
    ) throws(SnapError) -> SavevmContents {
        precondition(references.count <= Limits.referenceCountMax)
        try file.appendGroupIndex()
        try file.appendSection(StoredBlock.encode(blocks))
        try file.appendSection(FileReference.encode(references))
        // The length of the description does not depend on the value of this field.
        var description = description
        description.storedByteCount =
            file.offset + description.encode().count + Trailer.byteCount
            + (description.deviceState?.byteCount ?? 0)
        try file.appendSection(description.encode())
        try file.appendTrailer()
        let contents = SavevmContents(
            header: header, checkpoint: description, blocks: blocks, references: references,
            generation: 0, byteCount: file.offset)
        try file.publish(as: .savevm(header.number))
        return contents
    }
}
