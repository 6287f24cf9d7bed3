package import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage

/// A store, open: its identity, its index, and the lock that keeps both in place.
package struct Store: ~Copyable {
    /// Where it is.
    package let directory: Directory
    /// Its id and digest key.
    package let identity: StoreIdentity
    /// Its index.
    package let index: CheckpointIndex
    private let lock: FileLock?

    static let lockName = "lock"
    static let indexName = "index.sqlite"
    static let guestsName = "guests"

    /// Opens an existing store to read from it.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - patience: How long to wait for a lock.
    ///   - calls: The seam.
    /// - Throws: `.notFound` if there is no store, `.damaged` with a hint, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    package init(
        reading path: FilePath, patience: Duration, _ calls: SystemCalls
    ) throws(SnapError) {
        let directory = Directory(path, calls)
        guard try directory.status()?.kind == .directory else {
            throw SnapError(
                .notFound, "there is no store here", path: path, hint: "the first save makes it")
        }
        guard try directory.status(of: StoreIdentity.fileName) != nil else {
            let guests = try Self.guests(in: directory)
            if guests.isEmpty {
                throw SnapError(
                    .notFound, "is no store: it has no \(StoreIdentity.fileName)", path: path)
            }
            throw Self.missing(StoreIdentity.fileName, in: directory)
        }
        let lock = try FileLock.sharedIfPossible(
            directory.file(Self.lockName), calls, patience)
        let identity = try StoreIdentity(readingFrom: directory)
        guard try directory.status(of: Self.indexName) != nil else {
            throw Self.missing(Self.indexName, in: directory)
        }
        let index = try CheckpointIndex(
            directory.file(Self.indexName), isWritable: false, calls)
        self.init(directory, identity, index, lock)
    }

    private static func missing(_ name: String, in directory: Directory) -> SnapError {
        SnapError(
            .damaged, "is missing", path: directory.file(name),
            hint: "snap reindex makes it anew from the files")
    }

    /// Opens a store to write to it; makes it where it is not there, and what of it is missing.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - patience: How long to wait for a lock.
    ///   - calls: The seam.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: as for reading, but for what can be made.
    package init(
        writing path: FilePath, patience: Duration, _ calls: SystemCalls,
        warn: (SnapError) -> Void
    ) throws(SnapError) {
        let directory = Directory(path, calls)
        try directory.make()
        let lockPath = directory.file(Self.lockName)
        while true {
            let lock = try FileLock(
                .shared, try File(makingIfAbsent: lockPath, calls), patience: patience)
            if try Self.isComplete(directory) {
                let identity = try StoreIdentity(readingFrom: directory)
                let index = try CheckpointIndex(
                    directory.file(Self.indexName), isWritable: true, calls)
                if try !index.needsMigration() {
                    self.init(directory, identity, index, lock)
                    return
                }
            }
            try Self.complete(directory, releasing: lock, patience: patience, warn: warn)
        }
    }

    private init(
        _ directory: Directory, _ identity: StoreIdentity, _ index: CheckpointIndex,
        _ lock: consuming FileLock?
    ) {
        self.directory = directory
        self.identity = identity
        self.index = index
        self.lock = lock
    }

    private static func isComplete(_ directory: Directory) throws(SnapError) -> Bool {
        for name in [StoreIdentity.fileName, indexName] {
            if try directory.status(of: name) == nil { return false }
        }
        return true
    }

    /// Makes what is missing, or migrates the schema, with the lock held exclusively.
    private static func complete(
        _ directory: Directory, releasing shared: consuming FileLock, patience: Duration,
        warn: (SnapError) -> Void
    ) throws(SnapError) {
        release(shared)
        let file = try File(makingIfAbsent: directory.file(lockName), directory.calls)
        let exclusive = try FileLock(.exclusive, file, patience: patience)
        // Another process may have done it before the lock was ours.
        if try directory.status(of: StoreIdentity.fileName) == nil {
            let identity = try Reindex.identity(fromFilesOf: directory) ?? .random()
            try identity.write(to: directory)
        }
        // An index of no bytes has lost its rows as one that is missing has.
        if try directory.status(of: indexName)?.byteCount ?? 0 == 0 {
            _ = try Reindex.rebuildIndex(
                of: directory, skipsUnreadable: false, warn: warn)
        }
        try CheckpointIndex(directory.file(indexName), isWritable: true, directory.calls)
            .migrate()
        release(exclusive)
    }

    private static func release(_ lock: consuming FileLock) {}

    /// A guest's directory.
    ///
    /// - Parameter guest: Whose.
    package func guest(_ guest: GuestName) -> GuestDirectory {
        Self.guest(guest, in: directory)
    }

    static func guest(_ guest: GuestName, in directory: Directory) -> GuestDirectory {
        GuestDirectory(
            guest: guest, directory: directory.directory(guestsName).directory(guest.description))
    }

    /// The guests that have a directory, by name.
    static func guests(in directory: Directory) throws(SnapError) -> [GuestName] {
        let guests = directory.directory(guestsName)
        guard try guests.status() != nil else { return [] }
        var found: [GuestName] = []
        for name in try guests.names() {
            guard let guest = GuestName(name) else { continue }
            if try guests.status(of: name)?.kind == .directory { found.append(guest) }
        }
        return found
    }
}
