import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// Writes a checkpoint's device-state files, each with the bytes that the save was given.
struct DeviceStateOutput: ~Copyable {
    private let stored: DeviceStateFile
    /// The paths of the output files, in the order of the device-state files.
    let files: [FilePath]
    private let directory: Directory
    private let names: [String]
    private let makesDirectory: Bool
    private let isForced: Bool
    private var published: [String] = []

    /// Opens a checkpoint's device state and checks that the outputs can be created.
    ///
    /// - Parameters:
    ///   - path: The path of a file if the device state is one file; otherwise, or if it is an
    ///     existing directory, the path of the directory for the files.
    ///   - opened: The open checkpoint.
    ///   - isForced: Whether existing regular files are replaced.
    /// - Throws: `.notFound` if the checkpoint has no device state; `.cannotCreate` if an output
    ///   already exists; `.damaged`, `.permission` or `.inputOutput`.
    init(
        to path: FilePath, of opened: OpenCheckpoint, isForced: Bool
    ) throws(SnapError) {
        let stored = try opened.deviceState()
        let calls = opened.guest.directory.calls
        let existing: FileStatus?
        do throws(SnapError) { existing = try FileStatus(of: path, calls) } catch {
            throw OutputFile.withPathErrorCode(error)
        }
        let isDirectory = existing?.kind == .directory
        let isFile = !isDirectory && stored.states.count == 1
        guard existing == nil || isDirectory || isFile else {
            throw SnapError(
                .cannotCreate,
                "is not a directory, expected one for \(stored.states.count) device-state files",
                path: path)
        }
        var directory = Directory(path, calls)
        let names: [String]
        if isFile {
            let (holder, name) = try Directory.holding(path, calls)
            directory = holder
            names = [name]
        } else {
            names = try Self.names(of: stored.states, for: path)
        }
        let makesDirectory = existing == nil && !isFile
        for name in makesDirectory ? [] : names {
            _ = try OutputFile.check(name, in: directory, isForced: isForced)
        }
        self.directory = directory
        self.names = names
        self.makesDirectory = makesDirectory
        self.stored = stored
        self.isForced = isForced
        files = isFile ? [path] : names.map(directory.file)
    }

    /// Returns the names of the files in the output directory, checked to be safe and distinct.
    private static func names(
        of states: [StoredDeviceState], for path: FilePath
    ) throws(SnapError) -> [String] {
        var names: Set<String> = []
        for state in states {
            guard GuestName(state.name) != nil, names.insert(state.name).inserted else {
                throw SnapError(
                    .cannotCreate,
                    "device state \"\(state.name)\" is not a valid file name, or occurs twice",
                    path: path)
            }
        }
        return states.map(\.name)
    }

    /// Writes all files; each appears under its name when it is complete.
    ///
    /// On failure, deletes the new files, and a directory that it has created. Files that have
    /// replaced existing ones stay.
    ///
    /// - Parameter isSynchronized: Whether each file is flushed to the disk before it is named.
    /// - Throws: `.damaged`, `.cannotCreate`, `.unsupported`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    mutating func publish(isSynchronized: Bool) throws(SnapError) {
        do throws(SnapError) {
            if makesDirectory { try directory.create() }
            var reader = DeviceStateReader(stored)
            for (state, name) in zip(stored.states, names) {
                let output = try OutputFile(name, in: directory, isForced: isForced)
                var offset = 0
                for section in state.originalSections {
                    try reader.read(section) { (bytes) throws(SnapError) in
                        try output.write(bytes, at: offset)
                        offset += bytes.byteCount
                    }
                }
                let isNew = output.isNew
                try output.publish(isSynchronized: isSynchronized)
                // A replaced file cannot be restored, so its replacement stays on failure.
                if isNew { published.append(name) }
            }
        } catch {
            withdraw()
            throw error
        }
    }

    /// Deletes the new files that have been published, because the rest of the command failed.
    func withdraw() {
        for name in published { try? directory.remove(name) }
        if makesDirectory { try? directory.removeIfEmpty() }
    }
}
