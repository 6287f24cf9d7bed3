import SavevmFormat
package import SnapSystem

extension GuestDirectory {
    /// Lists what the directory holds; nothing if it is not there.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    package func listing() throws(SnapError) -> GuestListing {
        var files = GuestListing()
        guard try directory.status() != nil else { return files }
        for name in try directory.names() {
            switch FileName(name) {
            case .savevm(let number): files.savevm.insert(number)
            case .deviceState(let number): files.deviceState.insert(number)
            case .retired(let number): files.retired.insert(number)
            case nil: if PendingFile.isTemporary(name) { files.temporary.append(name) }
            }
        }
        return files
    }

    /// The highest number of a checkpoint, live or retired, that a file of this store shows it has;
    /// 0 if the guest has none.
    ///
    /// What only has a checkpoint's name uses up no number: one file could use up all.
    ///
    /// - Parameter listing: The guest's files.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    func highestNumber(in listing: GuestListing) throws(SnapError) -> Int {
        for number in listing.savevm.union(listing.retired).sorted(by: >) {
            try Interruption.check()
            let name: FileName =
                listing.savevm.contains(number) ? .savevm(number) : .retired(number)
            do throws(SnapError) {
                if try files.header(name).number == number { return number }
            } catch {
                guard error.isBadContent || error.code == .notFound else { throw error }
            }
        }
        return 0
    }
}
