import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// A checkpoint of a store, open to be read, and the lock that keeps its pages there.
struct CheckpointMemory: ~Copyable {
    /// The checkpoint.
    let checkpoint: Checkpoint
    /// Its savevm file.
    let file: SavevmFile
    /// Its RAM.
    let source: StoredMemory
    /// The guest's directory.
    let guest: GuestDirectory
    private let lock: FileLock?

    /// Finds and opens a checkpoint.
    ///
    /// - Parameters:
    ///   - reference: Which.
    ///   - store: The store.
    ///   - patience: How long to wait for the lock.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    init(
        _ reference: CheckpointReference, in store: borrowing Store, patience: Duration
    ) throws(SnapError) {
        let named = try reference.resolve(in: store.index)
        let guest = store.guest(named.guest)
        let lock = try guest.lockForReading(patience: patience)
        // Before the lock was held the checkpoint may have been deleted.
        let checkpoint = try CheckpointReference.number(named.guest, named.number)
            .resolve(in: store.index)
        let file = try guest.savevm(of: checkpoint)
        let source = StoredMemory(
            blocks: try file.blocks(),
            files: SavevmFiles(in: guest.directory, try file.references()))
        self.checkpoint = checkpoint
        self.file = file
        self.source = source
        self.guest = guest
        self.lock = lock
    }
}
