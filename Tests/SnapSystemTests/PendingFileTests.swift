import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Pending files")
struct PendingFileTests {
    private static let content = Array("content".utf8)
    /// The features that each file system lacks.
    ///
    /// Only the first one supports files without a name.
    private static let refusals: [FaultPlan.Refusals] = [
        [], .namelessFiles, [.namelessFiles, .renameFlags], [.namelessFiles, .renameFlags, .links],
    ]

    private static func directory(_ scratch: Scratch, _ refusals: FaultPlan.Refusals) -> Directory {
        Directory(scratch.path, SystemCalls(faults: FaultPlan(refusing: refusals)))
    }

    private static func begin(_ name: String, in directory: Directory) throws -> PendingFile {
        let pending = try PendingFile(in: directory, for: name)
        try pending.file.write(content, at: 0)
        return pending
    }

    @Test(
        "a pending file gets its name when it is published, and is deleted if it is not published",
        arguments: refusals)
    func unpublished(refusals: FaultPlan.Refusals) throws {
        let scratch = try Scratch()
        let directory = Self.directory(scratch, refusals)
        do {
            let pending = try Self.begin("new", in: directory)
            let found = try names(in: scratch.path)
            #expect(found.count == (refusals.isEmpty ? 0 : 1))
            #expect(found.allSatisfy { PendingFile.isTemporary($0) })
            _ = consume pending
        }
        #expect(try names(in: scratch.path).isEmpty)
    }

    @Test("a published file has its own name and no other", arguments: refusals)
    func publish(refusals: FaultPlan.Refusals) throws {
        let scratch = try Scratch()
        let directory = Self.directory(scratch, refusals)
        // The longest name that a file can have.
        let long = String(repeating: "n", count: 255)
        for name in ["new", long] {
            try Self.begin(name, in: directory).publish(as: name)
            #expect(try bytes(of: scratch.file(name)) == Self.content)
            #expect(try directory.status(of: name)?.permissions == 0o600)
        }
        try Self.begin("durable", in: directory).publish(durablyAs: "durable")
        #expect(try names(in: scratch.path) == ["durable", "new", long].sorted())
    }

    @Test("a pending file does not replace a file that already has its name", arguments: refusals)
    func taken(refusals: FaultPlan.Refusals) throws {
        let scratch = try Scratch()
        let directory = Self.directory(scratch, refusals)
        try scratch.write([1], to: "taken")
        for publish in [
            { try $0.publish(as: "taken") }, { try $0.publish(durablyAs: "taken") },
        ] as [(consuming PendingFile) throws -> Void] {
            let error = #expect(throws: SnapError.self) {
                try publish(try Self.begin("taken", in: directory))
            }
            #expect(error?.code == .cannotCreate)
            #expect(error?.path == scratch.file("taken"))
            #expect(try names(in: scratch.path) == ["taken"])
            #expect(try bytes(of: scratch.file("taken")) == [1])
        }
    }

    @Test("a pending file replaces an existing file completely if requested", arguments: refusals)
    func replace(refusals: FaultPlan.Refusals) throws {
        let scratch = try Scratch()
        let directory = Self.directory(scratch, refusals)
        try scratch.write([UInt8](repeating: 1, count: 100), to: "old")
        try Self.begin("old", in: directory).publish(replacing: "old")
        #expect(try bytes(of: scratch.file("old")) == Self.content)
        try Self.begin("none", in: directory).publish(replacing: "none")
        #expect(try names(in: scratch.path) == ["none", "old"])
    }

    @Test("a failed call leaves the directory unchanged", arguments: [false, true])
    func faults(isReplacing: Bool) throws {
        var call = 0
        var failedCount = 0
        while true {
            let scratch = try Scratch()
            try scratch.write([1], to: "old")
            let plan = FaultPlan(at: call, .fail(.ioError))
            let directory = Directory(scratch.path, SystemCalls(faults: plan))
            do {
                let pending = try Self.begin("new", in: directory)
                if isReplacing {
                    try pending.publish(replacing: "old")
                } else {
                    try pending.publish(durablyAs: "new")
                }
                #expect(
                    try bytes(of: scratch.file(isReplacing ? "old" : "new")) == Self.content)
            } catch let error as SnapError {
                #expect(error.code == .inputOutput, "call \(call): \(error)")
                #expect(try names(in: scratch.path) == ["old"], "call \(call): \(error)")
                #expect(try bytes(of: scratch.file("old")) == [1], "call \(call)")
                failedCount += 1
            }
            if plan.callCount <= call { break }
            call += 1
        }
        #expect(failedCount > 2)
    }

    @Test("a scratch file never has a name", arguments: refusals)
    func scratch(refusals: FaultPlan.Refusals) throws {
        let scratch = try Scratch()
        let file = try PendingFile.scratch(
            in: Self.directory(scratch, refusals), for: "a scratch file")
        #expect(try names(in: scratch.path).isEmpty)
        try file.write(Self.content, at: 1 << 20)
        #expect(try file.read(byteCount: 100, at: 1 << 20) == Self.content)
        #expect(try file.status().byteCount == (1 << 20) + Self.content.count)
    }
}
