import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

/// System calls with openat2(2), and without it: then snap resolves a path name by name.
private let resolutions = [
    SystemCalls.kernel, SystemCalls(faults: FaultPlan(refusing: .openBeneath)),
]

@Suite("Directories")
struct DirectoryTests {
    /// Creates a directory `in` with a file and a subdirectory, and a directory `out` with a file.
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

    @Test("a symbolic link is not followed at any place in a path", arguments: [0, 1])
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
                { _ = try File(creatingIfAbsent: name, in: directory) },
            ] as [() throws -> Void] {
                #expect(throws: SnapError.self, "\(directory.path), \(name)") { try open() }
            }
        }
        for name in ["away", ".."] {
            let directory = root.directory(name).directory("x")
            #expect(throws: SnapError.self) { try directory.create() }
        }
        let error = #expect(throws: SnapError.self) { _ = try File(reading: "link", in: root) }
        #expect(error?.code == .damaged && error?.path == scratch.file("in").appending("link"))
        #expect(try root.status(of: "link")?.kind == .symbolicLink)
        // Removing a link keeps its target.
        try root.remove("link")
        #expect(try root.status(of: "link") == nil)
        #expect(try bytes(of: scratch.file("in/file")) == Array("inside".utf8))
        #expect(try names(in: scratch.file("out")) == ["file"])
        #expect(try root.directory("sub").names().isEmpty)
    }

    @Test("an open directory stays in use after a link has taken its name")
    func replaced() throws {
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

    @Test("a file that is not a regular file is refused without waiting", arguments: [0, 1])
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

    @Test("only the store's owner and root may own and write files in a store")
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
