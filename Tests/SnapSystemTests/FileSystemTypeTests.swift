import SnapSystem
import Testing

@Suite("Kinds of file systems")
struct FileSystemTypeTests {
    @Test("holes are trusted only on file systems that report dirty pages as data")
    func trusted() {
        let trusted: [FileSystemType] = [.ext4, .xfs, .btrfs, .tmpfs]
        for type in trusted { #expect(type.reportsDirtyPagesAsData) }
        #expect(!FileSystemType.hugetlbfs.reportsDirtyPagesAsData)
        // FUSE, NFS, 9p, CIFS, ZFS, overlayfs, f2fs.
        let others: [UInt32] = [
            0x6573_5546, 0x6969, 0x0102_1997, 0xfe53_4d42, 0x2fc1_2fc1, 0x794c_7630, 0xf2f5_2010,
        ]
        for number in others {
            let type = FileSystemType(rawValue: number)
            #expect(type?.reportsDirtyPagesAsData ?? false == false)
        }
    }

    @Test("parts of files are not freed in place where that gives no space back")
    func partsOfFiles() {
        for type in [FileSystemType.ext4, .xfs, .tmpfs] { #expect(type.freesPartsOfFiles) }
        for type in [FileSystemType.btrfs, .zfs, .nfs] { #expect(!type.freesPartsOfFiles) }
    }
}
