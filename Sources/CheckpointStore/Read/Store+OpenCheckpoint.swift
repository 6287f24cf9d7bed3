package import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

extension Store {
    /// Opens a checkpoint and pins its pages while a closure runs.
    ///
    /// - Parameters:
    ///   - specifier: The checkpoint's specifier.
    ///   - context: Supplies the lock timeout.
    ///   - body: Reads the checkpoint while it is pinned.
    /// - Returns: The result of `body`.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints; `.damaged`,
    ///   `.unsupported`, `.busy`, `.permission` or `.inputOutput`; and the errors of `body`.
    package borrowing func withCheckpoint<Result: ~Copyable>(
        _ specifier: CheckpointSpecifier, _ context: WorkContext,
        body: (OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let found = try specifier.resolve(in: index)
        return try withPin(on: found, context) { () throws(SnapError) in
            try body(try open(found.name))
        }
    }

    /// Opens two checkpoints and pins the pages of both while a closure runs.
    ///
    /// - Parameters:
    ///   - first: The first checkpoint's specifier.
    ///   - second: The second checkpoint's specifier; its guest may be another one.
    ///   - context: Supplies the timeout of each guest's lock.
    ///   - body: Reads the checkpoints while both are pinned.
    /// - Returns: The result of `body`.
    /// - Throws: The same errors as `withCheckpoint`.
    package borrowing func withCheckpoints<Result: ~Copyable>(
        _ first: CheckpointSpecifier, _ second: CheckpointSpecifier, context: WorkContext,
        body: (OpenCheckpoint, OpenCheckpoint) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let first = try first.resolve(in: index)
        let second = try second.resolve(in: index)
        return try withPin(on: first, context) { () throws(SnapError) in
            try withPin(on: second, context) { () throws(SnapError) in
                try body(try open(first.name), try open(second.name))
            }
        }
    }

    private borrowing func withPin<Result: ~Copyable>(
        on checkpoint: Checkpoint, _ context: WorkContext,
        _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let number = checkpoint.number
        return try guest(checkpoint.guest).withPins(on: [number..<number + 1], context, body)
    }

    /// Opens a checkpoint that is pinned.
    ///
    /// Resolves the name again, because the checkpoint may have been deleted before it was pinned.
    private borrowing func open(_ name: CheckpointName) throws(SnapError) -> OpenCheckpoint {
        let guest = guest(name.guest)
        let checkpoint = try CheckpointSpecifier.name(name).resolve(in: index)
        return OpenCheckpoint(
            checkpoint: checkpoint, file: try guest.savevm(of: checkpoint), guest: guest)
    }
}
