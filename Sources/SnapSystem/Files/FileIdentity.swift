/// The identity of a file, regardless of its names: equal for two names of the same file.
package struct FileIdentity: Sendable, Hashable {
    /// The number of the file system's device, st_dev in stat(3type).
    package let device: UInt64
    /// The file's inode number, which is unique in its file system.
    package let inode: UInt64
}
