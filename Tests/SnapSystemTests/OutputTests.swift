import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Outputs")
struct OutputTests {
    private static let content = Array("content".utf8)

    private static func replace(_ name: String, in directory: Directory) throws {
        let output = try OutputFile(name, in: directory, isForced: true)
        try output.write(content.span.bytes, at: 0)
        try output.publish(isSynchronized: false)
    }

    @Test("a replaced file keeps only the read and write bits of its mode")
    func modes() throws {
        let scratch = try Scratch()
        chmod(scratch.path.string, 0o700)
        let directory = Directory(scratch.path, .kernel)
        for (mode, kept) in [
            (0o640, 0o640), (0o4755, 0o644), (0o2770, 0o660), (0o1666, 0o666), (0o600, 0o600),
        ] as [(mode_t, UInt32)] {
            try scratch.write([1], to: "out")
            chmod(scratch.file("out").string, mode)
            try Self.replace("out", in: directory)
            #expect(try directory.status(of: "out")?.permissions == kept)
            #expect(try bytes(of: scratch.file("out")) == Self.content)
        }
    }

    @Test(
        "root does not copy owner and mode from a file in a directory that others can write",
        .needsRoot("to change a file's owner"))
    func plantedFiles() throws {
        let scratch = try Scratch()
        for (directoryMode, directoryOwner) in [(0o1777, 0), (0o755, 12345), (0o775, 0)]
            as [(mode_t, uid_t)]
        {
            chmod(scratch.path.string, directoryMode)
            chown(scratch.path.string, directoryOwner, 0)
            try scratch.write([1], to: "out")
            chmod(scratch.file("out").string, 0o666)
            chown(scratch.file("out").string, 12345, 0)
            let directory = Directory(scratch.path, .kernel)
            try Self.replace("out", in: directory)
            let status = try #require(try directory.status(of: "out"))
            #expect(status.userID == 0 && status.permissions == 0o600)
            // An update in place is refused unless root owns the file.
            chown(scratch.file("out").string, 12345, 0)
            let error = #expect(throws: SnapError.self) {
                _ = try OutputFile.openExisting("out", in: directory)
            }
            #expect(error?.code == .permission)
            chown(scratch.file("out").string, 0, 0)
            _ = try OutputFile.openExisting("out", in: directory)
        }
        // If no other user can write to the directory, root keeps the file's owner and mode.
        chmod(scratch.path.string, 0o755)
        chown(scratch.path.string, 0, 0)
        chown(scratch.file("out").string, 12345, 0)
        chmod(scratch.file("out").string, 0o640)
        let directory = Directory(scratch.path, .kernel)
        try Self.replace("out", in: directory)
        let status = try #require(try directory.status(of: "out"))
        #expect(status.userID == 12345 && status.permissions == 0o640)
        _ = try OutputFile.openExisting("out", in: directory)
    }

    @Test("snap never writes through a symbolic link")
    func links() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        try scratch.write([1], to: "target")
        symlink("target", scratch.file("out").string)
        for isForced in [false, true] {
            let error = #expect(throws: SnapError.self) {
                _ = try OutputFile("out", in: directory, isForced: isForced)
            }
            #expect(error?.code == .cannotCreate && error?.hint?.contains("target") == true)
        }
        let error = #expect(throws: SnapError.self) {
            _ = try OutputFile.openExisting("out", in: directory)
        }
        #expect(error?.code == .cannotCreate)
        #expect(try bytes(of: scratch.file("target")) == [1])
    }

    @Test("a command deletes what a killed command has left of the same output")
    func leftovers() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        for name in [".snap-out.1", ".snap-out.2", ".snap-other.1", ".snap-outer.1", "kept"] {
            try scratch.write([1], to: name)
        }
        // A running command holds a lock on the file that it writes.
        let running = try File(updating: ".snap-out.2", in: directory)
        try running.calls.lock(running.descriptor, LOCK_EX | LOCK_NB)
        try Self.replace("out", in: directory)
        #expect(
            try names(in: scratch.path) == [
                ".snap-other.1", ".snap-out.2", ".snap-outer.1", "kept", "out",
            ])
        _ = consume running
    }
}
