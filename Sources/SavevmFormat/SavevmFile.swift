// SavevmFormat
//
// The files of a store, byte by byte, as savevm(5) describes them. It imports Codecs and
// GuestMemory, and knows neither index nor stream. Start here; the folders are the parts of a file:
// Envelope (its two ends and its sections), Groups (pages as they are stored), Tables (page
// tables), Pages (reading stored pages), DeviceState (the other kind of file).

package import Codecs
import GuestMemory
package import SnapSystem
import Synchronization
package import SystemPackage

/// A whole savevm file, open for reading.
///
/// Opening it checks header, trailer and description; each other part is checked as it is read.
package final class SavevmFile: Sendable {
    /// What the file is and whose.
    package let header: FileHeader
    /// What it says of its checkpoint.
    package let checkpoint: CheckpointDescription
    private let file: EnvelopedFile
    /// The part of the group index that was used last: groups are mostly asked for in order.
    private let lastIndexChunk = Mutex<(block: Int, entries: [GroupEntry?])>((-1, []))

    /// Opens a file and checks that it is whole.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The guest's directory.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the place; `.unsupported`.
    init(_ name: FileName, in directory: Directory) throws(SnapError) {
        file = try EnvelopedFile(name, in: directory, .savevm)
        header = file.header
        var reader = try file.reader(of: .description)
        checkpoint = try CheckpointDescription.decode(&reader)
        let index = file.trailer[.groupIndex]
        let expected = GroupIndex.byteCount(groupCount: file.trailer.itemCount)
        guard index.byteCount == expected else {
            throw SnapError(
                .damaged, "group index has \(index.byteCount) bytes, expected \(expected)",
                path: file.path, offset: index.offset)
        }
    }

    /// The file's path.
    package var path: FilePath { file.path }

    /// The file's number and id.
    package var reference: FileReference {
        FileReference(number: header.number, id: header.checkpointID)
    }

    /// The file's length in bytes.
    package var byteCount: Int { file.trailer.fileByteCount }

    /// How often the file has been rewritten.
    package var generation: Int { file.trailer.generation }

    /// Reads the RAM blocks and their roots.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func blocks() throws(SnapError) -> [StoredBlock] {
        var reader = try file.reader(of: .blockTable)
        return try StoredBlock.decode(&reader, number: header.number)
    }

    /// Reads the files that the checkpoint's pages may lie in, this one last.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func references() throws(SnapError) -> [FileReference] {
        var reader = try file.reader(of: .references)
        return try FileReference.decode(&reader, last: reference)
    }

    /// Reads all that it says of its checkpoint, besides its groups.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func contents() throws(SnapError) -> SavevmContents {
        SavevmContents(
            header: header, checkpoint: checkpoint, blocks: try blocks(),
            references: try references(), generation: generation, byteCount: byteCount)
    }

    /// Reads where a group stands.
    ///
    /// - Parameter group: The group's number.
    /// - Throws: `.damaged` if there is no such group, or its entry is.
    package func entry(ofGroup group: Int) throws(SnapError) -> GroupEntry {
        let index = file.trailer[.groupIndex]
        guard group < file.trailer.itemCount else {
            throw damage(
                "group \(group) is pointed to, the file has \(file.trailer.itemCount)",
                at: index.offset)
        }
        let block = group / GroupIndex.entriesPerBlock
        let offset = index.offset + block * GroupIndex.blockByteCount
        var entries: [GroupEntry?] = []
        lastIndexChunk.withLock { if $0.block == block { entries = $0.entries } }
        if entries.isEmpty {
            let bytes = try file.read(
                byteCount: min(
                    GroupIndex.blockByteCount, index.offset + index.byteCount - offset),
                at: offset, "group index block")
            entries = try GroupIndex.decode(
                bytes, block: block, at: offset, file.trailer, path: path)
            lastIndexChunk.withLock { $0 = (block, entries) }
        }
        guard let entry = entries[group % GroupIndex.entriesPerBlock] else {
            throw damage("group \(group) is pointed to and absent", at: offset)
        }
        return entry
    }

    /// Reads a group's head.
    ///
    /// - Parameters:
    ///   - entry: Where the group stands.
    ///   - level: The level that its pages must have.
    /// - Throws: `.damaged`, `.unsupported` or `.inputOutput`.
    package func head(_ entry: GroupEntry, level: Int) throws(SnapError) -> GroupHead {
        guard entry.level == level else {
            throw damage("group has level \(entry.level), expected \(level)", at: entry.offset)
        }
        let bytes = try file.read(
            byteCount: entry.headByteCount, at: entry.offset, "group head")
        try ByteReader(bytes, path: path, startOffset: entry.offset)
            .check(entry.headChecksum, "group head")
        let head = try GroupHead(
            bytes, path: path, offset: entry.offset, clusterByteCount: entry.clusterByteCount)
        guard head.level == level else {
            throw damage("group head has level \(head.level), expected \(level)", at: entry.offset)
        }
        return head
    }

    /// Reads a cluster and inflates it.
    ///
    /// - Parameters:
    ///   - cluster: Which one.
    ///   - entry: Where its group stands.
    ///   - target: Where its encoded bytes go: exactly as long.
    ///   - scratch: Room for its stored bytes, at least `Limits.clusterByteCountMax`.
    ///   - decompressor: What decodes it.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func inflate(
        _ cluster: Cluster, of entry: GroupEntry, into target: inout MutableRawSpan,
        scratch: inout MemoryBuffer, by decompressor: borrowing Decompressor
    ) throws(SnapError) {
        let offset = try readStored(cluster, of: entry, into: &scratch)
        try scratch.withBytes(0..<cluster.storedByteCount) { (stored) throws(SnapError) in
            guard decompressor.decode(stored, cluster.codec, into: &target) else {
                throw damage(
                    "cluster is no zlib stream of \(cluster.encodedByteCount) bytes", at: offset)
            }
        }
    }

    /// Reads the stored bytes of a cluster and checks them; nothing is inflated.
    ///
    /// - Parameters:
    ///   - cluster: Which one.
    ///   - entry: Where its group stands.
    ///   - scratch: Where they go, at least `Limits.clusterByteCountMax`.
    /// - Returns: Where in the file they are.
    /// - Throws: `.damaged` or `.inputOutput`.
    @discardableResult
    package func readStored(
        _ cluster: Cluster, of entry: GroupEntry, into scratch: inout MemoryBuffer
    ) throws(SnapError) -> Int {
        let offset = entry.offset + entry.headByteCount + cluster.storedOffset
        let range = 0..<cluster.storedByteCount
        let count = try scratch.withMutableBytes(range) { (stored) throws(SnapError) in
            try file.file.read(into: &stored, at: offset)
        }
        guard count == cluster.storedByteCount else {
            throw damage("cluster ends early: \(count) bytes of \(range.upperBound)", at: offset)
        }
        let checksum = scratch.withBytes(range) { Hash128(checksumOf: $0) }
        guard checksum == cluster.checksum else {
            throw damage(
                "cluster checksum is \(checksum.hex), expected \(cluster.checksum.hex)",
                at: offset)
        }
        return offset
    }

    /// The error that something in this file is wrong.
    package func damage(_ message: String, at offset: Int) -> SnapError {
        SnapError(.damaged, message, path: path, offset: offset)
    }
}
