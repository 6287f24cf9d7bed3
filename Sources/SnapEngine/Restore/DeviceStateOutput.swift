import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The device state on its way out: each file as it was given, several into a directory.
struct DeviceStateOutput: ~Copyable {
    private let stored: DeviceStateFile
    /// Where they go, in order.
    let files: [FilePath]
    private let directory: Directory
    private let names: [String]
    private let makesDirectory: Bool
    private let isForced: Bool
    private var published: [String] = []

    /// Opens a checkpoint's device state and looks at where it is to go.
    ///
    /// - Parameters:
    ///   - path: A file's name for one file; an existing or new directory for several.
    ///   - opened: The checkpoint.
    ///   - isForced: Whether existing regular files are replaced.
    /// - Throws: `.notFound` if the checkpoint has none, `.cannotCreate` if a name is taken,
    ///   `.damaged`, `.permission` or `.inputOutput`.
    init(
        to path: FilePath, of opened: OpenCheckpoint, isForced: Bool
    ) throws(SnapError) {
        let stored = try opened.deviceState()
        let calls = opened.guest.directory.calls
        let existing: FileStatus?
        do throws(SnapError) { existing = try FileStatus(of: path, calls) } catch {
            throw OutputFile.cannotBeMade(error)
        }
        let isDirectory = existing?.kind == .directory
        let isFile = !isDirectory && stored.states.count == 1
        guard existing == nil || isDirectory || isFile else {
            throw SnapError(
                .cannotCreate,
                "\(stored.states.count) device-state files need a directory, this is none",
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

    /// Names the files in a directory; their names obey the rule that makes them such.
    private static func names(
        of states: [StoredDeviceState], for path: FilePath
    ) throws(SnapError) -> [String] {
        var names: Set<String> = []
        for state in states {
            guard GuestName(state.name) != nil, names.insert(state.name).inserted else {
                throw SnapError(
                    .cannotCreate,
                    "device state \"\(state.name)\" cannot name a file, or is there twice",
                    path: path)
            }
        }
        return states.map(\.name)
    }

    /// Writes all files out; each appears when it is whole.
    ///
    /// On failure none is left of those that replaced nothing.
    ///
    /// - Parameter isSynchronized: Whether their bytes must be on the disk.
    /// - Throws: `.damaged`, `.cannotCreate`, `.permission` or `.inputOutput`.
    mutating func publish(isSynchronized: Bool) throws(SnapError) {
        do throws(SnapError) {
            if makesDirectory { try directory.make() }
            for (state, name) in zip(stored.states, names) {
                let output = try OutputFile(name, in: directory, isForced: isForced)
                var offset = 0
                for section in state.givenSections {
                    try stored.read(section) { (bytes) throws(SnapError) in
                        try output.write(bytes, at: offset)
                        offset += bytes.byteCount
                    }
                }
                let isNew = output.isNew
                try output.publish(isSynchronized: isSynchronized)
                // What was replaced cannot be had back, and what is new is better than nothing.
                if isNew { published.append(name) }
            }
        } catch {
            withdraw()
            throw error
        }
    }

    /// Takes back what has been published, because the rest of the command failed.
    func withdraw() {
        for name in published { try? directory.remove(name) }
        if makesDirectory { try? directory.removeIfEmpty() }
    }
}
