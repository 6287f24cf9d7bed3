import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

/// Whether the kernel resolves names, or snap does it one after the other.
private let resolutions = [
    SystemCalls.kernel, SystemCalls(faults: FaultPlan(refusing: .openBeneath)),
]

@Suite("Names in a directory")
struct DirectoryTests {
    /// A directory `in` with what a test needs, and one outside of it with a file.
    private static func make() throws -> Scratch {
        let scratch = try Scratch()
        for name in ["in", "in/sub", "out"] {
            try FileManager.default.createDirectory(
                atPath: scratch.file(name).string, withIntermediateDirectories: false)
        }
        try scratch.write(Array("outside".utf8), to: "out/file")
        try scratch.write(Array("inside".utf8), to: "in/file")
        return scratch
    }

    private static func link(_ scratch: Scratch, _ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file(name).string, withDestinationPath: target)
    }

    @Test("a link is not followed, wherever it stands in the path", arguments: [0, 1])
    func links(resolution: Int) throws {
        let scratch = try Self.make()
        try Self.link(scratch, "in/link", to: "file")
        try Self.link(scratch, "in/away", to: "../out")
        let root = Directory(
            scratch.file("in"), ownership: StoreOwnership(isTrusted: false),
            resolutions[resolution])
        for (directory, name) in [
            (root, "link"), (root.directory("away"), "file"), (root.directory(".."), "out"),
            (root, "../out/file"),
        ] {
            for open in [
                { _ = try File(reading: name, in: directory) },
                { _ = try File(updating: name, in: directory) },
                { _ = try File(makingIfAbsent: name, in: directory) },
            ] as [() throws -> Void] {
                #expect(throws: SnapError.self, "\(directory.path), \(name)") { try open() }
            }
        }
        for name in ["away", ".."] {
            let directory = root.directory(name).directory("x")
            #expect(throws: SnapError.self) { try directory.make() }
        }
        let error = #expect(throws: SnapError.self) { _ = try File(reading: "link", in: root) }
        #expect(error?.code == .damaged && error?.path == scratch.file("in").appending("link"))
        #expect(try root.status(of: "link")?.kind == .symbolicLink)
        // What goes is the link; what it points to stays.
        try root.remove("link")
        #expect(try root.status(of: "link") == nil)
        #expect(try bytes(of: scratch.file("in/file")) == Array("inside".utf8))
        #expect(try names(in: scratch.file("out")) == ["file"])
        #expect(try root.directory("sub").names().isEmpty)
    }

    @Test("a directory stays the one that was opened, whatever gets its name")
    func swapped() throws {
        let scratch = try Self.make()
        let directory = Directory(scratch.file("in"), .kernel)
        #expect(try directory.names() == ["file", "sub"])
        try FileManager.default.moveItem(
            atPath: scratch.file("in").string, toPath: scratch.file("moved").string)
        try Self.link(scratch, "in", to: "out")
        let pending = try PendingFile(in: directory, for: "new")
        try pending.file.write(Array("new".utf8).span.bytes, at: 0)
        try pending.publish(as: "new")
        #expect(try names(in: scratch.file("moved")) == ["file", "new", "sub"])
        #expect(try names(in: scratch.file("out")) == ["file"])
    }

    @Test("what is no regular file is refused at once", arguments: [0, 1])
    func kinds(resolution: Int) throws {
        let scratch = try Self.make()
        let directory = Directory(
            scratch.file("in"), ownership: StoreOwnership(isTrusted: true),
            resolutions[resolution])
        try #require(mkfifo(scratch.file("in/fifo").string, 0o600) == 0)
        let socket = try UnixSocket.bind(to: scratch.file("in/socket"))
        defer { close(socket) }
        for name in ["fifo", "socket", "sub"] {
            let error = #expect(throws: SnapError.self, "\(name)") {
                _ = try File(reading: name, in: directory)
            }
            #expect(error?.code == .damaged && error?.message.contains("regular file") == true)
        }
    }

    @Test("in a store only its owner and root own and write")
    func ownership() throws {
        let rule = StoreOwnership(isTrusted: false)
        func status(_ user: UInt32, _ mode: UInt32) -> FileStatus {
            var status = stat()
            status.st_uid = user
            status.st_mode = S_IFREG | mode
            return FileStatus(status)
        }
        for (user, mode, owner, isAllowed) in [
            (7, 0o600, 7, true), (0, 0o644, 7, true), (8, 0o600, 7, false),
            (7, 0o620, 7, false), (7, 0o602, 7, false), (7, 0o640, 7, true),
            (7, 0o600, 0, false), (0, 0o755, 0, true),
        ] as [(UInt32, UInt32, UInt32, Bool)] {
            let check = {
                try rule.check(status(user, mode), owner: owner, path: "p")
            }
            if isAllowed {
                try check()
            } else {
                let error = #expect(throws: SnapError.self) { try check() }
                #expect(error?.code == .permission)
                #expect(error?.hint?.contains("--trust-store") == true)
            }
            try StoreOwnership(isTrusted: true).check(
                status(user, mode), owner: owner, path: "p")
        }
        try rule.checkWritable(owner: geteuid(), path: "p")
        try rule.checkWritable(owner: 0, path: "p")
        #expect(throws: SnapError.self) {
            try rule.checkWritable(owner: geteuid() + 1, path: "p")
        }
    }
}
