import MigrationStream
import SnapSystem
import TestSupport
import Testing

@Suite("Detecting the format of a file")
struct ImageFormatTests {
    private static func detect(_ bytes: [UInt8], in scratch: Scratch) throws -> ImageFormat {
        try ImageFormat.detect(File(input: scratch.write(bytes, to: "file"), .kernel))
    }

    @Test("unsupported formats are named in the error, and a single byte is a raw image")
    func others() throws {
        let scratch = try Scratch()
        let heads: [(String, [UInt8])] = [
            ("multifd", [0x11, 0x22, 0x33, 0x44]), ("qcow2", Array("QFI".utf8) + [0xfb]),
            ("kdump", Array("KDUMP   ".utf8)), ("kdump", Array("makedumpfile".utf8)),
            ("ELF", [0x7f] + Array("ELF".utf8)), ("gzip", [0x1f, 0x8b, 8]),
            ("zstd", [0x28, 0xb5, 0x2f, 0xfd]), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
            ("lzop", [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a]),
            ("LiME", Array("EMiL".utf8) + [1, 0, 0, 0]), ("AVML", Array("AVML".utf8)),
            ("crash dump", Array("PAGEDU64".utf8)), ("crash dump", Array("PAGEDUMP".utf8)),
            ("hibernation", Array("HIBR".utf8)), ("hibernation", Array("hibr".utf8)),
            ("VMware", [0xd2, 0xbe, 0xd2, 0xbe, 8]), ("VMware", [0xd0, 0xbe, 0xd2, 0xbe, 8]),
            ("VirtualBox", Array("\u{7f}VirtualBox SavedState V2.0\n".utf8)),
            ("VMDK", Array("KDMV".utf8)), ("VMDK", Array("# Disk DescriptorFile\n".utf8)),
            ("VHDX", Array("vhdxfile".utf8)), ("VHD", Array("conectix".utf8)),
            ("VDI", Array("<<< Oracle VM VirtualBox Disk Image >>>".utf8)),
            ("QED", Array("QED\0".utf8)), ("VMA", Array("VMA\0".utf8)),
            ("bzip2", Array("BZh91AY&SY".utf8)), ("lz4", [0x04, 0x22, 0x4d, 0x18]),
            ("lz4", [0x02, 0x21, 0x4c, 0x18]), ("LUKS", Array("LUKS".utf8) + [0xba, 0xbe]),
            ("zip", Array("PK\u{3}\u{4}".utf8)), ("SQLite", Array("SQLite format 3\0".utf8)),
            ("savevm", [0x89] + Array("SVM\r\n".utf8)), ("Xen", Array("Xen saved domain".utf8)),
        ]
        for (name, head) in heads {
            for count in [0, 1, 8192] {
                let bytes = head + [UInt8](repeating: 0, count: count)
                let error = #expect(throws: SnapError.self, "\(name)") {
                    _ = try Self.detect(bytes, in: scratch)
                }
                #expect(error?.code == .unsupported && error?.offset == 0, "\(name)")
                #expect(error?.message.contains(name) == true, "\(name): \(error as Any)")
                #expect(error?.hint?.contains("--format raw") == true, "\(name)")
            }
            #expect(try Self.detect([head[0]], in: scratch) == .raw, "\(name)")
        }
    }

    @Test(
        "a stream after zeros is refused with its offset",
        arguments: [
            1, 512, 4095, 4096, 65536, 262_144, 1_000_000,
        ])
    func afterZeros(count: Int) throws {
        let scratch = try Scratch()
        let zeros = [UInt8](repeating: 0, count: count)
        let error = #expect(throws: SnapError.self) {
            _ = try Self.detect(zeros + SmallStream.plain.made().bytes, in: scratch)
        }
        #expect(error?.code == .unsupported && error?.offset == count)
        #expect(error?.hint?.contains("tail -c +\(count + 1)") == true)
        // Memory that contains a stream after other bytes, or an invalid header, is a raw image.
        #expect(try Self.detect(zeros + [1] + Array("QEVM\0\0\0\u{3}".utf8), in: scratch) == .raw)
        #expect(try Self.detect(zeros + Array("QEVM\0\0\0\u{4}".utf8), in: scratch) == .raw)
        #expect(try Self.detect(zeros, in: scratch) == .raw)
    }

    @Test("streams, save files of libvirt and raw images are distinguished")
    func forms() throws {
        let scratch = try Scratch()
        for form in SmallStream.allCases {
            #expect(try Self.detect(form.made().bytes, in: scratch) == .qemu, "\(form)")
        }
        for head in ["LibvirtQemudSave", "LibvirtQemudPart"] {
            #expect(try Self.detect(Array(head.utf8), in: scratch) == .libvirt, "\(head)")
            #expect(try Self.detect(Array(head.utf8.dropLast()), in: scratch) == .raw, "\(head)")
        }
        let raw: [[UInt8]] = [
            [], [0], Array("QEV".utf8), Array("qevm".utf8), [0] + Array("QEVM".utf8),
            [UInt8](repeating: 0, count: 4096), GeneratedImage.text(1),
        ]
        for bytes in raw { #expect(try Self.detect(bytes, in: scratch) == .raw) }
        // A stream of an unsupported version is still detected as a stream.
        #expect(try Self.detect(Array("QEVM".utf8) + [0, 0, 0, 9], in: scratch) == .qemu)
    }
}
