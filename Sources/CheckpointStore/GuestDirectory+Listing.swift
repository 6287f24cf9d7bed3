import SavevmFormat
package import SnapSystem

extension GuestDirectory {
    /// Lists the files in the directory by kind.
    ///
    /// - Returns: The files; an empty listing if the directory does not exist.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func listing() throws(SnapError) -> GuestListing {
        var files = GuestListing()
        guard try directory.status() != nil else { return files }
        for name in try directory.names() {
            switch FileName(name) {
            case .savevm(let number): files.savevm.insert(number)
            case .deviceState(let number): files.deviceState.insert(number)
            case .retired(let number): files.retired.insert(number)
            case .retiredDeviceState(let number): files.retiredDeviceState.insert(number)
            case nil: if PendingFile.isTemporary(name) { files.temporary.append(name) }
            }
        }
        return files
    }

    /// Finds the highest checkpoint number that the header of a file, live or retired, confirms.
    ///
    /// A file's name alone does not count: one file with a very high number in its name would
    /// otherwise use up all numbers.
    ///
    /// - Parameter listing: The guest's files.
    /// - Returns: The number; 0 if no file confirms one.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    func highestNumber(in listing: GuestListing) throws(SnapError) -> Int {
        for number in listing.savevm.union(listing.retired).sorted(by: >) {
            try Interruption.check()
            let name = listing.name(of: number)
            do throws(SnapError) {
                if try files.header(name).number == number { return number }
            } catch {
                guard error.isBadContent || error.code == .notFound else { throw error }
            }
        }
        return 0
    }
}
