package import GuestMemory
package import SavevmFormat
package import SnapSystem

/// A checkpoint of a store, open to be read while a lock keeps its files in place.
package struct OpenCheckpoint: Sendable {
    /// The checkpoint.
    package let checkpoint: Checkpoint
    /// Its savevm file.
    package let file: SavevmFile
    /// Its guest's directory.
    package let guest: GuestDirectory

    /// Its RAM.
    ///
    /// - Throws: `.damaged` or `.inputOutput`.
    package func memory() throws(SnapError) -> StoredMemory {
        StoredMemory(
            blocks: try file.blocks(),
            files: SavevmFiles(try file.references(), in: guest.files))
    }

    /// Opens its device state.
    ///
    /// - Throws: `.notFound` if it has none, `.damaged`, `.permission` or `.inputOutput`.
    package func deviceState() throws(SnapError) -> DeviceStateFile {
        try guest.files.deviceState(of: file)
    }
}
