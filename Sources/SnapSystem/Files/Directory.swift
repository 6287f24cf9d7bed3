import Glibc
package import SystemPackage

/// A directory by its path: the names in it, and the durable changes of them.
package struct Directory: Sendable {
    /// Where the directory is.
    package let path: FilePath
    /// The system calls through which it is used.
    package let calls: SystemCalls

    /// Names a directory; nothing is looked at or made.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - calls: The system calls.
    package init(_ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
    }

    /// The directory that holds a file, and the file's name in it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - calls: The system calls.
    /// - Throws: `.cannotCreate` if the path ends in no name.
    package static func holding(
        _ path: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> (directory: Directory, name: String) {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw SnapError(.cannotCreate, "the path does not end in a file's name", path: path)
        }
        let parent = path.removingLastComponent()
        return (Directory(parent.isEmpty ? "." : parent, calls), name.string)
    }

    /// A directory inside this one.
    ///
    /// - Parameter name: Its name.
    package func directory(_ name: String) -> Directory {
        Directory(path.appending(name), calls)
    }

    /// The path of a file inside.
    ///
    /// - Parameter name: Its name.
    package func file(_ name: String) -> FilePath {
        path.appending(name)
    }

    /// The path of a file inside as a user would write it: without `./`.
    ///
    /// - Parameter name: Its name, or a path that begins here.
    func shown(_ name: String) -> FilePath {
        path == "." || FilePath(name).isAbsolute ? FilePath(name) : path.appending(name)
    }

    /// What a name stands for, symbolic links followed; nil if there is nothing.
    ///
    /// - Parameter name: A name inside; nil looks at the directory itself.
    /// - Throws: `.permission` or `.inputOutput`.
    package func status(of name: String? = nil) throws(SnapError) -> FileStatus? {
        let path = name.map(file) ?? path
        do { return FileStatus(try calls.status(of: path)) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw SnapError(error, action: "look at", path: path)
        }
    }

    /// What a name stands for, a symbolic link itself if it is one; nil if there is nothing.
    ///
    /// - Parameter name: A name inside.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `lstat`.
    package func statusOfLink(_ name: String) throws(SnapError) -> FileStatus? {
        do { return FileStatus(try calls.statusOfLink(file(name))) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw SnapError(error, action: "look at", path: file(name))
        }
    }

    /// Where a symbolic link points to, as it stands in the link.
    ///
    /// - Parameter name: The name of a symbolic link inside.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readlink`.
    package func target(ofLink name: String) throws(SnapError) -> String {
        do { return try calls.target(ofLink: file(name)) } catch {
            throw SnapError(error, action: "read the symbolic link", path: file(name))
        }
    }

    /// All names inside, in ascending order.
    ///
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readdir`.
    package func names() throws(SnapError) -> [String] {
        do { return try calls.names(in: path).sorted() } catch {
            throw SnapError(error, action: "list", path: path)
        }
    }

    /// Makes the directory, and those above it, with mode 0700 where they are not there, each
    /// durably in its parent.
    ///
    /// - Throws: `.permission`, `.cannotCreate` or `.inputOutput`.
    ///
    /// The corresponding C function is `mkdir`.
    package func make() throws(SnapError) {
        if let status = try status() {
            guard status.kind == .directory else {
                throw SnapError(.cannotCreate, "is not a directory", path: path)
            }
            return
        }
        let above = path.removingLastComponent()
        let parent = Directory(above.isEmpty ? "." : above, calls)
        if !parent.path.isEmpty { try parent.make() }
        do { try calls.makeDirectory(path, permissions: [.ownerReadWriteExecute]) } catch {
            // Another snap may have made it in the meantime.
            if error == .fileExists { return }
            throw SnapError(error, action: "make the directory", path: path)
        }
        try parent.synchronize()
    }

    /// This directory, or the nearest one above it that is there.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    package func nearestExisting() throws(SnapError) -> Directory {
        var directory = self
        while try directory.status() == nil {
            let above = directory.path.removingLastComponent()
            if above == directory.path { break }
            directory = Directory(above.isEmpty ? "." : above, calls)
        }
        return directory
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
        let directory = try File(
            path, calls, flags: O_RDONLY | O_DIRECTORY, action: "open")
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
    /// The corresponding C function is `unlink`.
    package func remove(_ name: String) throws(SnapError) {
        do { try calls.remove(file(name)) } catch {
            if error == .noSuchFileOrDirectory { return }
            throw SnapError(error, action: "remove", path: file(name))
        }
    }

    /// Removes the directory if nothing is in it.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `rmdir`.
    package func removeIfEmpty() throws(SnapError) {
        do { try calls.removeDirectory(path) } catch {
            if error == .directoryNotEmpty { return }
            throw SnapError(error, action: "remove", path: path)
        }
    }

    /// Renames a file to a name that nothing has.
    ///
    /// - Parameters:
    ///   - name: The name it has.
    ///   - newName: The name it gets.
    /// - Throws: `.cannotCreate` if the new name is taken, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `renameat2` with `RENAME_NOREPLACE`, or `rename` after a
    /// look where a file system does not know that.
    package func rename(_ name: String, to newName: String) throws(SnapError) {
        do throws(Errno) {
            do throws(Errno) {
                try calls.rename(file(name), to: file(newName), replacing: false)
            } catch {
                guard Self.meansNoFlags(error) else { throw error }
                // A process that renames in a store holds the guest's lock.
                if try isTaken(newName) { throw Errno.fileExists }
                try calls.rename(file(name), to: file(newName), replacing: true)
            }
        } catch {
            if error == .fileExists {
                throw SnapError(.cannotCreate, "exists", path: file(newName))
            }
            throw SnapError(error, action: "rename to \(newName)", path: file(name))
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
    /// - Throws: What the system says; `.fileExists` if the name is taken.
    func renameWithoutReplacing(_ temporaryName: String, as name: String) throws(Errno) {
        let (source, target) = (file(temporaryName), file(name))
        do throws(Errno) { return try calls.rename(source, to: target, replacing: false) } catch {
            guard Self.meansNoFlags(error) else { throw error }
        }
        do throws(Errno) {
            try calls.link(source, to: target)
        } catch {
            if error == .fileExists { throw error }
            if try isTaken(name) { throw Errno.fileExists }
            return try calls.rename(source, to: target, replacing: true)
        }
        // It has its name; another one that stays is a leftover.
        try? calls.remove(source)
    }

    private static func meansNoFlags(_ error: Errno) -> Bool {
        [.invalidArgument, .noFunction, .notSupported].contains(error)
    }

    private func isTaken(_ name: String) throws(Errno) -> Bool {
        do throws(Errno) {
            _ = try calls.statusOfLink(file(name))
            return true
        } catch {
            if error == .noSuchFileOrDirectory { return false }
            throw error
        }
    }

    /// Renames a file over another.
    ///
    /// - Parameters:
    ///   - name: The name it has.
    ///   - newName: The name it gets; a file of that name is replaced.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `rename`.
    package func rename(_ name: String, replacing newName: String) throws(SnapError) {
        do { try calls.rename(file(name), to: file(newName), replacing: true) } catch {
            throw SnapError(error, action: "rename to \(newName)", path: file(name))
        }
    }
}
