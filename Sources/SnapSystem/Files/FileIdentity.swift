/// Which file it is, whatever its names: two that are the same have the same identity.
package struct FileIdentity: Sendable, Hashable {
    /// The number of its file system.
    package let device: UInt64
    /// Its number in that file system.
    package let inode: UInt64
}
