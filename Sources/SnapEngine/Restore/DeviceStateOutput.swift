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
    private let directoryToMake: Directory?
    private let calls: SystemCalls
    private let isForced: Bool
    private var published: [FilePath] = []

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
        let target = Directory(path, calls)
        let existing: FileStatus?
        do throws(SnapError) { existing = try target.status() } catch {
            throw OutputFile.cannotBeMade(error)
        }
        let isDirectory = existing?.kind == .directory
        var files = [path]
        if isDirectory || stored.states.count != 1 {
            guard existing == nil || isDirectory else {
                throw SnapError(
                    .cannotCreate,
                    "\(stored.states.count) device-state files need a directory, "
                        + "this is none", path: path)
            }
            files = try Self.files(of: stored.states, in: target)
        }
        if existing != nil { try Self.checkAbsent(files, calls, isForced: isForced) }
        self.files = files
        directoryToMake = existing == nil && files != [path] ? target : nil
        self.stored = stored
        self.isForced = isForced
        self.calls = calls
    }

    private static func checkAbsent(
        _ files: [FilePath], _ calls: SystemCalls, isForced: Bool
    ) throws(SnapError) {
        for file in files {
            let (directory, name) = try Directory.holding(file, calls)
            _ = try OutputFile.check(name, in: directory, isForced: isForced)
        }
    }

    /// Names the files in a directory; their names obey the rule that makes them such.
    private static func files(
        of states: [StoredDeviceState], in target: Directory
    ) throws(SnapError) -> [FilePath] {
        var files: [FilePath] = []
        for state in states {
            let file = target.file(state.name)
            guard GuestName(state.name) != nil, !files.contains(file) else {
                throw SnapError(
                    .cannotCreate,
                    "device state \"\(state.name)\" cannot name a file, or is there twice",
                    path: target.path)
            }
            files.append(file)
        }
        return files
    }

    /// Writes all files out; each appears when it is whole.
    ///
    /// On failure none is left of those that replaced nothing.
    ///
    /// - Parameter isSynchronized: Whether their bytes must be on the disk.
    /// - Throws: `.damaged`, `.cannotCreate`, `.permission` or `.inputOutput`.
    mutating func publish(isSynchronized: Bool) throws(SnapError) {
        do throws(SnapError) {
            try directoryToMake?.make()
            for (state, path) in zip(stored.states, files) {
                let output = try OutputFile(path, calls, isForced: isForced)
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
                if isNew { published.append(path) }
            }
        } catch {
            withdraw()
            throw error
        }
    }

    /// Takes back what has been published, because the rest of the command failed.
    func withdraw() {
        for path in published {
            guard let (directory, name) = try? Directory.holding(path, calls) else { continue }
            try? directory.remove(name)
        }
        try? directoryToMake?.removeIfEmpty()
    }
}
