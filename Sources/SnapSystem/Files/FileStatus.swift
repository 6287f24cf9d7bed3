import Glibc
package import SystemPackage

/// The status of a file, as stat(2) reports it.
package struct FileStatus: Sendable {
    /// The kinds of file that inode(7) lists, with their names in messages.
    package enum Kind: String, Sendable {
        /// An ordinary file.
        case regular = "a regular file"
        /// A directory.
        case directory = "a directory"
        /// A named pipe, or the end of a pipe.
        case fifo = "a FIFO"
        /// A socket.
        case socket = "a socket"
        /// A character device, such as a terminal or `/dev/null`.
        case characterDevice = "a character device"
        /// A block device, such as a disk.
        case blockDevice = "a block device"
        /// A symbolic link that was not followed.
        case symbolicLink = "a symbolic link"
        /// A file of any other kind.
        case other = "a special file"
    }

    /// The kind of file.
    package let kind: Kind
    /// The file's length in bytes.
    package let byteCount: Int
    /// The space that the file takes on the disk, in bytes: its length without holes.
    package let diskByteCount: Int
    /// The length of the blocks in which the file system allocates space, in bytes.
    package let blockByteCount: Int
    /// The number of names that the file has.
    package let linkCount: Int
    /// The file's device and inode numbers.
    package let identity: FileIdentity
    /// The user ID of the file's owner.
    package let userID: UInt32
    /// The group ID of the file's group.
    package let groupID: UInt32
    /// The permission, setuid, setgid and sticky bits of the file's mode.
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
        // The unit of st_blocks is 512 bytes on every file system (inode(7)).
        diskByteCount = Int(status.st_blocks) * 512
        blockByteCount = Int(status.st_blksize)
        linkCount = Int(status.st_nlink)
        identity = FileIdentity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        userID = status.st_uid
        groupID = status.st_gid
        permissions = status.st_mode & 0o7777
    }

    /// Reads the status of the file that a path names; follows symbolic links.
    ///
    /// - Parameters:
    ///   - path: A path that the user gave, or one in /proc.
    ///   - calls: The system calls.
    /// - Returns: nil if the file does not exist.
    /// - Throws: `.permission` or `.inputOutput`.
    ///
    /// The corresponding C function is `stat`.
    package init?(of path: FilePath, _ calls: SystemCalls) throws(SnapError) {
        do { self.init(try calls.status(ofPath: path)) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw SnapError(error, action: "stat", path: path)
        }
    }
}
