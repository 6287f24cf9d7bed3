package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// A checkpoint that is open for reading while a lock keeps its files in place.
package struct OpenCheckpoint: Sendable {
    /// The checkpoint, as the index describes it.
    package let checkpoint: Checkpoint
    /// The checkpoint's savevm file.
    package let file: SavevmFile
    /// The directory of the checkpoint's guest.
    package let guest: GuestDirectory

    /// Reads the block table and the references, through which all pages are found.
    ///
    /// - Returns: The checkpoint's memory, of which no page has been read.
    /// - Throws: `.damaged` or `.inputOutput`.
    package func memory() throws(SnapError) -> StoredMemory {
        StoredMemory(
            blocks: try file.blocks(),
            files: SavevmFiles(try file.references(), in: guest.files))
    }

    /// Opens the checkpoint's device state.
    ///
    /// - Returns: The device-state file.
    /// - Throws: `.notFound` if the checkpoint has no device state; `.damaged`, `.unsupported`,
    ///   `.permission` or `.inputOutput`.
    package func deviceState() throws(SnapError) -> DeviceStateFile {
        try guest.files.deviceState(of: file)
    }
}
