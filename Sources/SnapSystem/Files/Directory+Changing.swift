import Glibc
import SystemPackage

// The operations that change the names in a directory.
extension Directory {
    /// Creates the directory, and each missing directory above it, with mode 0700.
    ///
    /// Does nothing if the directory exists. Each created name is durable when this returns.
    ///
    /// - Throws: `.permission`, `.cannotCreate` or `.inputOutput`.
    ///
    /// The corresponding C function is `mkdirat`.
    package func create() throws(SnapError) {
        do throws(SnapError) {
            if try status() != nil { return }
        } catch let error where error.errno == .notDirectory && error.code == .notFound {
            throw error.with(code: .cannotCreate)
        }
        guard let (parent, name) = parent else { return }
        try parent.create()
        do throws(SnapError) {
            try parent.withDescriptor("create the directory", of: name) {
                (descriptor) throws(Errno) in
                try calls.makeDirectory(name, in: descriptor, permissions: .ownerReadWriteExecute)
            }
        } catch let error where error.errno == .fileExists {
            // Another snap may have created it in the meantime.
            return
        }
        try parent.synchronize()
    }

    /// Waits until the names in the directory are on the disk.
    ///
    /// CIFS and some FUSE file systems report that they do not support this for a directory. There,
    /// the names are only as durable as the file system makes them, and this function succeeds.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fsync`, on the directory.
    package func synchronize() throws(SnapError) {
        let directory = try open(nil, O_RDONLY | O_DIRECTORY, action: "open")
        do throws(SnapError) { try directory.synchronize() } catch {
            let refusals: [Errno?] = [
                .invalidArgument, .notSupported, .noFunction, .badFileDescriptor,
            ]
            guard refusals.contains(error.errno) else { throw error }
        }
    }

    /// Removes a name, if it exists; the removal is durable after `synchronize`.
    ///
    /// - Parameter name: The name of a file in the directory.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `unlinkat`.
    package func remove(_ name: String) throws(SnapError) {
        do throws(SnapError) {
            try withDescriptor("remove", of: name) { (descriptor) throws(Errno) in
                try calls.remove(name, in: descriptor)
            }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return }
            throw error
        }
    }

    /// Removes the directory if it is empty, and otherwise does nothing.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `rmdir`.
    package func removeIfEmpty() throws(SnapError) {
        guard let (parent, name) = parent else { return }
        do throws(SnapError) {
            try parent.withDescriptor("remove", of: name) { (descriptor) throws(Errno) in
                try calls.removeDirectory(name, in: descriptor)
            }
        } catch {
            if error.errno == .directoryNotEmpty { return }
            throw error
        }
    }

    /// Renames a file to a name that does not exist yet.
    ///
    /// On failure the file keeps its old name.
    ///
    /// - Parameters:
    ///   - name: The current name.
    ///   - newName: The new name.
    /// - Throws: `.cannotCreate` if the new name exists, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `renameat2` with `RENAME_NOREPLACE`. If the file system does
    /// not support that, it is `renameat` after a check that the name does not exist.
    package func rename(_ name: String, to newName: String) throws(SnapError) {
        do throws(SnapError) {
            try withDescriptor("rename to \(newName)", of: name) { (descriptor) throws(Errno) in
                do throws(Errno) {
                    try calls.rename(name, to: newName, in: descriptor, replacing: false)
                } catch {
                    guard Self.meansNoFlags(error) else { throw error }
                    // The check suffices, because any process that renames a file in a store holds
                    // the guest's lock.
                    if try isTaken(newName, in: descriptor) { throw Errno.fileExists }
                    try calls.rename(name, to: newName, in: descriptor, replacing: true)
                }
            }
        } catch let error where error.errno == .fileExists {
            throw SnapError(
                .cannotCreate, "already exists", path: file(newName), errno: .fileExists)
        }
    }

    /// Renames a file, and replaces an existing file of the new name.
    ///
    /// - Parameters:
    ///   - name: The current name.
    ///   - newName: The new name.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `renameat`.
    package func rename(_ name: String, replacing newName: String) throws(SnapError) {
        try withDescriptor("rename to \(newName)", of: name) { (descriptor) throws(Errno) in
            try calls.rename(name, to: newName, in: descriptor, replacing: true)
        }
    }

    /// Renames a file from its temporary name to its final name, which must not exist yet.
    ///
    /// If renameat2(2) supports no flags (NFS, 9p, sshfs, most of FUSE, ZFS before 2.2), the file
    /// gets a second name and loses the first. If a file can have only one name (FAT, exFAT, CIFS),
    /// snap checks that the name does not exist before it renames the file. If another program
    /// creates a file of that name in between, the rename replaces that file.
    ///
    /// - Parameters:
    ///   - temporaryName: The current name.
    ///   - name: The final name.
    /// - Throws: `.cannotCreate` if the final name exists, `.permission` or `.inputOutput`.
    func renameWithoutReplacing(
        _ temporaryName: String, as name: String
    ) throws(SnapError) {
        try withDescriptor("create", of: name) { (descriptor) throws(Errno) in
            do throws(Errno) {
                return try calls.rename(temporaryName, to: name, in: descriptor, replacing: false)
            } catch {
                guard Self.meansNoFlags(error) else { throw error }
            }
            do throws(Errno) {
                try calls.link(temporaryName, to: name, in: descriptor)
            } catch {
                if error == .fileExists { throw error }
                if try isTaken(name, in: descriptor) { throw Errno.fileExists }
                return try calls.rename(temporaryName, to: name, in: descriptor, replacing: true)
            }
            // The file has its final name, so a temporary name that remains does no harm.
            try? calls.remove(temporaryName, in: descriptor)
        }
    }

    /// Whether an error means that renameat2(2) supports no flags here.
    private static func meansNoFlags(_ error: Errno) -> Bool {
        [.invalidArgument, .noFunction, .notSupported].contains(error)
    }

    private func isTaken(_ name: String, in descriptor: Int32) throws(Errno) -> Bool {
        do throws(Errno) {
            _ = try calls.status(of: name, in: descriptor)
            return true
        } catch {
            if error == .noSuchFileOrDirectory { return false }
            throw error
        }
    }
}
