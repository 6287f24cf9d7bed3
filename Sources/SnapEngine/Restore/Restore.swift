// snap restore: writes a checkpoint as a memory image, in one pass regardless of its history.
//
//     root ─ table ─ 512 locations ─ groups ─ decompress ─ delta on base ─ digest ─ write

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Restores a checkpoint's memory and device state.
package struct Restore: Sendable {
    /// The destination of the memory.
    package enum Output: Sendable, Equatable {
        /// A new file that appears when it is complete; zero pages are holes.
        case file(FilePath)
        /// An existing file of the memory's length; only pages that differ are written.
        case inPlace(FilePath)
        /// Standard output, including zero pages.
        case standardOutput

        /// The path of the file; nil for standard output.
        var path: FilePath? {
            switch self {
            case .file(let path), .inPlace(let path): path
            case .standardOutput: nil
            }
        }
    }

    /// The form in which the memory is written.
    package enum Form: Sendable, Equatable {
        /// The bytes of all RAM blocks, one after another.
        case raw
        /// The bytes of the RAM block with this name.
        case block(String)
        /// One QEMU stream that contains RAM and device state.
        case stream
        /// A file that `virsh restore` loads: the description of the domain and that stream. The
        /// description is in a file with this path; nil if it is in the checkpoint.
        case libvirt(FilePath?)

        /// Whether the memory is written as a stream.
        var isStream: Bool {
            switch self {
            case .raw, .block: false
            case .stream, .libvirt: true
            }
        }
    }

    /// The result of a restore.
    package struct Outcome: Sendable {
        /// The checkpoint that was restored.
        package let checkpoint: Checkpoint
        /// The number of pages that differed in a file updated in place; nil for other outputs.
        package let writtenPageCount: Int?
        /// The pages that were skipped because they are damaged, by RAM block.
        package let losses: [MemoryLoss]
        /// The damage because of which pages or the device state were skipped.
        package let damage: [SnapError]
        /// Whether the device state was skipped because it is damaged.
        package let isDeviceStateLost: Bool
    }

    /// The specifier of the checkpoint to restore.
    package var specifier: CheckpointSpecifier
    /// The destination of the memory.
    package var output: Output
    /// The form in which the memory is written.
    package var form = Form.raw
    /// The path for the device state, a file or a directory; nil to skip the device state.
    package var deviceState: FilePath?
    /// Whether existing regular files are replaced; in place, only those of the device state.
    package var isForced = false
    /// Whether outputs are flushed to the disk before they are named.
    package var isSynchronized = false
    /// Whether damaged pages and damaged device state are skipped; for raw output to a new file or
    /// to standard output.
    package var skipsDamaged = false

    /// Creates a restore; all other options have defaults.
    ///
    /// - Parameters:
    ///   - specifier: The specifier of the checkpoint to restore.
    ///   - output: The destination of the memory.
    package init(_ specifier: CheckpointSpecifier, to output: Output) {
        self.specifier = specifier
        self.output = output
    }

    /// Restores the checkpoint.
    ///
    /// Checks the digest of every page it reads. A damaged page fails the restore, unless damaged
    /// pages are skipped: then the outcome lists them.
    ///
    /// On failure no output appears or changes, with three exceptions. Bytes written to standard
    /// output cannot be taken back. A file updated in place can be partly old, partly new; the
    /// error's hint then reports this. A device-state file that has replaced an existing one stays.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies lock timeout and jobs; receives progress and warnings.
    /// - Returns: The restored checkpoint and the number of pages that differed in place.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints;
    ///   `.cannotCreate` if an output already exists; `.mismatch` if a file to update in place has
    ///   another length than the memory; `.damaged` with file and offset; `.unsupported`, `.busy`,
    ///   `.permission`, `.inputOutput` or `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        let store = try Store(reading: store, context)
        let comparisonKey = store.identity.digestKey
        return try store.withCheckpoint(specifier, context) {
            (opened) throws(SnapError) in
            if skipsDamaged { return try writeReadable(opened, context) }
            return Outcome(
                checkpoint: opened.checkpoint,
                writtenPageCount: try write(opened, comparisonKey, context: context), losses: [],
                damage: [], isDeviceStateLost: false)
        }
    }

    /// Writes the memory and the device state; returns the number of pages that differed in place.
    ///
    /// Stored pages are checked with the key of the file that contains them. `comparisonKey` is the
    /// key of the digests computed from a file to update in place.
    private func write(
        _ opened: OpenCheckpoint, _ comparisonKey: DigestKey, context: WorkContext
    ) throws(SnapError) -> Int? {
        let export = try MemoryExport(form, of: opened)
        var devices = try openDeviceState(of: opened)
        switch output {
        case .inPlace(let path):
            return try update(
                path, to: export.memory, key: comparisonKey, &devices, context: context)
        case .standardOutput:
            try export.write(to: File.standardOutput(context.calls), context)
            try devices?.publish(isSynchronized: isSynchronized)
        case .file(let path):
            let (directory, name) = try Directory.holding(path, context.calls)
            let image = try OutputFile(name, in: directory, isForced: isForced)
            try export.write(to: image, context)
            try devices?.publish(isSynchronized: isSynchronized)
            do throws(SnapError) {
                try image.publish(isSynchronized: isSynchronized)
            } catch {
                devices?.withdraw()
                throw error
            }
        }
        return nil
    }

    /// Writes all of the memory and the device state that is intact.
    private func writeReadable(
        _ opened: OpenCheckpoint, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        guard !form.isStream else {
            throw SnapError(.usage, "a QEMU stream cannot be written without its damaged pages")
        }
        let memory = try MemoryExport(form, of: opened).memory
        var devices: DeviceStateOutput?
        var deviceFailure = try Self.damage { () throws(SnapError) in
            devices = try openDeviceState(of: opened)
        }
        var skipped: SkippedPages
        switch output {
        case .inPlace(let path):
            throw SnapError(.usage, "damaged pages cannot be skipped in place", path: path)
        case .standardOutput:
            skipped = try memory.writeReadable(to: File.standardOutput(context.calls), context)
            let failure = try Self.damage { () throws(SnapError) in
                try devices?.publish(isSynchronized: isSynchronized)
            }
            deviceFailure = deviceFailure ?? failure
        case .file(let path):
            let (directory, name) = try Directory.holding(path, context.calls)
            let image = try OutputFile(name, in: directory, isForced: isForced)
            try image.setLength(memory.byteCount)
            skipped = try memory.writeReadable(to: image, context)
            let failure = try Self.damage { () throws(SnapError) in
                try devices?.publish(isSynchronized: isSynchronized)
            }
            deviceFailure = deviceFailure ?? failure
            do throws(SnapError) {
                try image.publish(isSynchronized: isSynchronized)
            } catch {
                devices?.withdraw()
                throw error
            }
        }
        if let deviceFailure { skipped.add(deviceFailure) }
        return Outcome(
            checkpoint: opened.checkpoint, writtenPageCount: nil, losses: skipped.losses,
            damage: skipped.errors, isDeviceStateLost: deviceFailure != nil)
    }

    /// Runs a step of writing the device state; returns the damage that prevents it.
    private static func damage(
        _ body: () throws(SnapError) -> Void
    ) throws(SnapError) -> SnapError? {
        do throws(SnapError) {
            try body()
            return nil
        } catch {
            guard error.code == .damaged || error.errno == .ioError else { throw error }
            return error
        }
    }

    /// Opens the device state and checks its outputs; returns nil if it is not wanted.
    private func openDeviceState(
        of opened: OpenCheckpoint
    ) throws(SnapError) -> DeviceStateOutput? {
        guard let deviceState else { return nil }
        let devices = try DeviceStateOutput(to: deviceState, of: opened, isForced: isForced)
        if let path = output.path, devices.files.contains(path) {
            throw SnapError(
                .usage, "is the output of both memory and device state", path: path)
        }
        return devices
    }

    /// Updates a file in place and writes the device state; returns the number of pages that
    /// differed.
    private func update(
        _ path: FilePath, to memory: StoredMemory, key: DigestKey,
        _ devices: inout DeviceStateOutput?, context: WorkContext
    ) throws(SnapError) -> Int {
        let image = try Self.openInPlace(
            path, byteCount: memory.byteCount, calls: context.calls)
        let update = try ImageUpdate(comparing: image, with: memory, key: key, context)
        try devices?.publish(isSynchronized: isSynchronized)
        do throws(SnapError) {
            try update.apply(to: image, context)
            if isSynchronized { try image.synchronize() }
        } catch {
            devices?.withdraw()
            throw error
        }
        return update.pageCount
    }

    private static func openInPlace(
        _ path: FilePath, byteCount: Int, calls: SystemCalls
    ) throws(SnapError) -> MemoryImage {
        let (directory, name) = try Directory.holding(path, calls)
        let image = try MemoryImage(raw: try OutputFile.openExisting(name, in: directory))
        guard try image.fileSystem() != .hugetlbfs else { throw OutputFile.hugePagesError(path) }
        guard image.ram.byteCount == byteCount else {
            throw SnapError(
                .mismatch,
                "length is \(image.ram.byteCount) bytes, expected the memory's \(byteCount)",
                path: path)
        }
        return image
    }
}
