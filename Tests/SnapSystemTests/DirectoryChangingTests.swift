import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Changing the names in a directory")
struct DirectoryChangingTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func directory(_ refusals: FaultPlan.Refusals = []) -> Directory {
        Directory(scratch.path, SystemCalls(faults: FaultPlan(refusing: refusals)))
    }

    @Test("a new directory and its new parents are accessible only to their owner")
    func make() throws {
        let deep = directory().directory("a").directory("b").directory("c")
        #expect(try deep.status() == nil)
        #expect(try deep.nearestExisting().path == scratch.path)
        try deep.create()
        try deep.create()
        for path in ["a", "a/b", "a/b/c"] {
            var status = stat()
            #expect(stat(scratch.file(path).string, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o700, "\(path)")
        }
        #expect(try deep.names().isEmpty && directory().names() == ["a"])
        // A file has the name of the directory.
        try scratch.write([1], to: "file")
        let error = #expect(throws: SnapError.self) {
            try directory().directory("file").directory("x").create()
        }
        #expect(error?.code == .cannotCreate)
    }

    @Test("only an empty directory is removed")
    func removeIfEmpty() throws {
        let inner = directory().directory("a")
        try inner.create()
        try scratch.write([1], to: "a/file")
        try inner.removeIfEmpty()
        #expect(try inner.names() == ["file"])
        try inner.remove("file")
        // Removing a missing name is not an error.
        try inner.remove("file")
        try inner.removeIfEmpty()
        #expect(!exists(scratch.file("a")))
    }

    @Test(
        "a rename never replaces a file unless asked to",
        arguments: [[], .renameFlags] as [FaultPlan.Refusals])
    func rename(refusals: FaultPlan.Refusals) throws {
        let directory = directory(refusals)
        try scratch.write([1], to: "one")
        try scratch.write([2], to: "two")
        let error = #expect(throws: SnapError.self) { try directory.rename("one", to: "two") }
        #expect(error?.code == .cannotCreate && error?.path == scratch.file("two"))
        #expect(try bytes(of: scratch.file("two")) == [2])
        try directory.rename("one", to: "three")
        #expect(try names(in: scratch.path) == ["three", "two"])
        try directory.rename("three", replacing: "two")
        #expect(try names(in: scratch.path) == ["two"])
        #expect(try bytes(of: scratch.file("two")) == [1])
        #expect(throws: SnapError.self) { try directory.rename("missing", to: "four") }
    }

    @Test("a replaced file has its old or its new content, whichever call fails")
    func replace() throws {
        var (call, failedCount) = (0, 0)
        while true {
            try scratch.write([1, 1, 1, 1], to: "file")
            let plan = FaultPlan(at: call, .fail(.noSpace))
            let directory = Directory(scratch.path, SystemCalls(faults: plan))
            do {
                try directory.replace("file", with: [2, 2], isDurable: true)
                #expect(try bytes(of: scratch.file("file")) == [2, 2])
            } catch let error as SnapError {
                failedCount += 1
                #expect(error.code == .inputOutput, "call \(call)")
                let found = try bytes(of: scratch.file("file"))
                #expect(found == [1, 1, 1, 1] || found == [2, 2], "call \(call)")
            }
            #expect(try names(in: scratch.path) == ["file"], "call \(call)")
            if plan.callCount <= call { break }
            call += 1
        }
        #expect(failedCount > 3)
    }
}

@Suite("Waiting for locks, and outputs that fail")
struct WaitingTests {
    private let scratch: Scratch
    private let directory: Directory

    init() throws {
        scratch = try Scratch()
        directory = Directory(scratch.path, .kernel)
    }

    @Test("a lock is taken as soon as its holder releases it")
    func waiting() throws {
        let take = { [directory] (timeout: Duration) throws(SnapError) in
            _ = try LockFile(.exclusive, "lock", in: directory, timeout: timeout)
        }
        let isHeld = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [directory] in
            #expect(throws: Never.self) {
                let lock = try LockFile(.shared, "lock", in: directory, timeout: .zero)
                isHeld.signal()
                usleep(200_000)
                _ = consume lock
            }
        }
        isHeld.wait()
        let error = #expect(throws: SnapError.self) { try take(.zero) }
        #expect(error?.code == .busy && error?.path == scratch.file("lock"))
        try take(.seconds(60))
    }

    @Test("a file system without locks is unsupported")
    func withoutLocks() throws {
        let calls = SystemCalls(faults: FaultPlan(refusing: .locks))
        let directory = Directory(scratch.path, calls)
        try scratch.write([], to: "lock")
        for take in [
            { _ = try LockFile(.shared, "lock", in: directory, timeout: .seconds(60)) },
            {
                _ = try RecordLock(
                    sharing: [1..<2], of: try File(reading: "lock", in: directory),
                    timeout: .seconds(60))
            },
        ] as [() throws -> Void] {
            let error = #expect(throws: SnapError.self) { try take() }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("an unfinished output leaves the existing file unchanged, or no file")
    func abandoned() throws {
        try scratch.write([1, 2, 3], to: "old")
        for name in ["old", "new"] {
            let output = try OutputFile(name, in: directory, isForced: true)
            #expect(output.isNew == (name == "new"))
            try output.setLength(10)
            try output.write([9].span.bytes, at: 0)
            _ = consume output
        }
        #expect(try names(in: scratch.path) == ["old"])
        #expect(try bytes(of: scratch.file("old")) == [1, 2, 3])
    }

    @Test("an output does not replace a file that another process created in the meantime")
    func taken() throws {
        let output = try OutputFile("out", in: directory, isForced: false)
        try scratch.write([1], to: "out")
        do {
            try output.publish(isSynchronized: true)
            Issue.record("the other file was replaced")
        } catch {
            #expect(error.code == .cannotCreate)
        }
        #expect(try names(in: scratch.path) == ["out"])
        #expect(try bytes(of: scratch.file("out")) == [1])
    }

    @Test("an output cannot replace anything but a file, or be created below a file")
    func kinds() throws {
        try directory.directory("folder").create()
        try #require(mkfifo(scratch.file("fifo").string, 0o600) == 0)
        try scratch.write([1], to: "file")
        let places = [
            (directory, "folder"), (directory, "fifo"), (directory.directory("none"), "out"),
            (directory.directory("file"), "out"), (directory, String(repeating: "n", count: 256)),
        ]
        for (directory, name) in places {
            for isForced in [false, true] {
                let error = #expect(throws: SnapError.self, "\(name)") {
                    _ = try OutputFile(name, in: directory, isForced: isForced)
                }
                #expect(error?.code == .cannotCreate, "\(name): \(error as Any)")
            }
        }
        let error = #expect(throws: SnapError.self) {
            _ = try OutputFile("file", in: directory, isForced: false)
        }
        #expect(error?.code == .cannotCreate && error?.hint?.contains("--force") == true)
        #expect(try names(in: scratch.path) == ["fifo", "file", "folder"])
        for name in ["folder", "fifo", "none"] {
            let error = #expect(throws: SnapError.self) {
                _ = try OutputFile.openExisting(name, in: directory)
            }
            #expect(error?.code == .mismatch, "\(name)")
        }
    }
}
