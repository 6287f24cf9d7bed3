package import GuestMemory
package import SnapSystem

/// Opens the files in a guest's directory.
///
/// All savevm and device-state files are opened here.
package struct GuestFiles: Sendable {
    /// The guest's directory.
    package let directory: Directory

    /// Prepares to open files.
    ///
    /// - Parameter directory: The guest's directory.
    package init(in directory: Directory) {
        self.directory = directory
    }

    /// Opens a savevm file, live or retired, and checks that it is complete.
    ///
    /// - Parameter name: The file's name.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the place; `.unsupported` or
    ///   `.inputOutput`.
    package func savevm(_ name: FileName) throws(SnapError) -> SavevmFile {
        try SavevmFile(directory.file(name.text), directory.calls)
    }

    /// Opens the device state of a checkpoint.
    ///
    /// - Parameter file: The checkpoint's savevm file.
    /// - Throws: `.notFound` if the checkpoint has none, `.damaged` if the file is missing,
    ///   incomplete or another checkpoint's; `.unsupported`, `.permission` or `.inputOutput`.
    package func deviceState(of file: SavevmFile) throws(SnapError) -> DeviceStateFile {
        let number = file.header.number
        guard let seal = file.checkpoint.deviceState else {
            throw SnapError(
                .notFound,
                "checkpoint \(file.checkpoint.guest):\(number) was saved without device "
                    + "state")
        }
        return try deviceState(number, sealed: seal, checkpointID: file.header.checkpointID)
    }

    /// Opens a device-state file and checks that it is the one that a checkpoint names.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - seal: What the checkpoint's savevm file says of it.
    ///   - checkpointID: The checkpoint's id.
    /// - Throws: `.damaged` if the file is missing, incomplete or another's; `.unsupported`,
    ///   `.permission` or `.inputOutput`.
    package func deviceState(
        _ number: Int, sealed seal: DeviceStateSeal, checkpointID: Identifier
    ) throws(SnapError) -> DeviceStateFile {
        let path = directory.file(FileName.deviceState(number).text)
        do throws(SnapError) {
            return try DeviceStateFile(
                path, sealed: seal, checkpointID: checkpointID, calls: directory.calls)
        } catch let error where error.code == .notFound {
            throw SnapError(.damaged, "is missing", path: path)
        }
    }
}
