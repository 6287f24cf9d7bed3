import GuestMemory
import SnapSystem

/// A savevm file that is being written from its header to its trailer and has no name yet.
struct PendingSavevmFile: ~Copyable {
    private let pending: PendingFile
    private let header: FileHeader
    private let generation: Int
    private var writeBackOffset = 0
    private var entries: [GroupEntry?] = []
    private var sections: [Trailer.Extent] = []
    /// The number of bytes written so far.
    private(set) var offset: Int

    /// The number of unwritten bytes at which the kernel is asked to start writing them.
    ///
    /// The fsync at the end then has little left to write.
    private static let writeBackByteCount = 8 << 20

    /// Starts a file.
    ///
    /// - Parameters:
    ///   - name: The name that the file will get.
    ///   - directory: The guest's directory.
    ///   - header: The file's header.
    ///   - generation: How often the file has been rewritten.
    /// - Throws: `.permission` or `.inputOutput`.
    init(
        _ name: FileName, in directory: Directory, _ header: FileHeader, generation: Int
    ) throws(SnapError) {
        precondition(header.kind == .savevm)
        let pending = try PendingFile(in: directory, for: name.text)
        try pending.file.write(header.encode(), at: 0)
        self.pending = pending
        self.header = header
        self.generation = generation
        offset = FileHeader.byteCount
    }

    /// Appends a group, or an entry without a group.
    ///
    /// - Parameter group: The group; nil for an absent one.
    /// - Returns: The group's number in the file, from 0.
    /// - Throws: `.inputOutput`; `.unsupported` if the file already has the most groups allowed.
    mutating func append(_ group: EncodedGroup?) throws(SnapError) -> Int {
        guard entries.count < Limits.groupCountMax else {
            throw SnapError(
                .unsupported, "checkpoint has more than \(Limits.groupCountMax) groups",
                path: pending.file.path)
        }
        entries.append(group?.entry(at: offset))
        if let group {
            try append(group.head)
            try append(group.clusters)
        }
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

    /// Appends the group index, which is the first section.
    mutating func appendGroupIndex() throws(SnapError) {
        let index = GroupIndex.encode(
            entries, fileID: header.checkpointID, generation: generation)
        sections.append(
            Trailer.Extent(offset: offset, byteCount: index.count, checksum: .none))
        try append(index)
    }

    /// Appends the next section in the order of the trailer.
    mutating func appendSection(_ bytes: [UInt8]) throws(SnapError) {
        sections.append(
            Trailer.Extent(
                offset: offset, byteCount: bytes.count,
                checksum: bytes.withBytes { Hash128(checksumOf: $0) }))
        try append(bytes)
    }

    /// Appends the trailer, which completes the file.
    mutating func appendTrailer() throws(SnapError) {
        let trailer = Trailer(
            sections: sections, itemCount: entries.count, generation: generation,
            fileByteCount: offset + Trailer.byteCount, checkpointID: header.checkpointID,
            headerChecksum: header.checksum)
        try append(trailer.encode(.savevm))
    }

    /// Makes the file durable and gives it a name that does not exist yet, durably.
    ///
    /// On failure, the file does not exist.
    consuming func publish(as name: FileName) throws(SnapError) {
        try pending.publish(durablyAs: name.text)
    }

    /// Makes the file durable, and replaces the file that has a name.
    ///
    /// The name is durable after `Directory.synchronize`. On failure, the old file is unchanged.
    consuming func publish(replacing name: FileName) throws(SnapError) {
        try pending.file.synchronize()
        try pending.publish(replacing: name.text)
    }
}
