import SavevmFormat
package import SnapSystem

/// The files in a guest's directory, by what they are.
package struct GuestListing: Sendable {
    /// Checkpoints.
    package var savevm: Set<Int> = []
    /// Device states.
    package var deviceState: Set<Int> = []
    /// Deleted checkpoints of which pages may be needed.
    package var retired: Set<Int> = []
    /// What was being written when its process died.
    package var temporary: [String] = []

    /// Device states of checkpoints that have been deleted.
    package var retiredDeviceStates: Set<Int> {
        deviceState.intersection(retired).subtracting(savevm)
    }

    /// The highest number of a checkpoint, live or retired; 0 if there is none.
    package var highestNumber: Int { savevm.union(retired).max() ?? 0 }
}

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
