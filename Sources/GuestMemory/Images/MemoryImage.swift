package import SnapSystem
package import SystemPackage

/// A RAM block's bytes at rest: a file, or a part of one, the page of address 0 first.
///
/// It is read, never mapped: a file that shrinks under a mapping would be SIGBUS.
package struct MemoryImage: Sendable {
    /// The RAM block; without a name unless one was given.
    package let ram: RAMBlock
    private let shared: SharedFile
    /// Where in the file the block begins, in bytes.
    private let start: Int
    /// How long the file is meant to be.
    private let fileByteCount: Int
    private let knownData: KnownData

    /// What is known of where in a file data is, outside of which it is zero.
    package enum KnownData: Sendable {
        /// Nothing: it may be anywhere.
        case nothing
        /// The file system tells it.
        case fileSystems
        /// In these runs of bytes, from the file's start and ascending.
        case runs([Range<Int>])
    }

    /// Opens a raw memory image: a file that is one RAM block.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - name: The block's name; empty if it has none.
    ///   - guestPhysicalAddress: Where the guest sees it, if known.
    ///   - calls: The system calls.
    /// - Throws: `.notFound` or `.permission`; `.mismatch` if its length is 0 or no multiple of a
    ///   page.
    package init(
        raw path: FilePath, name: String = "", guestPhysicalAddress: UInt64? = nil,
        _ calls: SystemCalls
    ) throws(SnapError) {
        try self.init(
            raw: try File(input: path, calls), name: name,
            guestPhysicalAddress: guestPhysicalAddress)
    }

    /// Takes over an open raw memory image.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - name: The block's name; empty if it has none.
    ///   - guestPhysicalAddress: Where the guest sees it, if known.
    /// - Throws: `.mismatch` if its length is 0 or no multiple of a page; `.inputOutput`.
    package init(
        raw file: consuming File, name: String = "", guestPhysicalAddress: UInt64? = nil
    ) throws(SnapError) {
        let path = file.path
        let status = try file.status()
        guard status.byteCount > 0, status.byteCount % Page.byteCount == 0,
            status.byteCount <= RAMBlock.byteCountMax
        else {
            throw SnapError(
                .mismatch,
                "length is \(status.byteCount) bytes, expected a positive multiple of "
                    + "\(Page.byteCount) up to \(RAMBlock.byteCountMax)", path: path)
        }
        ram = RAMBlock(
            name: name, byteCount: status.byteCount, guestPhysicalAddress: guestPhysicalAddress)
        // Elsewhere a hole may hide what a guest has written, and everything is read.
        let trustsHoles = try file.fileSystem()?.reportsDirtyPagesAsData ?? false
        knownData = trustsHoles ? .fileSystems : .nothing
        shared = SharedFile(file)
        start = 0
        fileByteCount = status.byteCount
    }

    /// A RAM block that lies in a part of a file.
    ///
    /// - Parameters:
    ///   - ram: The block.
    ///   - shared: The file.
    ///   - start: Where in the file it begins, in bytes, a multiple of a page.
    ///   - fileByteCount: The file's length in bytes.
    ///   - knownData: What is known of where its data is.
    package init(
        _ ram: RAMBlock, in shared: SharedFile, at start: Int, fileByteCount: Int,
        knownData: KnownData
    ) {
        self.ram = ram
        self.knownData = knownData
        self.shared = shared
        self.start = start
        self.fileByteCount = fileByteCount
    }

    /// The same bytes as a block with another name.
    ///
    /// - Parameter name: QEMU's name for it.
    package func named(_ name: String) -> MemoryImage {
        MemoryImage(
            RAMBlock(
                name: name, byteCount: ram.byteCount,
                guestPhysicalAddress: ram.guestPhysicalAddress), in: shared, at: start,
            fileByteCount: fileByteCount, knownData: knownData)
    }

    /// The file system that holds the file; nil if snap has no rule for it.
    ///
    /// - Throws: `.inputOutput`.
    package func fileSystem() throws(SnapError) -> FileSystemType? { try shared.file.fileSystem() }

    /// Where the image is.
    package var path: FilePath { shared.file.path }

    /// Reads part of the image.
    ///
    /// - Parameters:
    ///   - target: Where the bytes go, filled whole.
    ///   - offset: Where they are, in bytes from the block's start; all of them inside it.
    /// - Throws: `.inputDamaged` if the file has become shorter, else `.inputOutput`.
    package func read(into target: inout MutableRawSpan, at offset: Int) throws(SnapError) {
        let count = try shared.file.read(into: &target, at: start + offset)
        guard count == target.byteCount else { throw shrank(to: start + offset + count) }
    }

    /// Writes part of an image that was opened for that.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - offset: Where they go, in bytes from the block's start; all of them inside it.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func write(_ source: RawSpan, at offset: Int) throws(SnapError) {
        try shared.file.write(source, at: start + offset)
    }

    /// Makes part of an image that was opened for writing zero: a hole where there can be one.
    ///
    /// - Parameter range: Which bytes of it.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func clear(_ range: Range<Int>) throws(SnapError) {
        try shared.file.clear(start + range.lowerBound..<start + range.upperBound)
    }

    /// Waits until what was written is on the disk.
    ///
    /// - Throws: `.inputOutput`.
    package func synchronize() throws(SnapError) {
        try shared.file.synchronize()
    }

    /// Checks that the file still has the length it was opened with: a hole that has been cut off
    /// is no hole.
    ///
    /// - Throws: `.inputDamaged` if not.
    package func checkLength() throws(SnapError) {
        let byteCount = try shared.file.status().byteCount
        guard byteCount == fileByteCount else { throw shrank(to: byteCount) }
    }

    private func shrank(to byteCount: Int) -> SnapError {
        SnapError(
            .inputDamaged,
            "length changed to \(byteCount) bytes while it was read, expected \(fileByteCount)",
            path: path, offset: min(byteCount, fileByteCount),
            hint: "pause the guest before saving its memory")
    }

    /// Finds the data in the part of the image that begins at a cursor and moves the cursor on.
    ///
    /// - Parameters:
    ///   - cursor: Where to go on; parts are asked for in ascending order.
    ///   - end: Where the part ends, in bytes from the block's start.
    /// - Returns: Runs of whole pages outside of which the part reads as zeros, ascending.
    package func dataRuns(advancing cursor: inout DataCursor, to end: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        while cursor.offset < end {
            if cursor.offset >= cursor.data.upperBound { findData(&cursor) }
            let start = max(cursor.offset, cursor.data.lowerBound)
            guard start < end else { break }
            let stop = min(end, cursor.data.upperBound)
            runs.append(start..<stop)
            cursor.offset = stop
        }
        cursor.offset = end
        return runs
    }

    /// Finds where the image goes on with data.
    ///
    /// - Parameter cursor: Where to look from.
    /// - Returns: The first offset not before it that may lie in data, in bytes from the block's
    ///   start; the block's length if only a hole follows.
    package func nextData(from cursor: inout DataCursor) -> Int {
        if cursor.offset >= cursor.data.upperBound { findData(&cursor) }
        return min(max(cursor.offset, cursor.data.lowerBound), ram.byteCount)
    }

    private func findData(_ cursor: inout DataCursor) {
        let found: Range<Int>?
        switch knownData {
        case .nothing: found = start..<start + ram.byteCount
        case .fileSystems: found = shared.file.data(from: start + cursor.offset)
        case .runs(let runs):
            let place = start + cursor.offset
            let index = runs.firstIndexOfRest { $0.upperBound > place }
            found = index < runs.count ? runs[index] : nil
        }
        guard let found, found.lowerBound < start + ram.byteCount else {
            cursor.data = ram.byteCount..<Int.max
            return
        }
        let first = max(found.lowerBound - start, cursor.offset) / Page.byteCount
        let end = min(found.upperBound - start, ram.byteCount) + Page.byteCount - 1
        cursor.data = first * Page.byteCount..<end / Page.byteCount * Page.byteCount
    }
}
