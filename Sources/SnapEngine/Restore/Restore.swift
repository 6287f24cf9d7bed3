// snap restore: a checkpoint becomes a memory image again, in one pass, whatever its history.
//
//     root ─ table ─ 512 locations ─ groups ─ inflate ─ delta on base ─ digest ─ write

import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage

/// Writes a checkpoint's memory, and its device state, back.
package struct Restore: Sendable {
    /// Where the memory goes.
    package enum Output: Sendable, Equatable {
        /// A file that appears when it is whole; holes where pages are zero.
        case file(FilePath)
        /// Standard output, zeros and all.
        case standardOutput
    }

    /// Which checkpoint.
    package var reference: CheckpointReference
    /// Where its memory goes.
    package var output: Output
    /// Where its device state goes; nil to leave it.
    package var deviceState: FilePath?
    /// Whether existing regular files are replaced.
    package var isForced = false
    /// Whether outputs are on the disk before they get their names.
    package var isSynchronized = false
    /// How many workers, at least 1.
    package var jobs = 1
    /// How long to wait for a lock.
    package var patience = Duration.zero

    /// Prepares to restore; everything else has a default.
    ///
    /// - Parameters:
    ///   - reference: Which checkpoint.
    ///   - output: Where its memory goes.
    package init(_ reference: CheckpointReference, to output: Output) {
        self.reference = reference
        self.output = output
    }

    /// Restores the checkpoint.
    ///
    /// Every page's digest is checked on the way.
    ///
    /// On failure no output has appeared or changed, except what has gone to standard output.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - calls: The seam.
    /// - Returns: The checkpoint.
    /// - Throws: By code: `.notFound`; `.usage` for an id that fits two; `.cannotCreate` if an
    ///   output exists; `.damaged` with file and offset; `.unsupported`; `.busy`;
    ///   `.permission`; `.inputOutput`; `.interrupted`.
    package func run(
        from store: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> Checkpoint {
        let store = try Store(reading: store, patience: patience, calls)
        let named = try reference.resolve(in: store.index)
        let guest = store.guest(named.guest)
        let lock = try guest.lockForReading(patience: patience)
        // Before the lock was held the checkpoint may have been deleted.
        let checkpoint = try CheckpointReference.number(named.guest, named.number)
            .resolve(in: store.index)
        let own = Reference(number: checkpoint.number, id: checkpoint.id)
        let file = try SavevmFiles(in: guest.directory, [own]).file(checkpoint.number)
        let source = RestoreSource(
            blocks: try file.blocks(),
            files: SavevmFiles(in: guest.directory, try file.references()))
        var devices = try deviceState.map { path throws(SnapError) in
            try DeviceStateOutput(path, of: file, in: guest.directory, isForced: isForced)
        }
        switch output {
        case .standardOutput:
            try source.write(to: File.standardOutput(calls), jobs: jobs)
            try devices?.publish(isSynchronized: isSynchronized)
        case .file(let path):
            guard devices?.files.contains(path) != true else {
                throw SnapError(.usage, "is to hold both memory and device state", path: path)
            }
            let image = try ImageOutput(path, calls, isForced: isForced)
            try image.setLength(source.byteCount)
            try source.write(to: image, jobs: jobs)
            try devices?.publish(isSynchronized: isSynchronized)
            do throws(SnapError) {
                try image.publish(isSynchronized: isSynchronized)
            } catch {
                devices?.withdraw()
                throw error
            }
        }
        _ = consume lock
        return checkpoint
    }
}
