import Glibc
package import SystemPackage

// Opens files by a path that the user gave, or by a name in a directory.
//
// No open waits: without O_NONBLOCK, the open of a FIFO waits for its other end (open(2)).
extension File {
    /// Opens a file for reading, by a path that the user gave.
    ///
    /// - Parameters:
    ///   - path: The file's path; symbolic links are followed.
    ///   - calls: The system calls.
    /// - Throws: `.notFound`, also if it is not a regular file; `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `open`.
    package init(input path: FilePath, _ calls: SystemCalls) throws(SnapError) {
        try self.init(userPath: path, shownAs: path, calls)
    }

    private init(
        userPath path: FilePath, shownAs shown: FilePath, _ calls: SystemCalls
    ) throws(SnapError) {
        let descriptor: Int32
        do { descriptor = try calls.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) } catch {
            throw Self.refusal(of: shown, .notFound, error, action: "open")
        }
        let file = File(owning: descriptor, shown, calls)
        try file.checkRegular(else: .notFound)
        self = file
    }

    /// Opens a file for reading that another process has open.
    ///
    /// - Parameters:
    ///   - descriptor: The path of the process's descriptor in /proc.
    ///   - path: The file's path, for messages.
    ///   - calls: The system calls.
    /// - Throws: The same errors as for a path that the user gave.
    package init(
        reopening descriptor: FilePath, shownAs path: FilePath, _ calls: SystemCalls
    ) throws(SnapError) {
        try self.init(userPath: descriptor, shownAs: path, calls)
    }

    /// Opens a file in a directory for reading.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The directory.
    /// - Throws: `.notFound`; `.damaged` if it is not a regular file; `.permission`, also if a
    ///   store must not contain a file of that owner or mode; `.inputOutput`.
    ///
    /// The corresponding C function is `openat2`.
    package init(reading name: String, in directory: Directory) throws(SnapError) {
        try self.init(regular: name, in: directory, O_RDONLY, action: "open")
    }

    /// Opens an existing file in a directory for reading and writing.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The directory.
    /// - Throws: The same errors as for reading.
    package init(updating name: String, in directory: Directory) throws(SnapError) {
        try self.init(regular: name, in: directory, O_RDWR, action: "open")
    }

    /// Opens a file in a directory for reading and writing; creates it if it does not exist.
    ///
    /// A new file is empty and has mode 0600.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The directory.
    /// - Throws: `.permission`, also if only the creation is refused; otherwise the same errors as
    ///   for reading.
    package init(creatingIfAbsent name: String, in directory: Directory) throws(SnapError) {
        try self.init(regular: name, in: directory, O_RDWR | O_CREAT, action: "create")
    }

    private init(
        regular name: String, in directory: Directory, _ flags: Int32, action: String
    ) throws(SnapError) {
        let file = try directory.open(name, flags | O_NONBLOCK | O_NOCTTY, action: action)
        try file.checkRegular(else: .damaged)
        self = file
    }

    /// Opens a file of any kind below a directory's anchor.
    ///
    /// - Parameters:
    ///   - steps: The names that lead from the anchor to the file.
    ///   - directory: A directory with that anchor.
    ///   - flags: The flags of open(2).
    ///   - action: What snap tries to do, as an infinitive, for the message.
    ///   - path: The file's path, for messages.
    init(
        opening steps: FilePath, of directory: Directory, _ flags: Int32, action: String,
        path: FilePath
    ) throws(SnapError) {
        let opened = try directory.anchor.open()
        let calls = directory.calls
        let ownership = directory.anchor.ownership
        let descriptor: Int32
        do {
            descriptor = try withExtendedLifetime(directory.anchor) { () throws(Errno) in
                try calls.open(
                    steps, in: opened.descriptor, flags, permissions: .ownerReadWrite)
            }
        } catch {
            throw Self.refusal(
                of: path, ownership == nil ? .notFound : .damaged, error, action: action)
        }
        let file = File(owning: descriptor, path, calls)
        if let ownership {
            try ownership.check(try file.status(), owner: opened.owner, path: path)
        }
        self = file
    }

    private borrowing func checkRegular(else code: SnapError.Code) throws(SnapError) {
        let kind = try status().kind
        guard kind == .regular else {
            throw SnapError(code, "is \(kind.rawValue), expected a regular file", path: path)
        }
    }

    /// Creates the error of a failed open, with `code` if the file is of the wrong kind.
    private static func refusal(
        of path: FilePath, _ code: SnapError.Code, _ error: Errno, action: String
    ) -> SnapError {
        let message: String? =
            switch error {
            case .noSuchAddressOrDevice, Errno(rawValue: ENODEV):
                "is a socket or a device, expected a regular file"
            case .isDirectory: "is a directory, expected a regular file"
            case .tooManySymbolicLinkLevels where code == .damaged:
                "is a symbolic link or is reached through one"
            case .notDirectory where code == .damaged: "is not a directory or is not in one"
            default: nil
            }
        guard let message else { return SnapError(error, action: action, path: path) }
        return SnapError(code, message, path: path)
    }
}
