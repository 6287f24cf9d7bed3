/// A format that snap recognizes by a file's first bytes, and cannot save.
struct ForeignFormat: Sendable {
    /// The first bytes of every file of this format.
    let head: [UInt8]
    /// What follows "is" in the error message, such as `a kdump file`.
    let name: String
    /// What the user can do instead; nil if there is no advice.
    let hint: String?

    private init(_ head: [UInt8], _ name: String, hint: String? = nil) {
        self.head = head
        self.name = name
        self.hint = hint
    }

    private init(_ head: String, _ name: String, hint: String? = nil) {
        self.init(Array(head.utf8), name, hint: hint)
    }

    /// The number of first bytes that are enough to recognize every format.
    static let headByteCount = all.map(\.head.count).max() ?? 0

    /// All formats that snap recognizes.
    static let all = memories + disks + archives + own

    /// The files of a snap store.
    private static let own = [
        ForeignFormat([0x89] + Array("SVM".utf8), "a savevm file of a snap store"),
        ForeignFormat([0x89] + Array("SDS".utf8), "a device-state file of a snap store"),
        ForeignFormat("SQLite format 3\0", "an SQLite database"),
    ]

    /// Memory images and saved states in other formats.
    private static let memories = [
        ForeignFormat(
            [0x11, 0x22, 0x33, 0x44], "a side channel of a multifd migration",
            hint: "migrate to a file or a pipe with multifd off"),
        ForeignFormat("KDUMP", "a kdump file"),
        ForeignFormat("makedumpfile", "a flattened kdump file"),
        ForeignFormat([0x7f] + Array("ELF".utf8), "an ELF core"),
        ForeignFormat("EMiL", "a LiME memory dump"),
        ForeignFormat("AVML", "an AVML memory dump"),
        ForeignFormat("PAGEDU64", "a Windows crash dump"),
        ForeignFormat("PAGEDUMP", "a Windows crash dump"),
        ForeignFormat("HIBR", "a Windows hibernation file"),
        ForeignFormat("hibr", "a Windows hibernation file"),
        ForeignFormat("WAKE", "a Windows hibernation file"),
        ForeignFormat("wake", "a Windows hibernation file"),
        ForeignFormat("RSTR", "a Windows hibernation file"),
        ForeignFormat("rstr", "a Windows hibernation file"),
        ForeignFormat([0xd0, 0xbe, 0xd2, 0xbe], "a VMware snapshot state"),
        ForeignFormat([0xd1, 0xba, 0xd1, 0xba], "a VMware snapshot state"),
        ForeignFormat([0xd1, 0xbe, 0xd2, 0xbe], "a VMware snapshot state"),
        ForeignFormat([0xd2, 0xbe, 0xd2, 0xbe], "a VMware suspended state"),
        ForeignFormat([0xd3, 0xbe, 0xd2, 0xbe], "a VMware snapshot state"),
        ForeignFormat("\u{7f}VirtualBox SavedState", "a VirtualBox saved state"),
        ForeignFormat("Xen saved domain", "a Xen save file (xl)"),
        ForeignFormat("LinuxGuestRecord", "a Xen save file (xm)"),
    ]

    /// Disk images and volumes.
    private static let disks = [
        ForeignFormat(
            Array("QFI".utf8) + [0xfb], "a qcow2 disk image"),
        ForeignFormat("QED\0", "a QED disk image"),
        ForeignFormat("KDMV", "a VMDK disk image"),
        ForeignFormat("COWD", "a VMDK disk image"),
        ForeignFormat("# Disk DescriptorFile", "a VMDK disk image"),
        ForeignFormat("vhdxfile", "a VHDX disk image"),
        ForeignFormat("conectix", "a VHD disk image"),
        ForeignFormat("cxsparse", "a VHD disk image"),
        ForeignFormat("<<< ", "a VDI disk image"),
        ForeignFormat("WithoutFreeSpace", "a Parallels disk image"),
        ForeignFormat("WithouFreSpacExt", "a Parallels disk image"),
        ForeignFormat("Bochs Virtual HD Image", "a Bochs disk image"),
        ForeignFormat([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe], "a LUKS volume"),
        ForeignFormat("hsqs", "a SquashFS image"),
    ]

    /// Archives and compressed files.
    private static let archives = [
        ForeignFormat("VMA\0", "a Proxmox archive (VMA)"),
        ForeignFormat(
            [0x1f, 0x8b], "compressed with gzip",
            hint: "run gzip -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd",
            hint: "run zstd -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "compressed with xz",
            hint: "run xz -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x89, 0x4c, 0x5a, 0x4f], "compressed with lzop",
            hint: "run lzop -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            "BZh", "compressed with bzip2", hint: "run bzip2 -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x04, 0x22, 0x4d, 0x18], "compressed with lz4",
            hint: "run lz4 -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x02, 0x21, 0x4c, 0x18], "compressed with lz4",
            hint: "run lz4 -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x5d, 0x00, 0x00], "compressed with lzma",
            hint: "run xz -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            "LRZI", "compressed with lrzip", hint: "run lrzcat FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0x1f, 0x9d], "compressed with compress",
            hint: "run gzip -dc FILE | snap save - --guest NAME"),
        ForeignFormat(
            [0xff, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8), "compressed with snappy"),
        ForeignFormat("PK\u{3}\u{4}", "a zip archive"),
        ForeignFormat([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive"),
        ForeignFormat("Rar!", "a RAR archive"),
    ]
}
