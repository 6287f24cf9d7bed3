import CheckpointIndex
package import GuestMemory
package import SnapSystem

extension Store {
    /// Reads the checkpoints of one guest or of all from the index.
    ///
    /// - Parameter guest: The guest; nil for all.
    /// - Returns: The checkpoints, ordered by guest and number.
    /// - Throws: `.notFound` if the index does not contain the guest; `.damaged` or `.inputOutput`.
    package func checkpoints(of guest: GuestName?) throws(SnapError) -> [Checkpoint] {
        if let guest, try !index.knows(guest) {
            throw SnapError(
                .notFound, "no guest \"\(guest)\" in the store", path: directory.path,
                hint: StoreDirectory.listHint)
        }
        return try index.checkpoints(of: guest)
    }

    /// Adds up the lengths of all files in a guest's directory, including retired files.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The sum in bytes, without the holes that files of deleted checkpoints can have; 0
    ///   if the guest has no directory.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func byteCount(of guest: GuestName) throws(SnapError) -> Int {
        let directory = self.guest(guest).directory
        guard try directory.status() != nil else { return 0 }
        var byteCount = 0
        for name in try directory.names() {
            guard let status = try directory.status(of: name) else { continue }
            byteCount = byteCount.addingClamped(min(status.byteCount, status.diskByteCount))
        }
        return byteCount
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
