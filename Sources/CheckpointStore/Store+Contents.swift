import CheckpointIndex
package import GuestMemory
package import SnapSystem

extension Store {
    /// The checkpoints of one guest or of all, from the index alone.
    ///
    /// - Parameter guest: Whose; nil for all.
    /// - Returns: By guest and number.
    /// - Throws: `.notFound` for a guest that the store does not know, `.damaged` or
    ///   `.inputOutput`.
    package func checkpoints(of guest: GuestName?) throws(SnapError) -> [Checkpoint] {
        if let guest, try !index.knows(guest) {
            throw SnapError(
                .notFound, "no guest \"\(guest)\" in the store", path: directory.path,
                hint: StoreDirectory.listHint)
        }
        return try index.checkpoints(of: guest)
    }

    /// How many bytes a guest's files have, those of deleted checkpoints among them.
    ///
    /// - Parameter guest: Whose.
    /// - Throws: `.permission` or `.inputOutput`.
    package func byteCount(of guest: GuestName) throws(SnapError) -> Int {
        let directory = self.guest(guest).directory
        guard try directory.status() != nil else { return 0 }
        var byteCount = 0
        for name in try directory.names() {
            byteCount = byteCount.addingClamped(try directory.status(of: name)?.byteCount ?? 0)
        }
        return byteCount
    }

    /// One checkpoint, from the index alone.
    ///
    /// - Parameter specifier: Which checkpoint.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged` or `.inputOutput`.
    package func details(
        of specifier: CheckpointSpecifier
    ) throws(SnapError) -> CheckpointDetails {
        let checkpoint = try specifier.resolve(in: index)
        return CheckpointDetails(
            checkpoint: checkpoint, ramBlocks: try index.ramBlocks(of: checkpoint),
            deviceSections: try index.deviceSections(of: checkpoint))
    }
}
