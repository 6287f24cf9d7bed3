import GuestMemory
package import SnapSystem

/// Writes a savevm file: groups as they come, then everything that makes it whole.
///
/// Until `publish` the file has no name; an abandoned writer leaves nothing.
package struct SavevmWriter: ~Copyable {
    private let header: FileHeader
    private let pending: PendingFile
    private var offset: Int
    private var writeBackOffset = 0
    private var entries: [GroupEntry] = []

    /// How many bytes may wait in memory before the kernel is asked to begin writing them, so
    /// that the fsync at the end finds little left.
    private static let writeBackByteCount = 8 << 20

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: What the file is and whose.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(in directory: Directory, _ header: FileHeader) throws(SnapError) {
        precondition(header.kind == .savevm)
        let pending = try PendingFile(in: directory, for: FileName.savevm(header.number).text)
        try pending.file.write(header.encode(), at: 0)
        self.header = header
        self.pending = pending
        offset = FileHeader.byteCount
    }

    /// The number of the checkpoint that the file is for.
    package var number: Int { header.number }

    /// Appends a group.
    ///
    /// On failure the writer must be abandoned.
    ///
    /// - Parameter group: The group.
    /// - Returns: Its number in the file.
    /// - Throws: `.inputOutput`, or `.unsupported` past the limit on groups.
    package mutating func append(_ group: EncodedGroup) throws(SnapError) -> Int {
        guard entries.count < Limits.groupCountMax else {
            throw SnapError(
                .unsupported, "more than \(Limits.groupCountMax) groups in one checkpoint",
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

    /// Completes the file, makes it durable and gives it its name: the commit point.
    ///
    /// On failure the file is gone.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks and their roots.
    ///   - references: The files that their pages may lie in, this one last.
    ///   - description: What else there is to say; the stored bytes are filled in here.
    /// - Returns: What the file says.
    /// - Throws: `.cannotCreate` if the number is taken, `.inputOutput` or `.permission`.
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
        // The description's length does not depend on the number that is filled in.
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
