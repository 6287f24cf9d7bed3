import SavevmFormat
package import SnapSystem

extension StoreIdentity {
    /// Makes `store.json` again: as the files say, or new in a store that has none.
    ///
    /// - Parameter store: The store's directory; its lock is held exclusively.
    /// - Throws: `.permission` or `.inputOutput`.
    package static func remake(in store: StoreDirectory) throws(SnapError) {
        let identity = try recovered(from: store) ?? .random()
        try identity.write(to: store.root)
    }

    /// The identity that a store's files name; nil if it has no readable file.
    private static func recovered(
        from store: StoreDirectory
    ) throws(SnapError) -> StoreIdentity? {
        var failure: SnapError?
        for name in try store.guests() {
            let guest = store.guest(name)
            for number in try guest.listing().savevm.sorted(by: >) {
                do {
                    let file = try guest.files.savevm(.savevm(number))
                    return StoreIdentity(
                        id: file.header.storeID, digestKey: file.checkpoint.digestKey)
                } catch {
                    if error.code == .interrupted { throw error }
                    // Any other file names it as well.
                    if !error.isBadContent && failure == nil { failure = error }
                }
            }
        }
        // A new identity would be wrong for intact files that could not be read now.
        if let failure { throw failure }
        return nil
    }
}
