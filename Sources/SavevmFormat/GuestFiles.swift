package import GuestMemory
package import SnapSystem

/// Opens the files in a guest's directory.
///
/// All savevm and device-state files are opened here.
package struct GuestFiles: Sendable {
    /// The guest's directory.
    package let directory: Directory
    /// The guest, whose files alone are opened.
    private let guest: GuestName

    /// Prepares to open files.
    ///
    /// - Parameters:
    ///   - guest: The guest; another guest's files are refused, whatever they are called.
    ///   - directory: The guest's directory.
    package init(of guest: GuestName, in directory: Directory) {
        self.guest = guest
        self.directory = directory
    }

    /// Opens a savevm file, live or retired, and checks that it is complete.
    ///
    /// - Parameter name: The file's name.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the place, also if it is another
    ///   guest's or of another number; `.unsupported` or `.inputOutput`.
    package func savevm(_ name: FileName) throws(SnapError) -> SavevmFile {
        let file = try SavevmFile(name, in: directory)
        guard file.header.number == name.number, file.checkpoint.guest == guest else {
            throw SnapError(
                .damaged,
                "says that it is \(file.checkpoint.guest):\(file.header.number), expected "
                    + "\(guest):\(name.number)", path: file.path)
        }
        return file
    }

    /// Reads the header of a savevm file, live or retired, and no more of it.
    ///
    /// - Parameter name: The file's name.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the place; `.unsupported` or
    ///   `.inputOutput`.
    package func header(_ name: FileName) throws(SnapError) -> FileHeader {
        let file = try File(reading: name.text, in: directory)
        return try FileHeader(
            try file.read(byteCount: FileHeader.byteCount, at: 0), .savevm, path: file.path)
    }

    /// Writes a retired file that is a header and no more: its number is taken.
    ///
    /// - Parameter header: What it was and whose.
    /// - Throws: `.permission` or `.inputOutput`.
    package func writeRetired(_ header: FileHeader) throws(SnapError) {
        let name = FileName.retired(header.number).text
        try directory.replace(name, with: header.encode(), isDurable: true)
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
        let name = FileName.deviceState(number)
        do throws(SnapError) {
            return try DeviceStateFile(
                name, in: directory, sealed: seal, checkpointID: checkpointID)
        } catch let error where error.code == .notFound {
            throw SnapError(.damaged, "is missing", path: directory.file(name.text))
        }
    }
}
