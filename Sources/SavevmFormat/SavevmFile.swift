// SavevmFormat
//
// The files of a store, byte by byte, as savevm(5) describes them. It imports Codecs, GuestMemory
// and SnapSystem, and depends neither on the index nor on QEMU's streams. Start with this file. The
// folders are Envelope (headers, trailers and the sections that trailers list), Groups (encoded
// pages), Tables (page tables), Pages (reading stored pages), DeviceState (device-state files) and
// Bytes (fields, checksums and digests).

package import Codecs
import GuestMemory
package import SnapSystem
import Synchronization
package import SystemPackage

/// A complete savevm file, open for reading.
///
/// Opening the file checks its header, trailer and description. Every other part is checked when it
/// is read.
package final class SavevmFile: Sendable {
    /// The file's header.
    package let header: FileHeader
    /// The description of the checkpoint.
    package let checkpoint: CheckpointDescription
    private let file: EnvelopedFile
    /// The block of the group index that was used last; most callers read groups in order.
    private let lastIndexBlock = Mutex<(block: Int, entries: [GroupEntry?])>((-1, []))

    /// Opens a file and checks that it is complete.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The guest's directory.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported`.
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

    /// The number and id of the file's checkpoint.
    package var reference: FileReference {
        FileReference(number: header.number, id: header.checkpointID)
    }

    /// The file's length in bytes.
    package var byteCount: Int { file.trailer.fileByteCount }

    /// The length of the header, the sections and the trailer together, in bytes.
    package var byteCountWithoutGroups: Int {
        byteCount - file.trailer[.groupIndex].offset + FileHeader.byteCount
    }

    /// How often the file has been rewritten.
    package var generation: Int { file.trailer.generation }

    /// Reads the RAM blocks and the roots of their page tables.
    ///
    /// - Returns: The blocks, in the order of the block table.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func blocks() throws(SnapError) -> [StoredBlock] {
        var reader = try file.reader(of: .blockTable)
        return try StoredBlock.decode(&reader, number: header.number)
    }

    /// Reads the list of the files that may contain the checkpoint's pages.
    ///
    /// - Returns: References to the files, in ascending order; this file is the last.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func references() throws(SnapError) -> [FileReference] {
        var reader = try file.reader(of: .references)
        return try FileReference.decode(&reader, last: reference)
    }

    /// Reads the bytes of all sections but the group index, for a rewritten file.
    func sectionsAfterGroupIndex() throws(SnapError) -> [[UInt8]] {
        var sections: [[UInt8]] = []
        for section in header.kind.sections.dropFirst() {
            sections.append(try file.bytes(of: section))
        }
        return sections
    }

    /// Reads everything in the file except its groups.
    ///
    /// - Returns: The contents.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func contents() throws(SnapError) -> SavevmContents {
        SavevmContents(
            header: header, checkpoint: checkpoint, blocks: try blocks(),
            references: try references(), generation: generation, byteCount: byteCount)
    }

    /// The number of groups in the file, absent ones included.
    package var groupCount: Int { file.trailer.itemCount }

    /// Reads the entry of a group in the group index.
    ///
    /// - Parameter group: The group's number, from 0.
    /// - Returns: The entry.
    /// - Throws: `.damaged` if the group does not exist or its entry is damaged; `.inputOutput`.
    package func entry(ofGroup group: Int) throws(SnapError) -> GroupEntry {
        let index = file.trailer[.groupIndex]
        guard group < groupCount else {
            throw damage(
                "a location refers to group \(group), expected one of \(groupCount) groups",
                at: index.offset)
        }
        guard let entry = try entryIfPresent(ofGroup: group) else {
            throw damage(
                "a location refers to group \(group), which is absent", at: index.offset)
        }
        return entry
    }

    /// Reads the entry of a group that can be absent.
    ///
    /// - Parameter group: The group's number, less than `groupCount`.
    /// - Returns: The entry; nil if the group is absent.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func entryIfPresent(ofGroup group: Int) throws(SnapError) -> GroupEntry? {
        let index = file.trailer[.groupIndex]
        let block = group / GroupIndex.entriesPerBlock
        let offset = index.offset + block * GroupIndex.blockByteCount
        var entries: [GroupEntry?] = []
        lastIndexBlock.withLock { if $0.block == block { entries = $0.entries } }
        if entries.isEmpty {
            let bytes = try file.read(
                byteCount: min(
                    GroupIndex.blockByteCount, index.offset + index.byteCount - offset),
                at: offset, "group index block")
            entries = try GroupIndex.decode(
                bytes, block: block, at: offset, file.trailer, path: path)
            lastIndexBlock.withLock { $0 = (block, entries) }
        }
        return entries[group % GroupIndex.entriesPerBlock]
    }

    /// Reads a group's head.
    ///
    /// - Parameters:
    ///   - entry: The group's entry in the group index.
    ///   - level: The level that the group's pages must have.
    /// - Returns: The head.
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
            bytes, path: path, offset: entry.offset, clusterByteCount: entry.clusterByteCount,
            codecMax: header.codecMax)
        guard head.level == level else {
            throw damage("group head has level \(head.level), expected \(level)", at: entry.offset)
        }
        return head
    }

    /// Reads a cluster and decodes it, as far as its content is needed.
    ///
    /// - Parameters:
    ///   - cluster: The cluster.
    ///   - entry: The group index entry of the cluster's group.
    ///   - needed: The number of bytes that must be decoded; nil for all.
    ///   - target: Receives the encoded pages. Its length must be `cluster.encodedByteCount`.
    ///   - scratch: Temporary space, at least `Limits.clusterByteCountMax` bytes.
    ///   - decompressor: The decompressor to use.
    /// - Returns: The number of bytes decoded, at least `needed`.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func decode(
        _ cluster: Cluster, of entry: GroupEntry, needed: Int? = nil,
        into target: inout MutableRawSpan, scratch: inout MemoryBuffer,
        by decompressor: borrowing Decompressor
    ) throws(SnapError) -> Int {
        let offset = try readStored(cluster, of: entry, into: &scratch)
        let count = scratch.withBytes(0..<cluster.storedByteCount) { stored in
            decompressor.decode(
                stored, cluster.codec, needed: needed ?? cluster.encodedByteCount, into: &target)
        }
        guard let count else {
            throw damage(
                "cluster is not \(cluster.codec.shape) of \(cluster.encodedByteCount) bytes",
                at: offset)
        }
        return count
    }

    /// Reads the stored bytes of a cluster and checks their checksum, without decoding them.
    ///
    /// - Parameters:
    ///   - cluster: The cluster.
    ///   - entry: The group index entry of the cluster's group.
    ///   - scratch: Receives the stored bytes; at least `Limits.clusterByteCountMax` bytes long.
    /// - Returns: The offset of the stored bytes in the file.
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
            throw damage(
                "cluster ends early: \(count) bytes, expected \(range.upperBound)", at: offset)
        }
        let checksum = scratch.withBytes(range) { Hash128(checksumOf: $0) }
        guard checksum == cluster.checksum else {
            throw damage(
                "cluster checksum is \(checksum.hex), expected \(cluster.checksum.hex)",
                at: offset)
        }
        return offset
    }

    /// Creates an error that reports damage in this file.
    ///
    /// - Parameters:
    ///   - message: A description of the damage.
    ///   - offset: The offset of the damage in the file, in bytes.
    /// - Returns: The error, with the code `.damaged`.
    package func damage(_ message: String, at offset: Int) -> SnapError {
        SnapError(.damaged, message, path: path, offset: offset)
    }
}
