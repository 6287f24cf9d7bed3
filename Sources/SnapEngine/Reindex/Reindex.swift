// snap reindex: the index, and store.json where it is gone, are made again from the files.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Makes a store's index again from its files.
package struct Reindex: Sendable {
    /// Prepares to reindex; there is nothing to choose.
    package init() {}

    /// Rebuilds the index with the store locked for every other command.
    ///
    /// On failure the old index is still there.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: How to run; its warnings say what is wrong with files.
    /// - Throws: `.notFound` if there is no store, `.busy`, `.permission` or `.inputOutput`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> RebuiltIndex {
        let store = StoreDirectory(path, context)
        let guests = try store.guests()
        guard try store.hasIdentity() || !guests.isEmpty else {
            throw SnapError(.notFound, "there is no store here", path: path)
        }
        return try store.withExclusiveLock(context) {
            () throws(SnapError) in
            do throws(SnapError) {
                _ = try StoreIdentity(readingFrom: store.root)
            } catch let error where error.code == .notFound || error.code == .damaged {
                try StoreIdentity.remake(in: store)
            }
            return try IndexRebuild(skipsUnreadable: true).run(in: store, context)
        }
    }
}
