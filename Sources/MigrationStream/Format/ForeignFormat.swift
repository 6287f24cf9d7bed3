/// A format that is neither a QEMU stream nor raw memory, known by how its files begin.
struct ForeignFormat: Sendable {
    /// The bytes at the file's start.
    let head: [UInt8]
    /// What the file is.
    let name: String
    /// What can be done about it.
    let hint: String?

    private init(_ head: [UInt8], _ name: String, hint: String? = nil) {
        self.head = head
        self.name = name
        self.hint = hint
    }

    private init(_ head: String, _ name: String, hint: String? = nil) {
        self.init(Array(head.utf8), name, hint: hint)
    }

    /// How many bytes are enough to tell all of them.
    static let headByteCount = all.map(\.head.count).max() ?? 0

    /// All that are known.
    static let all = memories + disks + archives + own

    /// What a store holds.
    private static let own = [
        ForeignFormat([0x89] + Array("SVM".utf8), "a savevm file of snap's own"),
        ForeignFormat([0x89] + Array("SDS".utf8), "a device-state file of snap's own"),
        ForeignFormat("SQLite format 3\0", "an SQLite database"),
    ]

    /// Memory in other forms.
    private static let memories = [
        ForeignFormat(
            [0x11, 0x22, 0x33, 0x44], "a side channel of a multifd migration",
            hint: "migrate to a file or a pipe, with multifd off"),
        ForeignFormat("KDUMP", "a kdump file"),
        ForeignFormat("makedumpfile", "a flattened kdump file"),
        ForeignFormat([0x7f] + Array("ELF".utf8), "an ELF core"),
        ForeignFormat(
            "LibvirtQemudSave", "a save file of libvirt",
            hint: "snap-cookbook(7) shows how to pass on the stream in it"),
        ForeignFormat("LibvirtQemudPart", "a save file of libvirt, never completed"),
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
        ForeignFormat([0xd0, 0xbe, 0xd2, 0xbe], "a snapshot state of VMware"),
        ForeignFormat([0xd1, 0xba, 0xd1, 0xba], "a snapshot state of VMware"),
        ForeignFormat([0xd1, 0xbe, 0xd2, 0xbe], "a snapshot state of VMware"),
        ForeignFormat([0xd2, 0xbe, 0xd2, 0xbe], "a suspended state of VMware"),
        ForeignFormat([0xd3, 0xbe, 0xd2, 0xbe], "a snapshot state of VMware"),
        ForeignFormat("\u{7f}VirtualBox SavedState", "a saved state of VirtualBox"),
        ForeignFormat("Xen saved domain", "a save file of Xen's xl"),
        ForeignFormat("LinuxGuestRecord", "a save file of Xen's xm"),
    ]

    /// Disk images.
    private static let disks = [
        ForeignFormat(
            Array("QFI".utf8) + [0xfb], "a qcow2 disk image", hint: "its snapshots cannot be read"),
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

    /// Archives and what is compressed.
    private static let archives = [
        ForeignFormat("VMA\0", "an archive of Proxmox (VMA)"),
        ForeignFormat([0x1f, 0x8b], "compressed by gzip", hint: "gzip -dc FILE | snap save -"),
        ForeignFormat(
            [0x28, 0xb5, 0x2f, 0xfd], "compressed by zstd", hint: "zstd -dc FILE | snap save -"),
        ForeignFormat(
            [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "compressed by xz",
            hint: "xz -dc FILE | snap save -"),
        ForeignFormat(
            [0x89, 0x4c, 0x5a, 0x4f], "compressed by lzop", hint: "lzop -dc FILE | snap save -"),
        ForeignFormat("BZh", "compressed by bzip2", hint: "bzip2 -dc FILE | snap save -"),
        ForeignFormat(
            [0x04, 0x22, 0x4d, 0x18], "compressed by lz4", hint: "lz4 -dc FILE | snap save -"),
        ForeignFormat(
            [0x02, 0x21, 0x4c, 0x18], "compressed by lz4", hint: "lz4 -dc FILE | snap save -"),
        ForeignFormat([0x5d, 0x00, 0x00], "compressed by lzma", hint: "xz -dc FILE | snap save -"),
        ForeignFormat("LRZI", "compressed by lrzip", hint: "lrzcat FILE | snap save -"),
        ForeignFormat([0x1f, 0x9d], "compressed by compress", hint: "gzip -dc FILE | snap save -"),
        ForeignFormat(
            [0xff, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8), "compressed by snappy"),
        ForeignFormat("PK\u{3}\u{4}", "a zip archive"),
        ForeignFormat([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive"),
        ForeignFormat("Rar!", "a RAR archive"),
    ]
}
