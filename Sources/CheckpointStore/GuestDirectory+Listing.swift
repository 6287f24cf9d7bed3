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
}
