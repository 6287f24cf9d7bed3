package import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem

extension Store {
    /// Reads the checkpoints of one guest or of all from the index.
    ///
    /// - Parameter guest: The guest; nil for all.
    /// - Returns: The checkpoints, ordered by guest and number.
    /// - Throws: `.notFound` if the index does not contain the guest; `.damaged` or `.inputOutput`.
    package func checkpoints(of guest: GuestName?) throws(SnapError) -> [Checkpoint] {
        try checkpoints(matching: CheckpointFilter(guest: guest))
    }

    /// Reads the checkpoints that a filter chooses from the index.
    ///
    /// - Parameter filter: The filter.
    /// - Returns: The checkpoints, ordered by guest and number.
    /// - Throws: `.notFound` if the index does not contain the guest; `.damaged` or `.inputOutput`.
    package func checkpoints(matching filter: CheckpointFilter) throws(SnapError) -> [Checkpoint] {
        if let guest = filter.guest { try requireGuest(guest) }
        return try index.checkpoints(matching: filter)
    }

    /// Refuses a guest that the index does not contain.
    ///
    /// - Parameter guest: The guest.
    /// - Throws: `.notFound`; `.damaged` or `.inputOutput`.
    package func requireGuest(_ guest: GuestName) throws(SnapError) {
        if try index.knows(guest) { return }
        throw SnapError(
            .notFound, "no guest \"\(guest)\" in the store", path: directory.path,
            hint: StoreDirectory.listHint)
    }

    /// Adds up the lengths of all files in a guest's directory, including retired files.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The sum in bytes, without the holes that files of deleted checkpoints can have; 0
    ///   if the guest has no directory.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func byteCount(of guest: GuestName) throws(SnapError) -> Int {
        let directory = self.guest(guest).directory
        return try Self.sum(of: directory) { min($0.byteCount, $0.diskByteCount) }
    }

    /// Adds up the disk use of all files in a guest's directory, including retired files.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The sum in bytes; 0 if the guest has no directory.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func diskByteCount(of guest: GuestName) throws(SnapError) -> Int {
        try Self.sum(of: self.guest(guest).directory, \.diskByteCount)
    }

    /// Reads the disk use of each checkpoint's files, deleted checkpoints included.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The sum in bytes by the checkpoint's number; empty if the guest has no directory.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func diskByteCounts(of guest: GuestName) throws(SnapError) -> [Int: Int] {
        let directory = self.guest(guest).directory
        guard try directory.status() != nil else { return [:] }
        var byteCounts: [Int: Int] = [:]
        for (name, status) in try directory.entries() {
            guard let number = FileName(name)?.number else { continue }
            byteCounts[number, default: 0] += status.diskByteCount
        }
        return byteCounts
    }

    /// Adds up the disk use of the files that belong to no guest, such as the index.
    ///
    /// - Returns: The sum in bytes.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func commonDiskByteCount() throws(SnapError) -> Int {
        try Self.sum(of: directory.root) { $0.kind == .regular ? $0.diskByteCount : 0 }
    }

    private static func sum(
        of directory: Directory, _ byteCount: (FileStatus) -> Int
    ) throws(SnapError) -> Int {
        guard try directory.status() != nil else { return 0 }
        return try directory.entries().reduce(0) { $0.addingClamped(byteCount($1.status)) }
    }

    /// Determines the free space and the size of the store's file system.
    ///
    /// - Returns: Both in bytes.
    /// - Throws: `.permission` or `.inputOutput`.
    package func fileSystemSpace() throws(SnapError) -> (free: Int, total: Int) {
        let file = try File(reading: StoreDirectory.identityName, in: directory.root)
        return (try file.freeByteCount(), try file.fileSystemByteCount())
    }

    /// Reads the details of a checkpoint from the index.
    ///
    /// - Parameter specifier: The checkpoint's specifier.
    /// - Returns: The checkpoint, its RAM blocks and its device sections.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints; `.damaged`
    ///   or `.inputOutput`.
    package func details(
        of specifier: CheckpointSpecifier
    ) throws(SnapError) -> CheckpointDetails {
        let checkpoint = try specifier.resolve(in: index)
        return CheckpointDetails(
            checkpoint: checkpoint, ramBlocks: try index.ramBlocks(of: checkpoint),
            deviceSections: try index.deviceSections(of: checkpoint))
    }
}
