import Glibc
import SystemPackage

// What changes the names in a directory.
extension Directory {
    /// Makes the directory, and those above it, with mode 0700 where they are not there, each
    /// durably in its parent.
    ///
    /// - Throws: `.permission`, `.cannotCreate` or `.inputOutput`.
    ///
    /// The corresponding C function is `mkdirat`.
    package func make() throws(SnapError) {
        do throws(SnapError) {
            if try status() != nil { return }
        } catch let error where error.errno == .notDirectory && error.code == .notFound {
            throw error.with(code: .cannotCreate)
        }
        guard let (parent, name) = parent else { return }
        try parent.make()
        do throws(SnapError) {
            try parent.withDescriptor("make the directory", of: name) {
                (descriptor) throws(Errno) in
                try calls.makeDirectory(name, in: descriptor, permissions: .ownerReadWriteExecute)
            }
        } catch let error where error.errno == .fileExists {
            // Another snap may have made it in the meantime.
            return
        }
        try parent.synchronize()
    }

    /// Waits until the names inside are on the disk.
    ///
    /// Some file systems cannot do that for a directory (CIFS, some of FUSE) and say so. There the
    /// names are as durable as that file system makes them.
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

    /// Removes a name, whether it is there or not; a later `synchronize` makes that last.
    ///
    /// - Parameter name: The name of a file.
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

    /// Removes the directory if nothing is in it.
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

    /// Renames a file to a name that nothing has.
    ///
    /// - Parameters:
    ///   - name: The name it has.
    ///   - newName: The name it gets.
    /// - Throws: `.cannotCreate` if the new name is taken, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `renameat2` with `RENAME_NOREPLACE`, or `renameat` after a
    /// look where a file system does not know that.
    package func rename(_ name: String, to newName: String) throws(SnapError) {
        do throws(SnapError) {
            try withDescriptor("rename to \(newName)", of: name) { (descriptor) throws(Errno) in
                do throws(Errno) {
                    try calls.rename(name, to: newName, in: descriptor, replacing: false)
                } catch {
                    guard Self.meansNoFlags(error) else { throw error }
                    // A process that renames in a store holds the guest's lock.
                    if try isTaken(newName, in: descriptor) { throw Errno.fileExists }
                    try calls.rename(name, to: newName, in: descriptor, replacing: true)
                }
            }
        } catch let error where error.errno == .fileExists {
            throw SnapError(.cannotCreate, "exists", path: file(newName), errno: .fileExists)
        }
    }

    /// Renames a file over another.
    ///
    /// - Parameters:
    ///   - name: The name it has.
    ///   - newName: The name it gets; a file of that name is replaced.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `renameat`.
    package func rename(_ name: String, replacing newName: String) throws(SnapError) {
        try withDescriptor("rename to \(newName)", of: name) { (descriptor) throws(Errno) in
            try calls.rename(name, to: newName, in: descriptor, replacing: true)
        }
    }

    /// Gives a file that has a temporary name the one it is meant to have, which nothing has.
    ///
    /// Where renameat2(2) takes no flags (NFS, 9p, sshfs and most of FUSE, ZFS before 2.2), a
    /// second name does the same. Where files have only one (FAT, exFAT, CIFS), a look before the
    /// rename has to do: another program that makes the same name in between loses its file.
    ///
    /// - Parameters:
    ///   - temporaryName: The name it has.
    ///   - name: The name it gets.
    /// - Throws: `.cannotCreate` if the name is taken, `.permission` or `.inputOutput`.
    func renameWithoutReplacing(
        _ temporaryName: String, as name: String
    ) throws(SnapError) {
        try withDescriptor("name", of: name) { (descriptor) throws(Errno) in
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
            // It has its name; another one that stays is a leftover.
            try? calls.remove(temporaryName, in: descriptor)
        }
    }

    /// Whether an error says that renameat2(2) takes no flags here.
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
