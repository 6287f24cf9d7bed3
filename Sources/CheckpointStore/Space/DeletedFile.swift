import GuestMemory
import SavevmFormat
import SnapSystem

/// A deleted checkpoint's file, whose dead parts are freed.
struct DeletedFile {
    /// The number of the deleted checkpoint.
    let number: Int
    private let guest: GuestDirectory
    private let name: FileName
    private let status: FileStatus

    /// The bytes that stay free when a file is rewritten.
    private static let reservedByteCount = 1 << 16

    /// Reads the status of a file; nil if it does not exist.
    init?(_ number: Int, _ name: FileName, of guest: GuestDirectory) throws(SnapError) {
        guard let status = try guest.directory.status(of: name.text) else { return nil }
        self.guest = guest
        self.number = number
        self.name = name
        self.status = status
    }

    /// The bytes that the file takes on the disk, unless it has other names there.
    var diskByteCount: Int { status.linkCount > 1 ? 0 : status.diskByteCount }

    /// Decides how to free a file without live slots.
    ///
    /// - Parameter isHighest: Whether the file's number must stay taken.
    func decideDead(isHighest: Bool) -> DeletedFileAction.Decision {
        guard isHighest else {
            return DeletedFileAction.Decision(action: .unlink, freedByteCount: diskByteCount)
        }
        let isShort = status.byteCount <= FileHeader.byteCount
        return DeletedFileAction.Decision(
            action: isShort ? .keep : .shorten,
            freedByteCount: isShort ? 0 : max(0, diskByteCount - status.blockByteCount))
    }

    /// Decides how to free the dead parts of a file that has live slots.
    ///
    /// - Parameters:
    ///   - use: The file's live and dead parts.
    ///   - canPunch: Whether dead blocks can be freed in place if the file system allows it.
    ///   - canRewrite: Whether the file may be replaced by a new one.
    func decide(
        _ use: DeletedFileUse, canPunch: Bool = true, canRewrite: Bool = true
    ) throws(SnapError) -> DeletedFileAction.Decision {
        let file = try File(reading: name.text, in: guest.directory)
        // Blocks of a file with several names belong to a copy of the store, too.
        let isOnlyName = status.linkCount == 1
        let freesInPlace = try file.fileSystem()?.freesPartsOfFiles ?? true
        let free = try file.freeByteCount()
        return try DeletedFileAction.decide(
            use, status, canPunch: canPunch && isOnlyName && freesInPlace
        ) { (byteCount) in canRewrite && free >= byteCount + Self.reservedByteCount }
    }

    /// Deletes the file.
    func remove() throws(SnapError) { try guest.directory.remove(name.text) }

    /// Keeps only the file's header.
    ///
    /// A file with several names is replaced, so that a copy of the store keeps its bytes.
    func shorten() throws(SnapError) {
        if status.linkCount == 1 {
            try File(updating: name.text, in: guest.directory).setLength(FileHeader.byteCount)
        } else {
            try guest.files.writeRetired(try guest.files.header(name))
        }
    }

    /// Frees blocks in place.
    ///
    /// - Parameter blocks: The offsets of the blocks.
    /// - Returns: The number of bytes that this freed; 0 if the file system refuses it.
    func punch(_ blocks: [Range<Int>]) throws(SnapError) -> Int {
        let file = try File(updating: name.text, in: guest.directory)
        for run in blocks {
            try Interruption.check()
            if try !file.punchHole(run) { return 0 }
        }
        return max(0, status.diskByteCount - (try file.status().diskByteCount))
    }

    /// Replaces the file by one that contains only the live slots.
    ///
    /// The replacement is durable after `Directory.synchronize`.
    ///
    /// - Parameters:
    ///   - source: The file.
    ///   - marks: The live slots.
    /// - Returns: The new file's length in bytes.
    func rewrite(_ source: SavevmFile, _ marks: SlotMarks) throws(SnapError) -> Int {
        var rewriter = try SavevmRewriter(source, name, in: guest.directory)
        for group in 0..<source.groupCount {
            try Interruption.check()
            let live = marks.liveSlots(ofGroup: group, in: number)
            let entry = live.isEmpty ? nil : try source.entryIfPresent(ofGroup: group)
            try rewriter.append(entry, live: live)
        }
        return try rewriter.publish()
    }
}
