import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The device state on its way out: one section to a file, several to a directory.
struct DeviceStateOutput: ~Copyable {
    private let source: DeviceStateFile
    /// Where the sections go, in order.
    let files: [FilePath]
    private let directoryToMake: Directory?
    private let calls: SystemCalls
    private let isForced: Bool
    private var published: [FilePath] = []

    /// Opens a checkpoint's device state and looks at where it is to go.
    ///
    /// - Parameters:
    ///   - path: A file's name for one section; an existing or new directory for several.
    ///   - checkpoint: The checkpoint's savevm file.
    ///   - guest: The guest's directory in the store.
    ///   - isForced: Whether existing regular files are replaced.
    /// - Throws: `.notFound` if the checkpoint has none, `.cannotCreate` if a name is taken,
    ///   `.damaged`, `.permission` or `.inputOutput`.
    init(
        _ path: FilePath, of checkpoint: SavevmFile, in guest: Directory, isForced: Bool
    ) throws(SnapError) {
        let source = try Self.open(checkpoint, in: guest)
        let target = Directory(path, guest.calls)
        let existing = try target.status()
        let isDirectory = existing?.kind == .directory
        var files = [path]
        if isDirectory || source.sections.count != 1 {
            guard existing == nil || isDirectory else {
                throw SnapError(
                    .cannotCreate,
                    "\(source.sections.count) device sections need a directory, "
                        + "this is none", path: path)
            }
            files = try Self.files(of: source.sections, in: target)
        }
        if existing != nil { try Self.checkAbsent(files, guest.calls, isForced: isForced) }
        self.files = files
        directoryToMake = existing == nil && files != [path] ? target : nil
        self.source = source
        self.isForced = isForced
        calls = guest.calls
    }

    private static func open(
        _ checkpoint: SavevmFile, in guest: Directory
    ) throws(SnapError) -> DeviceStateFile {
        let number = checkpoint.header.number
        guard let seal = checkpoint.description.deviceState else {
            throw SnapError(
                .notFound,
                "checkpoint \(checkpoint.description.guest):\(number) was saved without device "
                    + "state")
        }
        let path = guest.file(FileName.deviceState(number).text)
        do {
            return try DeviceStateFile(path, seal, checkpoint.header.checkpointID, guest.calls)
        } catch let error where error.code == .notFound {
            throw SnapError(.damaged, "is missing", path: path)
        }
    }

    private static func checkAbsent(
        _ files: [FilePath], _ calls: SystemCalls, isForced: Bool
    ) throws(SnapError) {
        for file in files {
            let (directory, name) = try Directory.holding(file, calls)
            guard let status = try directory.status(of: name) else { continue }
            if isForced && status.kind == .regular { continue }
            throw SnapError(
                .cannotCreate, "exists", path: file,
                hint: status.kind == .regular ? "--force replaces it" : nil)
        }
    }

    /// Names the files in a directory; a section's name obeys the rule that makes it one.
    private static func files(
        of sections: [StoredSection], in target: Directory
    ) throws(SnapError) -> [FilePath] {
        var files: [FilePath] = []
        for section in sections {
            let file = target.file(section.name)
            guard GuestName(section.name) != nil, !files.contains(file) else {
                throw SnapError(
                    .cannotCreate,
                    "section \"\(section.name)\" cannot name a file, or is there twice",
                    path: target.path)
            }
            files.append(file)
        }
        return files
    }

    /// Writes all sections out; each file appears when it is whole.
    ///
    /// On failure none is left of those that replaced nothing.
    ///
    /// - Parameter isSynchronized: Whether their bytes must be on the disk.
    /// - Throws: `.damaged`, `.cannotCreate`, `.permission` or `.inputOutput`.
    mutating func publish(isSynchronized: Bool) throws(SnapError) {
        do throws(SnapError) {
            try directoryToMake?.make()
            for (section, path) in zip(source.sections, files) {
                let output = try ImageOutput(path, calls, isForced: isForced)
                var offset = 0
                try source.read(section) { (bytes) throws(SnapError) in
                    try output.write(bytes, at: offset)
                    offset += bytes.byteCount
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
