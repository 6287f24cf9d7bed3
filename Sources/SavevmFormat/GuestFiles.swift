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
        try header(name, .savevm)
    }

    private func header(
        _ name: FileName, _ kind: FileHeader.Kind
    ) throws(SnapError) -> FileHeader {
        let file = try File(reading: name.text, in: directory)
        return try FileHeader(
            try file.read(byteCount: FileHeader.byteCount, at: 0), kind, path: file.path)
    }

    /// Writes a retired file that consists only of a header, so that its number stays in use.
    ///
    /// - Parameter header: The header of the deleted checkpoint's file.
    /// - Throws: `.permission` or `.inputOutput`.
    package func writeRetired(_ header: FileHeader) throws(SnapError) {
        let name = FileName.retired(header.number).text
        try directory.replace(name, with: header.encode(), isDurable: true)
    }

    // MARK: Device state

    /// Opens the device-state file of a checkpoint, and its base.
    ///
    /// - Parameter file: The checkpoint's savevm file.
    /// - Returns: The open device-state file.
    /// - Throws: `.notFound` if the checkpoint has no device state; `.damaged` if the file or its
    ///   base is missing, is incomplete, or belongs to another checkpoint; `.unsupported`,
    ///   `.permission` or `.inputOutput`.
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

    /// Opens a device-state file and its base, and checks that it belongs to a checkpoint.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - seal: The seal of the file, from the checkpoint's savevm file.
    ///   - checkpointID: The checkpoint's id.
    /// - Returns: The open device-state file.
    /// - Throws: `.damaged` if the file or its base is missing, is incomplete, or belongs to
    ///   another checkpoint; `.unsupported`, `.permission` or `.inputOutput`.
    package func deviceState(
        _ number: Int, sealed seal: DeviceStateSeal, checkpointID: Identifier
    ) throws(SnapError) -> DeviceStateFile {
        let sections = try open(
            number, missing: "is missing",
            check: { header, trailer, checksum in
                header.checkpointID == checkpointID && checksum == seal.checksum
                    && trailer.fileByteCount == seal.byteCount
                    ? nil : "is not the device-state file of its checkpoint"
            },
            openBase: { (base) throws(SnapError) in try open(base, for: number) })
        return try DeviceStateFile(sections)
    }

    /// Opens the file with which the device state of a checkpoint's child can share sections.
    ///
    /// - Parameter file: The savevm file of the parent.
    /// - Returns: The base of the parent's device-state file, or that file itself if it has no
    ///   base; nil if the parent has no device state, or one that cannot be a base.
    /// - Throws: The same errors as `deviceState(of:)`.
    package func deviceStateBase(forChildOf file: SavevmFile) throws(SnapError) -> DeviceStateFile?
    {
        if file.checkpoint.deviceState == nil { return nil }
        let parent = try deviceState(of: file)
        if parent.sections.legacyStates != nil { return nil }
        guard let base = parent.sections.base else { return parent }
        return try DeviceStateFile(base)
    }

    /// Reads only the header of a device-state file.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The header, which names the file's base.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported` or
    ///   `.inputOutput`.
    package func deviceStateHeader(_ name: FileName) throws(SnapError) -> FileHeader {
        try header(name, .deviceState)
    }

    /// Opens the base of a checkpoint's device state.
    private func open(
        _ base: DeviceStateBase, for number: Int
    ) throws(SnapError) -> SectionFile {
        let child = "the device state of checkpoint \(guest):\(number)"
        return try open(
            base.checkpoint.number, missing: "is missing, and \(child) needs it",
            check: { header, _, checksum in
                if header.checkpointID != base.checkpoint.id || checksum != base.trailerChecksum {
                    return "is not the file that \(child) needs"
                }
                return header.base == nil && !header.isLegacyDeviceState
                    ? nil : "cannot be the base of \(child)"
            },
            openBase: { (_) throws(SnapError) in
                throw SnapError(.internalFailure, "base of a base")
            })
    }

    /// Opens a device-state file by its number, whether its checkpoint is deleted or not.
    private func open(
        _ number: Int, missing: String,
        check: (FileHeader, Trailer, Hash128) -> String?,
        openBase: (DeviceStateBase) throws(SnapError) -> SectionFile
    ) throws(SnapError) -> SectionFile {
        // A deletion only ever gives a file its retired name, so this order finds it.
        for name in [FileName.deviceState(number), .retiredDeviceState(number)] {
            do throws(SnapError) {
                return try SectionFile(name, in: directory, check: check, openBase: openBase)
            } catch let error where error.code == .notFound {
                continue
            }
        }
        throw SnapError(
            .damaged, missing, path: directory.file(FileName.deviceState(number).text))
    }
}
