import Foundation
import TestSupport
import Testing

/// Save files of libvirt that the tests make; `Tests/Guests/savefiles` uses those of a real one.
@Suite("Save files of libvirt on the command line", .needs("gzip", "xz"))
struct SaveFileTests {
    private let command: Command
    private let stream = SmallStream.xbzrle.made().bytes

    init() throws { command = try Command() }

    @discardableResult
    private func write(_ compression: GeneratedSaveFile.Compression) throws -> GeneratedSaveFile {
        let save = try GeneratedSaveFile(stream, compression)
        try command.scratch.write(save.bytes, to: "\(compression)")
        return save
    }

    @Test("a file is saved, listed, and written again")
    func roundTrip() throws {
        let made = try write(.xz)
        let saved = try command.run("save", "xz", "--guest", "a")
        #expect(saved.status == 0 && saved.errors.isEmpty, "\(saved.errors)")
        let show = try command.run("show", "a:1")
        for text in ["libvirt/description", "libvirt/cookie", "cpu", "timer"] {
            #expect(show.text.contains(text), "\(show.text)")
        }
        #expect(try command.run("verify").status == 0)
        let restored = try command.run("restore", "a:1", "again", "--format", "libvirt")
        #expect(restored.status == 0, "\(restored.errors)")
        let again = try bytes(of: command.scratch.file("again"))
        #expect(again.dropFirst(92).starts(with: made.xml + [0]))
        #expect(again.dropFirst(92 + made.xml.count + 1).starts(with: made.cookie + [0]))
        let second = try command.run("save", "again", "--guest", "a", "--json")
        #expect(second.pages["literal"] == 0 && second.pages["delta"] == 0, "\(second.json)")
        // The device state is the stream's, without libvirt's description.
        try command.scratch.write(stream, to: "stream")
        #expect(try command.run("save", "stream", "--guest", "b").status == 0)
        let states = try ["a:1", "a:2", "b:1"].map { reference in
            let result = try command.run(
                "restore", reference, "memory", "--device-state", "state", "--force")
            #expect(result.status == 0, "\(result.errors)")
            return try bytes(of: command.scratch.file("state"))
        }
        #expect(states[0] == states[1] && states[0] == states[2])
    }

    @Test("a missing program and a damaged file are reported, and nothing is saved")
    func errors() throws {
        var save = try write(.xz)
        var bare = command
        bare.environment["PATH"] = "/nonexistent"
        let missing = try bare.run("save", "xz", "--guest", "a")
        #expect(missing.status == 76 && missing.errors.contains("install xz"), "\(missing.errors)")
        save.payload[save.payload.count / 2] ^= 0xff
        try command.scratch.write(save.bytes, to: "xz")
        let damaged = try command.run("save", "xz", "--guest", "a")
        #expect(
            damaged.status == 65 && damaged.errors.contains("xz ended with status"),
            "\(damaged.errors)")
        save = try write(.gzip)
        save.payload.removeLast()
        try command.scratch.write(save.bytes, to: "gzip")
        let cut = try command.run("save", "gzip", "--guest", "a")
        #expect(cut.status == 65 && cut.errors.contains("offset \(save.bytes.count)"))
        #expect(!exists(command.scratch.store))
        for format in ["libvirt", "raw"] {
            let piped = try command.run("save", "-", "--guest", "a", "--format", format)
            #expect(piped.status == 64)
        }
        try command.scratch.write(stream, to: "stream")
        let other = try command.run("save", "stream", "--guest", "a", "--format", "libvirt")
        #expect(other.status == 76 && other.errors.contains("not a libvirt save file"))
    }
}
