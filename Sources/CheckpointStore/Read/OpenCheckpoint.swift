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

extension Store {
    /// Finds a checkpoint, and keeps its files in place for the length of a closure.
    ///
    /// - Parameters:
    ///   - specifier: Which checkpoint.
    ///   - timeout: How long to wait for the lock.
    ///   - body: What reads the checkpoint.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`; and what `body` throws.
    package borrowing func withCheckpoint<Result: ~Copyable>(
        _ specifier: CheckpointSpecifier, timeout: Duration,
        _ body: (OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let found = try specifier.resolve(in: index)
        let guest = guest(found.guest)
        let index = index
        return try guest.withReaderLock(timeout: timeout) { () throws(SnapError) in
            // Before the lock was held the checkpoint may have been deleted.
            let checkpoint = try CheckpointSpecifier.name(found.name).resolve(in: index)
            let file = try guest.savevm(of: checkpoint)
            return try body(OpenCheckpoint(checkpoint: checkpoint, file: file, guest: guest))
        }
    }

    /// Finds two checkpoints, and keeps the files of both in place for the length of a closure.
    ///
    /// - Parameters:
    ///   - first: The first checkpoint.
    ///   - second: The second one.
    ///   - timeout: How long to wait for each lock.
    ///   - body: What reads them.
    /// - Throws: As for one.
    package borrowing func withCheckpoints<Result: ~Copyable>(
        _ first: CheckpointSpecifier, _ second: CheckpointSpecifier, timeout: Duration,
        body: (OpenCheckpoint, OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        try withCheckpoint(first, timeout: timeout) { (first) throws(SnapError) in
            try withCheckpoint(second, timeout: timeout) { (second) throws(SnapError) in
                try body(first, second)
            }
        }
    }
}
