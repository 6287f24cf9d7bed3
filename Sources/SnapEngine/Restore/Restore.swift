// snap restore: a checkpoint becomes a memory image again, in one pass, whatever its history.
//
//     root ─ table ─ 512 locations ─ groups ─ inflate ─ delta on base ─ digest ─ write

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Writes a checkpoint's memory, and its device state, back.
package struct Restore: Sendable {
    /// Where the memory goes.
    package enum Output: Sendable, Equatable {
        /// A file that appears when it is complete; holes where pages are zero.
        case file(FilePath)
        /// A file that is there, of the memory's length: only pages that differ are written.
        case inPlace(FilePath)
        /// Standard output, zeros and all.
        case standardOutput

        /// The file, if it is one.
        var path: FilePath? {
            switch self {
            case .file(let path), .inPlace(let path): path
            case .standardOutput: nil
            }
        }
    }

    /// In what form the memory is written.
    package enum Form: Sendable, Equatable {
        /// The bytes of all RAM blocks, one after the other.
        case raw
        /// The bytes of one RAM block.
        case block(String)
        /// One QEMU stream, device state and all.
        case stream
    }

    /// What a restore has done.
    package struct Outcome: Sendable {
        /// What was restored.
        package let checkpoint: Checkpoint
        /// How many pages of a file in place differed; nil for other outputs.
        package let writtenPageCount: Int?
    }

    /// Which checkpoint.
    package var specifier: CheckpointSpecifier
    /// Where its memory goes.
    package var output: Output
    /// In what form.
    package var form = Form.raw
    /// Where its device state goes; nil to leave it.
    package var deviceState: FilePath?
    /// Whether existing regular files are replaced; in place, those of the device state.
    package var isForced = false
    /// Whether outputs are on the disk before they get their names.
    package var isSynchronized = false

    /// Prepares to restore; everything else has a default.
    ///
    /// - Parameters:
    ///   - specifier: Which checkpoint.
    ///   - output: Where its memory goes.
    package init(_ specifier: CheckpointSpecifier, to output: Output) {
        self.specifier = specifier
        self.output = output
    }

    /// Restores the checkpoint.
    ///
    /// Every page's digest is checked on the way.
    ///
    /// On failure no output has appeared or changed, except what has gone to standard output, and
    /// a file in place whose first page has been written: the error's hint then says so.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Returns: What was restored.
    /// - Throws: By code: `.notFound`; `.usage` for an id that fits two; `.cannotCreate` if an
    ///   output exists; `.mismatch` if one in place does not fit; `.damaged` with file and offset;
    ///   `.unsupported`; `.busy`; `.permission`; `.inputOutput`; `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        let store = try Store(reading: store, context)
        let comparisonKey = store.identity.digestKey
        return try store.withCheckpoint(specifier, context) {
            (opened) throws(SnapError) in
            Outcome(
                checkpoint: opened.checkpoint,
                writtenPageCount: try write(opened, comparisonKey, context: context))
        }
    }

    /// Writes the memory and the device state; returns how many pages of a file in place differed.
    ///
    /// Pages that are read are checked with their own file's key; `comparisonKey` is for the
    /// digests of a file in place.
    private func write(
        _ opened: OpenCheckpoint, _ comparisonKey: DigestKey, context: WorkContext
    ) throws(SnapError) -> Int? {
        let export = try MemoryExport(form, of: opened)
        var devices = try deviceState.map { path throws(SnapError) in
            try DeviceStateOutput(to: path, of: opened, isForced: isForced)
        }
        if let path = output.path, devices?.files.contains(path) ?? false {
            throw SnapError(.usage, "is to hold both memory and device state", path: path)
        }
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

    /// Updates a file in place and writes the device state; returns how many pages differed.
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
        guard try image.fileSystem() != .hugetlbfs else { throw OutputFile.isOnHugePages(path) }
        guard image.ram.byteCount == byteCount else {
            throw SnapError(
                .mismatch,
                "length is \(image.ram.byteCount) bytes, the memory has \(byteCount)",
                path: path)
        }
        return image
    }
}
