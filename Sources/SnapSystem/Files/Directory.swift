import Glibc
public import SystemPackage

/// A directory by its path: the names in it, and the durable changes of them.
public struct Directory: Sendable {
    /// Where the directory is.
    public let path: FilePath
    /// The seam through which it is used.
    public let calls: SystemCalls

    /// Names a directory; nothing is looked at or made.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - calls: The seam.
    public init(_ path: FilePath, _ calls: SystemCalls) {
        self.path = path
        self.calls = calls
    }

    /// The directory that holds a file, and the file's name in it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - calls: The seam.
    /// - Throws: `.cannotCreate` if the path ends in no name.
    public static func holding(
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
    public func directory(_ name: String) -> Directory {
        Directory(path.appending(name), calls)
    }

    /// The path of a file inside.
    ///
    /// - Parameter name: Its name.
    public func file(_ name: String) -> FilePath {
        path.appending(name)
    }

    /// What a name stands for, symbolic links followed; nil if there is nothing.
    ///
    /// - Parameter name: A name inside; nil looks at the directory itself.
    /// - Throws: `.permission` or `.inputOutput`.
    public func status(of name: String? = nil) throws(SnapError) -> FileStatus? {
        let path = name.map(file) ?? path
        do { return FileStatus(try calls.status(of: path)) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw SnapError(error, action: "look at", path: path)
        }
    }

    /// All names inside, in ascending order.
    ///
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readdir`.
    public func names() throws(SnapError) -> [String] {
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
    public func make() throws(SnapError) {
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

    /// Waits until the names inside are on the disk.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `fsync`, on the directory.
    public func synchronize() throws(SnapError) {
        try File(path, calls, flags: O_RDONLY | O_DIRECTORY, action: "open").synchronize()
    }

    /// Removes a name, whether it is there or not; a later `synchronize` makes that last.
    ///
    /// - Parameter name: The name of a file.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `unlink`.
    public func remove(_ name: String) throws(SnapError) {
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
    public func removeIfEmpty() throws(SnapError) {
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
    /// The corresponding C function is `renameat2` with `RENAME_NOREPLACE`.
    public func rename(_ name: String, to newName: String) throws(SnapError) {
        do { try calls.rename(file(name), to: file(newName), replacing: false) } catch {
            if error == .fileExists {
                throw SnapError(.cannotCreate, "exists", path: file(newName))
            }
            throw SnapError(error, action: "rename to \(newName)", path: file(name))
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
    public func rename(_ name: String, replacing newName: String) throws(SnapError) {
        do { try calls.rename(file(name), to: file(newName), replacing: true) } catch {
            throw SnapError(error, action: "rename to \(newName)", path: file(name))
        }
    }
}
