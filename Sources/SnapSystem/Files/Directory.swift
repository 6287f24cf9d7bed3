import CLinux
import Glibc
package import SystemPackage

/// A directory, with the operations on the names in it.
///
/// The directory is opened by its path at the first use, and stays open. A subdirectory is opened
/// relative to that open directory. Names are resolved only inside the directory, and symbolic
/// links are not followed.
package struct Directory: Sendable {
    /// The directory's path, for messages.
    package let path: FilePath
    /// The system calls with which the directory is accessed.
    package let calls: SystemCalls
    let anchor: DirectoryAnchor
    /// The names that lead from the anchor to the directory; empty for the anchor itself.
    private let steps: FilePath

    /// Creates a directory value from a user's path; does not access the file system.
    ///
    /// - Parameters:
    ///   - path: The directory's path; symbolic links in it are followed.
    ///   - ownership: The rule for the owners of the files inside; nil if any owner is accepted.
    ///   - calls: The system calls.
    package init(
        _ path: FilePath, ownership: StoreOwnership? = nil, _ calls: SystemCalls
    ) {
        self.path = path
        self.calls = calls
        anchor = DirectoryAnchor(path, calls, ownership: ownership)
        steps = ""
    }

    private init(_ path: FilePath, steps: FilePath, of directory: Directory) {
        self.path = path
        self.steps = steps
        calls = directory.calls
        anchor = directory.anchor
    }

    /// Splits a path into the directory that contains a file and the file's name.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - calls: The system calls.
    /// - Returns: The directory, which is not opened yet, and the name.
    /// - Throws: `.cannotCreate` if the path does not end in a name.
    package static func holding(
        _ path: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> (directory: Directory, name: String) {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw SnapError(.cannotCreate, "path does not end in a file name", path: path)
        }
        let parent = path.removingLastComponent()
        return (Directory(parent.isEmpty ? "." : parent, calls), name.string)
    }

    /// Creates the value of a subdirectory; does not access the file system.
    ///
    /// - Parameter name: The subdirectory's name.
    /// - Returns: The subdirectory.
    package func directory(_ name: String) -> Directory {
        Directory(file(name), steps: steps.appending(name), of: self)
    }

    /// Builds the path of a file in the directory, for messages.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The directory's path, followed by the name.
    package func file(_ name: String) -> FilePath {
        path.appending(name)
    }

    /// Builds the path of a file in the directory as a user would write it, without `./`.
    ///
    /// - Parameter name: The file's name, or a path relative to the directory.
    func shown(_ name: String) -> FilePath {
        path == "." || FilePath(name).isAbsolute ? FilePath(name) : path.appending(name)
    }

    /// The parent directory, and this directory's name in it; nil for `/`, `.` and `..`.
    var parent: (directory: Directory, name: String)? {
        guard let name = path.lastComponent, name.kind == .regular else { return nil }
        let above = path.removingLastComponent()
        guard let step = steps.lastComponent else {
            return (Directory(above.isEmpty ? "." : above, calls), name.string)
        }
        return (Directory(above, steps: steps.removingLastComponent(), of: self), step.string)
    }

    // MARK: Opening

    /// Passes the directory's descriptor to a closure.
    ///
    /// The descriptor is open with O_PATH (open(2)), so it can neither be read nor written.
    ///
    /// - Throws: `.notFound`; `.damaged` if a store's directory is not a directory or is reached
    ///   through a symbolic link; `.permission` or `.inputOutput`; and what `body` throws, as the
    ///   failure of `action` on `name`.
    func withDescriptor<Result>(
        _ action: String, of name: String? = nil, body: (Int32) throws(Errno) -> Result
    ) throws(SnapError) -> Result {
        let opened = try anchor.open()
        return try withExtendedLifetime(anchor) { () throws(SnapError) in
            do throws(Errno) {
                if steps.isEmpty { return try body(opened.descriptor) }
            } catch {
                throw SnapError(error, action: action, path: name.map(file) ?? path)
            }
            let file = try open(nil, O_DIRECTORY | Int32(snap_o_path), action: "open")
            do throws(Errno) { return try body(file.descriptor) } catch {
                throw SnapError(error, action: action, path: name.map(self.file) ?? path)
            }
        }
    }

    /// Opens a file in the directory, or the directory itself.
    ///
    /// - Parameters:
    ///   - name: A name in the directory; nil for the directory itself.
    ///   - flags: The flags of open(2).
    ///   - action: What snap tries to do, as an infinitive, for the message.
    ///   - shown: The path in messages; nil for the file's own path.
    func open(
        _ name: String?, _ flags: Int32, action: String, shownAs shown: FilePath? = nil
    ) throws(SnapError) -> File {
        try checkOwnersAbove()
        var path = name.map { steps.appending($0) } ?? steps
        if path.isEmpty { path = "." }
        return try File(
            opening: path, of: self, flags, action: action,
            path: shown ?? name.map(file) ?? self.path)
    }

    /// Checks the owners and modes of this directory and of those between it and the anchor.
    ///
    /// A user who can write to one of them can rename the files in it.
    private func checkOwnersAbove() throws(SnapError) {
        guard let ownership = anchor.ownership, !ownership.isTrusted, !steps.isEmpty else { return }
        let opened = try anchor.open()
        var above: FilePath = ""
        // Start at the anchor, so that other users cannot replace a directory already checked.
        for step in steps.components {
            above.append(step)
            let shown = anchor.path.appending(above.components)
            let status: FileStatus
            do throws(Errno) {
                status = FileStatus(
                    try withExtendedLifetime(anchor) { () throws(Errno) in
                        try calls.status(of: above.string, in: opened.descriptor)
                    })
            } catch {
                if error == .noSuchFileOrDirectory { return }
                throw SnapError(error, action: "stat", path: shown)
            }
            // The open that follows refuses any other kind of file.
            guard status.kind == .directory else { return }
            try ownership.check(status, owner: opened.owner, path: shown)
        }
    }

    /// Checks that this process may write to the directory.
    ///
    /// - Throws: `.permission` if a store belongs neither to the effective user nor to root;
    ///   `.notFound` or `.inputOutput`.
    package func checkWritable() throws(SnapError) {
        try anchor.ownership?.checkWritable(owner: try anchor.open().owner, path: path)
    }

    /// Finds a path that leads to this directory even after it is renamed or replaced.
    ///
    /// The path serves libraries that open files by path. It is valid while this value is in use.
    /// Without /proc, it is the directory's own path. The directory must not be a subdirectory of
    /// another `Directory`.
    ///
    /// - Returns: The path.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package func stablePath() throws(SnapError) -> FilePath {
        precondition(steps.isEmpty)
        let stable = FilePath("/proc/self/fd/\(try anchor.open().descriptor)")
        if try FileStatus(of: stable, calls) != nil { return stable }
        // SQLite would take a relative path that starts with `file:` for a URI.
        return path.isAbsolute ? path : FilePath(".").appending(path.string)
    }

    // MARK: Reading

    /// Reads the directory's status.
    ///
    /// - Returns: The status; nil if the directory does not exist.
    /// - Throws: `.damaged` if a store contains a symbolic link or another file under the
    ///   directory's name; `.permission` or `.inputOutput`.
    package func status() throws(SnapError) -> FileStatus? {
        do throws(SnapError) {
            return try withDescriptor("stat") { (descriptor) throws(Errno) in
                FileStatus(try calls.status(of: descriptor))
            }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// Reads the status of a file in the directory; does not follow a symbolic link.
    ///
    /// - Parameter name: A name in the directory.
    /// - Returns: The status of the file or of the symbolic link itself; nil if the name does not
    ///   exist.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `fstatat`.
    package func status(of name: String) throws(SnapError) -> FileStatus? {
        do throws(SnapError) {
            return try withDescriptor("stat", of: name) { (descriptor) throws(Errno) in
                FileStatus(try calls.status(of: name, in: descriptor))
            }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// Reads the target of a symbolic link.
    ///
    /// - Parameter name: The name of a symbolic link in the directory.
    /// - Returns: The target, verbatim.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readlinkat`.
    package func target(ofLink name: String) throws(SnapError) -> String {
        try withDescriptor("read the symbolic link", of: name) { (descriptor) throws(Errno) in
            try calls.target(ofLink: name, in: descriptor)
        }
    }

    /// Lists the names in the directory.
    ///
    /// - Returns: The names in ascending order, without `.` and `..`.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readdir`.
    package func names() throws(SnapError) -> [String] {
        let file = try open(nil, O_RDONLY | O_DIRECTORY, action: "list")
        do { return try calls.names(of: file.descriptor).sorted() } catch {
            throw SnapError(error, action: "list", path: path)
        }
    }

    /// Reads the names and statuses of all files in the directory, which it opens only once.
    ///
    /// - Returns: The files, in no particular order; one that is deleted in the meantime is not
    ///   included.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `readdir` and `fstatat`.
    package func entries() throws(SnapError) -> [(name: String, status: FileStatus)] {
        let file = try open(nil, O_RDONLY | O_DIRECTORY, action: "list")
        var entries: [(name: String, status: FileStatus)] = []
        do throws(Errno) {
            for name in try calls.names(of: file.descriptor) {
                do throws(Errno) {
                    let status = try calls.status(of: name, in: file.descriptor)
                    entries.append((name, FileStatus(status)))
                } catch {
                    if error != .noSuchFileOrDirectory { throw error }
                }
            }
        } catch {
            throw SnapError(error, action: "list", path: path)
        }
        return entries
    }

    /// Finds the nearest existing directory, from this one upward.
    ///
    /// - Returns: This directory if it exists, or else its nearest existing ancestor.
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

    /// Checks whether only the effective user and root can create files in the directory.
    ///
    /// - Returns: false also if the directory does not exist.
    /// - Throws: `.permission` or `.inputOutput`.
    package func isClosedToOthers() throws(SnapError) -> Bool {
        guard let status = try status() else { return false }
        return status.permissions & 0o022 == 0
            && (status.userID == geteuid() || status.userID == 0)
    }
}
