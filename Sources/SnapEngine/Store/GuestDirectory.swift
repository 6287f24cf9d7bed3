package import GuestMemory
import SavevmFormat
package import SnapSystem
import SystemPackage

/// One guest's directory in a store: its files and its two locks.
package struct GuestDirectory: Sendable {
    /// Whose it is.
    package let guest: GuestName
    /// Where it is.
    package let directory: Directory

    private static let writerLockName = "writer.lock"
    private static let readerLockName = "reader.lock"
    /// The names of both locks.
    static let lockNames = [writerLockName, readerLockName]

    /// The files of a guest by what they are.
    package struct Files: Sendable {
        /// Checkpoints.
        package var savevm: Set<Int> = []
        /// Device states.
        package var deviceState: Set<Int> = []
        /// Deleted checkpoints of which pages may be needed.
        package var retired: Set<Int> = []
        /// What was being written when its process died.
        package var temporary: [String] = []

        /// Device states of checkpoints that have been deleted.
        package var retiredDeviceStates: Set<Int> {
            deviceState.intersection(retired).subtracting(savevm)
        }

        /// The highest number of a checkpoint, live or retired; 0 if there is none.
        package var highestNumber: Int { savevm.union(retired).max() ?? 0 }
    }

    /// Looks at what the directory holds; nothing if it is not there.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    package func files() throws(SnapError) -> Files {
        var files = Files()
        guard try directory.status() != nil else { return files }
        for name in try directory.names() {
            switch FileName(name) {
            case .savevm(let number): files.savevm.insert(number)
            case .deviceState(let number): files.deviceState.insert(number)
            case .retired(let number): files.retired.insert(number)
            case nil: if PendingFile.isTemporary(name) { files.temporary.append(name) }
            }
        }
        return files
    }

    /// Opens the savevm file of a number.
    ///
    /// - Parameter number: The checkpoint's number.
    /// - Throws: `.notFound`; `.damaged` if it is not whole, or another's or another number's;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    func savevm(numbered number: Int) throws(SnapError) -> SavevmFile {
        let file = try SavevmFile(
            directory.file(FileName.savevm(number).text), directory.calls)
        guard file.header.number == number, file.description.guest == guest else {
            throw SnapError(
                .damaged,
                "says that it is \(file.description.guest):\(file.header.number), expected "
                    + "\(guest):\(number)", path: file.path)
        }
        return file
    }

    /// Opens a checkpoint's own savevm file.
    ///
    /// - Parameter checkpoint: A checkpoint of the index.
    /// - Throws: `.notFound` if it has been deleted; `.damaged` if it is missing, not whole or
    ///   another's; `.unsupported`, `.permission` or `.inputOutput`.
    func savevm(of checkpoint: Checkpoint) throws(SnapError) -> SavevmFile {
        let number = checkpoint.number
        let path = directory.file(FileName.savevm(number).text)
        let file: SavevmFile
        do {
            file = try SavevmFile(path, directory.calls)
        } catch let error where error.code == .notFound {
            // A deletion that died before it got to the index.
            if try directory.status(of: FileName.retired(number).text) != nil {
                throw SnapError(.notFound, "checkpoint \(checkpoint.reference) has been deleted")
            }
            throw SnapError(.damaged, "is missing", path: path)
        }
        guard file.reference == Reference(number: number, id: checkpoint.id) else {
            throw SnapError(
                .damaged,
                "is checkpoint \(file.header.number) of id \(file.reference.id.hex), expected "
                    + "\(number) of id \(checkpoint.id.hex)", path: path)
        }
        return file
    }

    /// Takes the lock of those who change the guest's checkpoints; makes the directory first.
    ///
    /// - Parameter patience: How long to wait.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func lockForWriting(patience: Duration) throws(SnapError) -> FileLock {
        while true {
            try directory.make()
            // Made here, by whom the store is, so that no other reader comes to own it.
            _ = try File(makingIfAbsent: directory.file(Self.readerLockName), directory.calls)
            let file = try File(
                makingIfAbsent: directory.file(Self.writerLockName), directory.calls)
            let inode = try file.status().inode
            let lock = try FileLock(.exclusive, file, patience: patience)
            // A failed save may have removed the directory of its new guest meanwhile.
            if try directory.status(of: Self.writerLockName)?.inode == inode { return lock }
        }
    }

    /// Waits until nobody reads who began before: a barrier, not a lock that is kept.
    ///
    /// - Parameter patience: How long to wait.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func passReaders(patience: Duration) throws(SnapError) {
        let file = try File(makingIfAbsent: directory.file(Self.readerLockName), directory.calls)
        _ = try FileLock(.exclusive, file, patience: patience)
    }

    /// Takes the lock of those who read the guest's pages; none where there can be none.
    ///
    /// - Parameter patience: How long to wait.
    /// - Throws: `.busy` or `.inputOutput`.
    func lockForReading(patience: Duration) throws(SnapError) -> FileLock? {
        try FileLock.sharedIfPossible(
            directory.file(Self.readerLockName), directory.calls, patience)
    }
}

extension FileLock {
    /// Takes a shared lock on a file that is made if need be; none in a store that this process
    /// may only read and in which nobody has made the file.
    static func sharedIfPossible(
        _ path: FilePath, _ calls: SystemCalls, _ patience: Duration
    ) throws(SnapError) -> FileLock? {
        let made: File
        do {
            made = try File(makingIfAbsent: path, calls)
        } catch let error where error.code == .permission {
            do {
                return try FileLock(
                    .shared, try File(reading: path, calls), patience: patience)
            } catch let error where error.code == .notFound { return nil }
        } catch let error where error.code == .notFound {
            return nil
        }
        return try FileLock(.shared, made, patience: patience)
    }
}
