import Foundation
import TestSupport
import Testing

/// The options for libvirt, without a libvirt.
///
/// `Tests/Guests/libvirt` uses real domains.
@Suite("Options for libvirt")
struct LibvirtTests {
    private let command: Command

    init() throws { command = try Command() }

    @Test(
        "options that do not fit together are refused",
        arguments: [
            ["--libvirt", "a", "--qmp", "s"], ["--libvirt", "a", "--libvirt-all"],
            ["--libvirt-all", "--guest", "a"], ["--qmp", "s", "--guest", "a", "--connect", "u"],
            ["--libvirt", "a", "--guest-name", "a=b"], ["--qmp-dir", "d", "--guest-name", "a=b"],
            ["--libvirt", "a", "--device-state", "x"],
        ])
    func misuse(options: [String]) throws {
        let result = try command.run(["save"] + options, secondsAtMost: 60)
        #expect(result.status == 64, "\(options): \(result.errors)")
    }

    @Test("a domain whose name is no guest name needs --guest")
    func name() throws {
        let result = try command.run("save", "--libvirt", "my guest")
        #expect(result.status == 64 && result.errors.contains("my guest"), "\(result.errors)")
    }

    @Test("without libvirt or its daemon, the error says what is missing, and no store is created")
    func missing() throws {
        let address = "qemu+unix:///system?socket=\(command.scratch.file("none"))"
        for options in [["--libvirt", "web1"], ["--libvirt-all"]] {
            let result = try command.run(
                ["save", "--connect", address] + options, secondsAtMost: 60)
            #expect([74, 76].contains(result.status), "\(result.status): \(result.errors)")
            #expect(result.errors.contains("libvirt"))
            #expect(!exists(command.scratch.store))
        }
    }

    @Test("a checkpoint without a description of a domain cannot be restored for libvirt")
    func restore() throws {
        try command.scratch.write([UInt8](repeating: 1, count: 4096), to: "image")
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        let result = try command.run("restore", "a:1", "out", "--format", "libvirt")
        #expect(result.status == 66, "\(result.errors)")
        #expect(!exists(command.scratch.file("out")))
        for options in [["--format", "libvirt", "--in-place"], ["--xml", "x"]] {
            #expect(
                try command.run(
                    ["restore", "a:1", "out"] + options, secondsAtMost: 60
                ).status == 64)
        }
    }

    @Test("--xml must be a file with XML")
    func xml() throws {
        let stream = SmallStream.compressed.made().bytes
        try command.scratch.write(stream, to: "stream")
        #expect(try command.run("save", "stream", "--guest", "a").status == 0)
        let restore = ["restore", "a:1", "out", "--format", "libvirt"]
        let missing = try command.run(restore, secondsAtMost: 60)
        #expect(missing.status == 66 && missing.errors.contains("--xml"), "\(missing.errors)")
        for (content, status) in [([], 78), ([0x3c, 0], 78), (Array("<domain/>".utf8), 0)]
            as [([UInt8], Int32)]
        {
            try command.scratch.write(content, to: "xml")
            let result = try command.run(restore + ["--xml", "xml"], secondsAtMost: 60)
            #expect(result.status == status, "\(content): \(result.errors)")
        }
        // The header and the description precede the stream that --format qemu writes.
        #expect(try command.run("restore", "a:1", "qemu", "--format", "qemu").status == 0)
        let saved = try bytes(of: command.scratch.file("out"))
        #expect(saved.starts(with: Array("LibvirtQemudSave".utf8)))
        #expect(
            saved.suffix(from: 92 + 10 + 65_536).elementsEqual(
                try bytes(of: command.scratch.file("qemu"))))
    }
}
