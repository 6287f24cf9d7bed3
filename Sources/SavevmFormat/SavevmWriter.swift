import GuestMemory
package import SnapSystem

/// A writer of a savevm file: the groups in the order of the calls, then all other parts.
///
/// The file has no name until `publish`. If the caller discards the writer before that, no file
/// remains.
package struct SavevmWriter: ~Copyable {
    private let header: FileHeader
    private let pending: PendingFile
    private var offset: Int
    private var writeBackOffset = 0
    private var entries: [GroupEntry] = []

    /// The number of unwritten bytes at which the writer asks the kernel to start writing them.
    ///
    /// The fsync at the end then has little left to write.
    private static let writeBackByteCount = 8 << 20

    /// Creates a writer and starts the file.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: The file's header.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(in directory: Directory, _ header: FileHeader) throws(SnapError) {
        precondition(header.kind == .savevm)
        let pending = try PendingFile(in: directory, for: FileName.savevm(header.number).text)
        try pending.file.write(header.encode(), at: 0)
        self.header = header
        self.pending = pending
        offset = FileHeader.byteCount
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
        guard entries.count < Limits.groupCountMax else {
            throw SnapError(
                .unsupported, "checkpoint has more than \(Limits.groupCountMax) groups",
                path: pending.file.path)
        }
        entries.append(group.entry(at: offset))
        try append(group.head)
        try append(group.clusters)
        if offset - writeBackOffset >= Self.writeBackByteCount {
            try pending.file.startWriteBack(
                from: writeBackOffset, byteCount: offset - writeBackOffset)
            writeBackOffset = offset
        }
        return entries.count - 1
    }

    private mutating func append(_ bytes: [UInt8]) throws(SnapError) {
        try pending.file.write(bytes, at: offset)
        offset += bytes.count
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
        var sections: [Trailer.Extent] = []
        let index = GroupIndex.encode(entries, fileID: header.checkpointID)
        sections.append(
            Trailer.Extent(offset: offset, byteCount: index.count, checksum: .none))
        try append(index)
        try appendSection(StoredBlock.encode(blocks), to: &sections)
        try appendSection(FileReference.encode(references), to: &sections)
        // The length of the description does not depend on the value of this field.
        var description = description
        description.storedByteCount =
            offset + description.encode().count + Trailer.byteCount
            + (description.deviceState?.byteCount ?? 0)
        try appendSection(description.encode(), to: &sections)
        let trailer = Trailer(
            sections: sections, itemCount: entries.count,
            fileByteCount: offset + Trailer.byteCount, checkpointID: header.checkpointID,
            headerChecksum: header.checksum)
        try append(trailer.encode(.savevm))
        let contents = SavevmContents(
            header: header, checkpoint: description, blocks: blocks, references: references,
            generation: trailer.generation, byteCount: trailer.fileByteCount)
        try pending.publish(durablyAs: FileName.savevm(header.number).text)
        return contents
    }

    private mutating func appendSection(
        _ bytes: [UInt8], to sections: inout [Trailer.Extent]
    ) throws(SnapError) {
        sections.append(
            Trailer.Extent(
                offset: offset, byteCount: bytes.count,
                checksum: bytes.withBytes { Hash128(checksumOf: $0) }))
        try append(bytes)
    }
}
