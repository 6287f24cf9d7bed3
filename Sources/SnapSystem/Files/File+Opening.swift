import Glibc
package import SystemPackage

// How files are opened: by a path of the user's, or by a name in a directory.
//
// Nothing waits: a FIFO would wait for its other end (open(2), O_NONBLOCK).
extension File {
    /// Opens a file that the user names, for reading.
    ///
    /// - Parameters:
    ///   - path: The file; symbolic links are followed.
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

    /// Opens for reading a file that another process has open.
    ///
    /// - Parameters:
    ///   - descriptor: Where /proc shows the process's descriptor.
    ///   - path: The file's path, for messages.
    ///   - calls: The system calls.
    /// - Throws: As for a file that the user names.
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
    ///   store must not hold a file of that owner or mode; `.inputOutput`.
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
    /// - Throws: As for reading.
    package init(updating name: String, in directory: Directory) throws(SnapError) {
        try self.init(regular: name, in: directory, O_RDWR, action: "open")
    }

    /// Opens a file in a directory for reading and writing, and makes it, empty and with mode 0600,
    /// if it is not there.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The directory.
    /// - Throws: `.permission`, also where only making it is refused; else as for reading.
    package init(makingIfAbsent name: String, in directory: Directory) throws(SnapError) {
        try self.init(regular: name, in: directory, O_RDWR | O_CREAT, action: "make")
    }

    private init(
        regular name: String, in directory: Directory, _ flags: Int32, action: String
    ) throws(SnapError) {
        let file = try directory.open(name, flags | O_NONBLOCK | O_NOCTTY, action: action)
        try file.checkRegular(else: .damaged)
        self = file
    }

    /// Opens anything below a directory's anchor.
    ///
    /// - Parameters:
    ///   - steps: The names that lead there.
    ///   - directory: A directory of the anchor.
    ///   - flags: As of open(2).
    ///   - action: What is tried, for the message.
    ///   - path: What messages call it.
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

    /// The error of something that is not what is to be opened; `code` where the kind is wrong.
    private static func refusal(
        of path: FilePath, _ code: SnapError.Code, _ error: Errno, action: String
    ) -> SnapError {
        let message: String? =
            switch error {
            case .noSuchAddressOrDevice, Errno(rawValue: ENODEV):
                "is a socket or a device, expected a regular file"
            case .isDirectory: "is a directory, expected a regular file"
            case .tooManySymbolicLinkLevels where code == .damaged:
                "is a symbolic link, or is reached through one"
            case .notDirectory where code == .damaged: "is not a directory, or is not in one"
            default: nil
            }
        guard let message else { return SnapError(error, action: action, path: path) }
        return SnapError(code, message, path: path)
    }
}
