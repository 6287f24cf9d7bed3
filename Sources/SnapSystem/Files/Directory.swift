import CLinux
import Glibc
package import SystemPackage

/// A directory: what is in it, and the durable changes of that.
///
/// It is opened by its path when it is first used, and kept open; a directory inside another is
/// reached from that one. Names in it are resolved there and nowhere else, and no symbolic link is
/// followed.
package struct Directory: Sendable {
    /// Where the directory is, for messages.
    package let path: FilePath
    /// The system calls through which it is used.
    package let calls: SystemCalls
    let anchor: DirectoryAnchor
    /// The names that lead from the anchor to it; none for the anchor itself.
    private let steps: FilePath

    /// Names a directory by a path of the user's; nothing is looked at or made.
    ///
    /// - Parameters:
    ///   - path: Where it is; symbolic links in it are followed.
    ///   - ownership: Who must own what is inside; nil if that does not matter.
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
        Directory(file(name), steps: steps.appending(name), of: self)
    }

    /// The path of a file inside, for messages.
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

    /// The directory that holds this one, and the name there; nil for `/`, `.` and `..`.
    var parent: (directory: Directory, name: String)? {
        guard let name = path.lastComponent, name.kind == .regular else { return nil }
        let above = path.removingLastComponent()
        guard let step = steps.lastComponent else {
            return (Directory(above.isEmpty ? "." : above, calls), name.string)
        }
        return (Directory(above, steps: steps.removingLastComponent(), of: self), step.string)
    }

    // MARK: Opening

    /// Runs something on the directory's descriptor, which can neither be read nor written
    /// (O_PATH in open(2)).
    ///
    /// - Throws: `.notFound`; `.damaged` if it is no directory of the store's own; `.permission`
    ///   or `.inputOutput`; and what `body` throws, as the failure of `action` on `name`.
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

    /// Opens something inside, or the directory itself.
    ///
    /// - Parameters:
    ///   - name: A name inside; nil for the directory itself.
    ///   - flags: As of open(2).
    ///   - action: What is tried, for the message.
    ///   - shown: The path that messages give it; nil for its own.
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

    /// Checks this directory, and those between it and the anchor.
    ///
    /// Who may write there can rename what is inside.
    private func checkOwnersAbove() throws(SnapError) {
        guard let ownership = anchor.ownership, !ownership.isTrusted, !steps.isEmpty else { return }
        let opened = try anchor.open()
        var above: FilePath = ""
        // From the anchor on: what has been checked cannot be replaced by others.
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
                throw SnapError(error, action: "look at", path: shown)
            }
            // Another kind is refused when it is opened.
            guard status.kind == .directory else { return }
            try ownership.check(status, owner: opened.owner, path: shown)
        }
    }

    /// Checks that this process may write here.
    ///
    /// - Throws: `.permission` if a store belongs neither to the effective user nor to root;
    ///   `.notFound` or `.inputOutput`.
    package func checkWritable() throws(SnapError) {
        try anchor.ownership?.checkWritable(owner: try anchor.open().owner, path: path)
    }

    /// A path that leads into this directory for as long as this value is in use, whatever becomes
    /// of its name: for a library that opens files by their paths.
    ///
    /// Without /proc it is the path that it was named by.
    ///
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package func stablePath() throws(SnapError) -> FilePath {
        precondition(steps.isEmpty)
        let stable = FilePath("/proc/self/fd/\(try anchor.open().descriptor)")
        if try FileStatus(of: stable, calls) != nil { return stable }
        // Never a URI: SQLite takes what begins with file: for one.
        return path.isAbsolute ? path : FilePath(".").appending(path.string)
    }

    // MARK: Looking

    /// What the directory is; nil if nothing has its name.
    ///
    /// - Throws: `.damaged` if a symbolic link or another file has its name in a store;
    ///   `.permission` or `.inputOutput`.
    package func status() throws(SnapError) -> FileStatus? {
        do throws(SnapError) {
            return try withDescriptor("look at") { (descriptor) throws(Errno) in
                FileStatus(try calls.status(of: descriptor))
            }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// What a name stands for, a symbolic link itself if it is one; nil if there is nothing.
    ///
    /// - Parameter name: A name inside.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `fstatat`.
    package func status(of name: String) throws(SnapError) -> FileStatus? {
        do throws(SnapError) {
            return try withDescriptor("look at", of: name) { (descriptor) throws(Errno) in
                FileStatus(try calls.status(of: name, in: descriptor))
            }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// Where a symbolic link points to, as it stands in the link.
    ///
    /// - Parameter name: The name of a symbolic link inside.
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readlinkat`.
    package func target(ofLink name: String) throws(SnapError) -> String {
        try withDescriptor("read the symbolic link", of: name) { (descriptor) throws(Errno) in
            try calls.target(ofLink: name, in: descriptor)
        }
    }

    /// All names inside, in ascending order.
    ///
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `readdir`.
    package func names() throws(SnapError) -> [String] {
        let file = try open(nil, O_RDONLY | O_DIRECTORY, action: "list")
        do { return try calls.names(of: file.descriptor).sorted() } catch {
            throw SnapError(error, action: "list", path: path)
        }
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

    /// Whether nobody but the effective user and root may put files here.
    ///
    /// - Throws: `.notFound`, `.permission` or `.inputOutput`.
    package func isClosedToOthers() throws(SnapError) -> Bool {
        guard let status = try status() else { return false }
        return status.permissions & 0o022 == 0
            && (status.userID == geteuid() || status.userID == 0)
    }
}
