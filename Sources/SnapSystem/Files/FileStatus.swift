import Glibc
package import SystemPackage

/// What stat(2) says about a file.
package struct FileStatus: Sendable {
    /// The kinds of file, inode(7).
    package enum Kind: String, Sendable {
        /// An ordinary file.
        case regular = "a regular file"
        /// A directory.
        case directory = "a directory"
        /// A named pipe, or the end of a pipe.
        case fifo = "a FIFO"
        /// A socket.
        case socket = "a socket"
        /// A terminal, `/dev/null`, …
        case characterDevice = "a character device"
        /// A disk.
        case blockDevice = "a block device"
        /// A symbolic link that was not followed.
        case symbolicLink = "a symbolic link"
        /// Something else.
        case other = "a special file"
    }

    /// What the file is.
    package let kind: Kind
    /// Its length in bytes.
    package let byteCount: Int
    /// Which file it is.
    package let identity: FileIdentity
    /// Its owner.
    package let userID: UInt32
    /// Its group.
    package let groupID: UInt32
    /// Its mode without the kind.
    package let permissions: UInt32

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            case S_IFLNK: .symbolicLink
            default: .other
            }
        byteCount = Int(status.st_size)
        identity = FileIdentity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        userID = status.st_uid
        groupID = status.st_gid
        permissions = status.st_mode & 0o7777
    }

    /// Looks at what a path of the user's names, symbolic links followed; nil if there is nothing.
    ///
    /// - Parameters:
    ///   - path: The path.
    ///   - calls: The system calls.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `stat`.
    package init?(of path: FilePath, _ calls: SystemCalls) throws(SnapError) {
        do { self.init(try calls.status(ofPath: path)) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw SnapError(error, action: "look at", path: path)
        }
    }
}
