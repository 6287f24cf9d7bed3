import SavevmFormat
package import SnapSystem

extension StoreIdentity {
    /// Writes `store.json` with the identity that the savevm files contain.
    ///
    /// Writes a new identity if the store has no readable savevm file.
    ///
    /// - Parameter store: The store's directory. The caller holds the store's lock exclusively.
    /// - Throws: `.permission` or `.inputOutput`, also if a file that may be intact cannot be read
    ///   now; `.damaged` or `.interrupted`.
    package static func recreate(in store: StoreDirectory) throws(SnapError) {
        let identity = try recovered(from: store) ?? .random()
        try identity.write(to: store.root)
    }

    /// Reads the identity from the first savevm file that is readable; nil if none is.
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
                    // Every other file of the store contains the identity as well.
                    if !error.isBadContent && failure == nil { failure = error }
                }
            }
        }
        // An intact file that cannot be read now would not match a new identity.
        if let failure { throw failure }
        return nil
    }
}
