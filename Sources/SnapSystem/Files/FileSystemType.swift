/// The file systems that snap treats specially, by their numbers in statfs(2).
package enum FileSystemType: UInt32, Sendable {
    /// ext2, ext3 and ext4.
    case ext4 = 0xef53
    /// XFS.
    case xfs = 0x5846_5342
    /// btrfs.
    case btrfs = 0x9123_683e
    /// tmpfs, which also holds the shared memory of memfd_create(2) and shm_open(3).
    case tmpfs = 0x0102_1994
    /// hugetlbfs, whose files can be mapped and read, but not written with write(2).
    case hugetlbfs = 0x9584_58f6

    /// ZFS.
    case zfs = 0x2fc1_2fc1
    /// NFS.
    case nfs = 0x6969

    /// Whether freeing a part of a file in place gives its space back.
    ///
    /// On btrfs and ZFS, an extent or record stays allocated as long as a byte of it is in use;
    /// NFS servers before version 4.2 cannot free a part of a file.
    package var freesPartsOfFiles: Bool {
        switch self {
        case .btrfs, .zfs, .nfs: false
        case .ext4, .xfs, .tmpfs, .hugetlbfs: true
        }
    }

    /// Whether a hole that lseek(2) reports is certain to read as zeros.
    ///
    /// Memory that a guest has mapped and written may not have reached the file system yet. These
    /// file systems consult the page cache when they search for data. Others, including all FUSE
    /// file systems, ask a daemon or a server, which does not know the contents of the kernel's
    /// cache. Some versions of ZFS reported data as holes.
    package var reportsDirtyPagesAsData: Bool {
        switch self {
        case .ext4, .xfs, .btrfs, .tmpfs: true
        case .hugetlbfs, .zfs, .nfs: false
        }
    }
}
