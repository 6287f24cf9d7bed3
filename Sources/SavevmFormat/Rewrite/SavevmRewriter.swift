package import Codecs
package import GuestMemory
package import SnapSystem

/// A rewriter of a savevm file, which copies its live slots and leaves out everything else.
///
/// The new file has the next generation. Ids, locations and sections stay the same: a group
/// without live slots becomes absent, and other dead slots become empty. The new file has no name
/// until `publish`. If the caller discards the rewriter before that, the old file is unchanged.
package struct SavevmRewriter: ~Copyable {
    private let source: SavevmFile
    private let name: FileName
    private var groups: GroupRewriter
    private var file: PendingSavevmFile

    /// Creates a rewriter and starts the new file.
    ///
    /// - Parameters:
    ///   - source: The file to rewrite.
    ///   - name: The file's name.
    ///   - directory: The guest's directory.
    ///   - level: How hard to compress the clusters that lose slots, with the file's codec.
    /// - Throws: `.unsupported` if the file uses features that this version does not know;
    ///   `.permission`, `.inputOutput` or `.internalFailure`.
    package init(
        _ source: SavevmFile, _ name: FileName, in directory: Directory,
        level: CompressionLevel = .default
    ) throws(SnapError) {
        guard source.header.compatibleFlags == 0, source.generation < UInt32.max else {
            throw SnapError(
                .unsupported, "cannot rewrite a file with features of a later version",
                path: source.path)
        }
        let groups = try GroupRewriter(of: source, Compression(source.header.codec, level))
        file = try PendingSavevmFile(
            name, in: directory, source.header, generation: source.generation + 1)
        self.groups = groups
        self.source = source
        self.name = name
    }

    /// Copies the live slots of the next group.
    ///
    /// - Parameters:
    ///   - entry: The group's entry in the group index; nil if the group is absent.
    ///   - live: The group's live slots.
    /// - Throws: `.damaged` if a live slot cannot be read; `.unsupported` or `.inputOutput`.
    package mutating func append(_ entry: GroupEntry?, live: PageSet) throws(SnapError) {
        guard let entry, !live.isEmpty else {
            _ = try file.append(nil)
            return
        }
        _ = try file.append(try groups.rewrite(entry, live: live))
    }

    /// Completes the new file, makes it durable, and replaces the old file.
    ///
    /// The replacement is durable after `Directory.synchronize`. On failure, the old file is
    /// unchanged.
    ///
    /// - Returns: The length of the new file in bytes.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package consuming func publish() throws(SnapError) -> Int {
        try file.appendGroupIndex()
        for section in try source.sectionsAfterGroupIndex() { try file.appendSection(section) }
        try file.appendTrailer()
        let byteCount = file.offset
        try file.publish(replacing: name)
        return byteCount
    }
}
