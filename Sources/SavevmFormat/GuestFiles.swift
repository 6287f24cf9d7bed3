package import GuestMemory
package import SnapSystem

/// The files in a guest's directory.
///
/// All savevm and device-state files are opened through this type.
package struct GuestFiles: Sendable {
    /// The guest's directory.
    package let directory: Directory
    /// The guest that the files must belong to.
    private let guest: GuestName

    /// Creates a value without opening any file.
    ///
    /// - Parameters:
    ///   - guest: The guest. The files of any other guest are refused, regardless of their names.
    ///   - directory: The guest's directory.
    package init(of guest: GuestName, in directory: Directory) {
        self.guest = guest
        self.directory = directory
    }

    /// Opens a savevm file, live or retired, and checks that it is complete.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The open file.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset, also if the file belongs
    ///   to another guest or has another number; `.unsupported` or `.inputOutput`.
    package func savevm(_ name: FileName) throws(SnapError) -> SavevmFile {
        let file = try SavevmFile(name, in: directory)
        guard file.header.number == name.number, file.checkpoint.guest == guest else {
            throw SnapError(
                .damaged,
                "is checkpoint \(file.checkpoint.guest):\(file.header.number), expected "
                    + "\(guest):\(name.number)", path: file.path)
        }
        return file
    }

    /// Reads only the header of a savevm file, live or retired.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The header.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported` or
    ///   `.inputOutput`.
    package func header(_ name: FileName) throws(SnapError) -> FileHeader {
        let file = try File(reading: name.text, in: directory)
        return try FileHeader(
            try file.read(byteCount: FileHeader.byteCount, at: 0), .savevm, path: file.path)
    }

    /// Writes a retired file that consists only of a header, so that its number stays in use.
    ///
    /// - Parameter header: The header of the deleted checkpoint's file.
    /// - Throws: `.permission` or `.inputOutput`.
    package func writeRetired(_ header: FileHeader) throws(SnapError) {
        let name = FileName.retired(header.number).text
        try directory.replace(name, with: header.encode(), isDurable: true)
    }

    /// Opens the device-state file of a checkpoint.
    ///
    /// - Parameter file: The checkpoint's savevm file.
    /// - Returns: The open device-state file.
    /// - Throws: `.notFound` if the checkpoint has no device state; `.damaged` if the file is
    ///   missing, is incomplete, or belongs to another checkpoint; `.unsupported`, `.permission` or
    ///   `.inputOutput`.
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

    /// Opens a device-state file, and checks that it belongs to a checkpoint.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - seal: The seal of the file, from the checkpoint's savevm file.
    ///   - checkpointID: The checkpoint's id.
    /// - Returns: The open device-state file.
    /// - Throws: `.damaged` if the file is missing, is incomplete, or belongs to another
    ///   checkpoint; `.unsupported`, `.permission` or `.inputOutput`.
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
