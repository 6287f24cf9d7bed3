// snap reindex: rebuilds the index, and a missing or damaged store.json, from the files.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Rebuilds a store's index from its files.
package struct Reindex: Sendable {
    /// Creates the operation, which has no options.
    package init() {}

    /// Rebuilds the index while no other process can write to the store.
    ///
    /// Keeps the old index on failure.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies the lock timeout; receives progress, and a warning for each damaged or
    ///     unreadable file.
    /// - Returns: The numbers of guests, checkpoints and damaged files.
    /// - Throws: `.notFound` if there is no store; `.busy`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> RebuiltIndex {
        let store = StoreDirectory(path, context)
        let guests = try store.guests()
        guard try store.hasIdentity() || !guests.isEmpty else {
            throw SnapError(.notFound, "store does not exist", path: path)
        }
        return try store.withExclusiveLock(context) {
            () throws(SnapError) in
            do throws(SnapError) {
                _ = try StoreIdentity(readingFrom: store.root)
            } catch let error where error.code == .notFound || error.code == .damaged {
                try StoreIdentity.recreate(in: store)
            }
            return try IndexRebuild(skipsUnreadable: true).run(in: store, context)
        }
    }
}
