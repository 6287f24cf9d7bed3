/// The file systems that snap treats in a way of their own, by the numbers of statfs(2).
package enum FileSystemType: UInt32, Sendable {
    /// ext2, ext3 and ext4.
    case ext4 = 0xef53
    /// XFS.
    case xfs = 0x5846_5342
    /// btrfs.
    case btrfs = 0x9123_683e
    /// tmpfs, and what is shared memory by another name: memfd_create(2), shm_open(3).
    case tmpfs = 0x0102_1994
    /// Huge pages as files, which can be mapped and read, but not written with write(2).
    case hugetlbfs = 0x9584_58f6

    /// Whether a hole that lseek(2) reports is sure to read as zeros.
    ///
    /// Memory that a guest has mapped and written may not have reached the file system yet. These
    /// file systems look at the page cache when they look for data. Others, among them all of FUSE,
    /// ask a daemon or a server, which does not know what the kernel still caches; ZFS reported
    /// data as holes in some versions.
    package var reportsDirtyPagesAsData: Bool {
        switch self {
        case .ext4, .xfs, .btrfs, .tmpfs: true
        case .hugetlbfs: false
        }
    }
}
