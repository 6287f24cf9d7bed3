package import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

extension Store {
    /// Finds a checkpoint, and keeps its files in place for the length of a closure.
    ///
    /// - Parameters:
    ///   - specifier: Which checkpoint.
    ///   - context: How long to wait for the lock.
    ///   - body: What reads the checkpoint.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`; and what `body` throws.
    package borrowing func withCheckpoint<Result: ~Copyable>(
        _ specifier: CheckpointSpecifier, _ context: WorkContext,
        body: (OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let found = try specifier.resolve(in: index)
        return try guest(found.guest).withReaderLock(context) { () throws(SnapError) in
            try body(try open(found.name))
        }
    }

    /// Finds two checkpoints, and keeps the files of both in place for the length of a closure.
    ///
    /// - Parameters:
    ///   - first: The first checkpoint.
    ///   - second: The second one.
    ///   - context: How long to wait for each lock.
    ///   - body: What reads them.
    /// - Throws: As for one.
    package borrowing func withCheckpoints<Result: ~Copyable>(
        _ first: CheckpointSpecifier, _ second: CheckpointSpecifier, context: WorkContext,
        body: (OpenCheckpoint, OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let first = try first.resolve(in: index)
        let second = try second.resolve(in: index)
        return try guest(first.guest).withReaderLock(context) { () throws(SnapError) in
            try guest(second.guest).withReaderLock(context) { () throws(SnapError) in
                try body(try open(first.name), try open(second.name))
            }
        }
    }

    /// Opens a checkpoint whose guest's lock is held: before, it may have been deleted.
    private borrowing func open(_ name: CheckpointName) throws(SnapError) -> OpenCheckpoint {
        let guest = guest(name.guest)
        let checkpoint = try CheckpointSpecifier.name(name).resolve(in: index)
        return OpenCheckpoint(
            checkpoint: checkpoint, file: try guest.savevm(of: checkpoint), guest: guest)
    }
}
