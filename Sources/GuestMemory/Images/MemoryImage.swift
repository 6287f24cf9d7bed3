package import SnapSystem
package import SystemPackage

/// The bytes of a RAM block in a file, or in a part of one, in the order of their addresses.
///
/// snap reads the file and never maps it: access to a mapped file that shrinks raises SIGBUS.
package struct MemoryImage: Sendable {
    /// The RAM block; its name is empty if the caller gave none.
    package let ram: RAMBlock
    private let shared: SharedFile
    /// The block's offset in the file, in bytes.
    private let start: Int
    /// The expected length of the file, in bytes.
    private let fileByteCount: Int
    private let knownData: KnownData

    /// What is known about where a file has data; all its other bytes are zero.
    package enum KnownData: Sendable {
        /// Nothing is known: any part of the file can have data.
        case nothing
        /// The file system reports which parts have data.
        case fileSystems
        /// These runs of bytes have data; they are offsets from the file's start, ascending.
        case runs([Range<Int>])
    }

    /// Opens a raw memory image: a file that consists of one RAM block.
    ///
    /// - Parameters:
    ///   - path: The path of the file.
    ///   - name: The block's name; empty if it has none.
    ///   - guestPhysicalAddress: The block's address in the guest, in bytes; nil if unknown.
    ///   - calls: The system calls to use.
    /// - Throws: `.notFound` or `.permission`; `.mismatch` if the file's length is 0, is not a
    ///   multiple of a page, or exceeds that of any RAM block; `.inputOutput`.
    package init(
        raw path: FilePath, name: String = "", guestPhysicalAddress: UInt64? = nil,
        _ calls: SystemCalls
    ) throws(SnapError) {
        try self.init(
            raw: try File(input: path, calls), name: name,
            guestPhysicalAddress: guestPhysicalAddress)
    }

    /// Creates a raw memory image from a file that is already open.
    ///
    /// - Parameters:
    ///   - file: The file, which consists of one RAM block.
    ///   - name: The block's name; empty if it has none.
    ///   - guestPhysicalAddress: The block's address in the guest, in bytes; nil if unknown.
    /// - Throws: `.mismatch` if the file's length is 0, is not a multiple of a page, or exceeds
    ///   that of any RAM block; `.inputOutput`.
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
        // On other file systems, a hole can hide what the guest wrote, so everything is read.
        let trustsHoles = try file.fileSystem()?.reportsDirtyPagesAsData ?? false
        knownData = trustsHoles ? .fileSystems : .nothing
        shared = SharedFile(file)
        start = 0
        fileByteCount = status.byteCount
    }

    /// Creates an image of a RAM block that is a part of a file.
    ///
    /// - Parameters:
    ///   - ram: The block.
    ///   - shared: The file that contains the block.
    ///   - start: The block's offset in the file, in bytes; a multiple of a page.
    ///   - fileByteCount: The file's length in bytes.
    ///   - knownData: What is known about where the file has data.
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

    /// Creates an image with the same bytes and another name for the block.
    ///
    /// - Parameter name: QEMU's name for the block.
    /// - Returns: The new image, which shares the open file with this one.
    package func named(_ name: String) -> MemoryImage {
        MemoryImage(
            RAMBlock(
                name: name, byteCount: ram.byteCount,
                guestPhysicalAddress: ram.guestPhysicalAddress), in: shared, at: start,
            fileByteCount: fileByteCount, knownData: knownData)
    }

    /// Finds out which file system contains the file.
    ///
    /// - Returns: The type of the file system; nil if snap has no rule for it.
    /// - Throws: `.inputOutput`.
    package func fileSystem() throws(SnapError) -> FileSystemType? { try shared.file.fileSystem() }

    /// The path of the image's file.
    package var path: FilePath { shared.file.path }

    /// Reads part of the image.
    ///
    /// - Parameters:
    ///   - target: Receives the bytes and is filled completely.
    ///   - offset: The offset of the first byte, from the block's start. The block must contain all
    ///     of the bytes.
    /// - Throws: `.inputDamaged` if the file has become shorter; `.inputOutput`.
    package func read(into target: inout MutableRawSpan, at offset: Int) throws(SnapError) {
        let count = try shared.file.read(into: &target, at: start + offset)
        guard count == target.byteCount else { throw shrank(to: start + offset + count) }
    }

    /// Writes part of an image whose file is open for writing.
    ///
    /// - Parameters:
    ///   - source: The bytes to write.
    ///   - offset: The offset of the first byte, from the block's start. The block must contain all
    ///     of the bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func write(_ source: RawSpan, at offset: Int) throws(SnapError) {
        try shared.file.write(source, at: start + offset)
    }

    /// Clears part of an image whose file is open for writing, with a hole where possible.
    ///
    /// - Parameter range: The bytes to make zero, as offsets from the block's start.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func clear(_ range: Range<Int>) throws(SnapError) {
        try shared.file.clear(start + range.lowerBound..<start + range.upperBound)
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// - Throws: `.inputOutput`.
    package func synchronize() throws(SnapError) {
        try shared.file.synchronize()
    }

    /// Checks that the file still has its expected length.
    ///
    /// The image skips holes without reading them, so it does not notice if the file was truncated
    /// there.
    ///
    /// - Throws: `.inputDamaged` if the length has changed; `.inputOutput`.
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

    /// Finds the data between a cursor and an offset, and moves the cursor to that offset.
    ///
    /// - Parameters:
    ///   - cursor: The start of the part to search. Search the parts in ascending order.
    ///   - end: The end of the part, in bytes from the block's start.
    /// - Returns: Runs of complete pages, as ascending offsets from the block's start. All other
    ///   bytes of the part are zero.
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

    /// Finds the next data after a cursor, without moving the cursor.
    ///
    /// - Parameter cursor: The start of the search.
    /// - Returns: The first offset at or after the cursor that may have data, in bytes from the
    ///   block's start; the block's length if only a hole follows.
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
            let index = runs.partitionIndex { $0.upperBound > place }
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
