import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Locks")
struct LockTests {
    private static func busy(_ body: () throws -> Void) {
        let error = #expect(throws: SnapError.self) { try body() }
        #expect(error?.code == .busy)
    }

    @Test("one process holds an exclusive lock, or several share it; the file's mode is 0600")
    func lockFile() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        let lock = { (mode: LockFile.Mode) in
            try LockFile(mode, "lock", in: directory, timeout: .zero)
        }
        do {
            let first = try lock(.shared)
            let second = try lock(.shared)
            Self.busy { _ = try lock(.exclusive) }
            _ = consume first
            _ = consume second
        }
        chmod(scratch.file("lock").string, 0o644)
        do {
            let writer = try lock(.exclusive)
            #expect(try directory.status(of: "lock")?.permissions == 0o600)
            Self.busy { _ = try lock(.shared) }
            // The holder may write to the directory, so its lock counts despite the file's mode.
            chmod(scratch.file("lock").string, 0o644)
            Self.busy { _ = try lock(.shared) }
            _ = consume writer
        }
        _ = try lock(.exclusive)
        #expect(try names(in: scratch.path) == ["lock"])
    }

    @Test("a lock is acquired on a file system whose files all have the same mode")
    func fixedModes() throws {
        let scratch = try Scratch()
        try scratch.write([], to: "lock")
        chmod(scratch.file("lock").string, 0o755)
        let calls = SystemCalls(faults: FaultPlan(refusing: .modes))
        let directory = Directory(scratch.path, calls)
        let lock = try LockFile(.exclusive, "lock", in: directory, timeout: .zero)
        #expect(try directory.status(of: "lock")?.permissions == 0o755)
        Self.busy { _ = try LockFile(.shared, "lock", in: directory, timeout: .zero) }
        _ = consume lock
    }

    @Test("a lock on a deleted file does not block other processes")
    func removed() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        let old = try LockFile(.exclusive, "lock", in: directory, timeout: .zero)
        try directory.remove("lock")
        let new = try LockFile(.exclusive, "lock", in: directory, timeout: .zero)
        Self.busy { _ = try LockFile(.exclusive, "lock", in: directory, timeout: .zero) }
        _ = consume old
        _ = consume new
    }

    @Test("a process that may only read can share the lock, but not hold it exclusively")
    func recordLock() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        try scratch.write([], to: "reader.lock")
        let read = { try File(reading: "reader.lock", in: directory) }
        let first = try RecordLock(sharing: try read(), timeout: .zero)
        let second = try RecordLock(sharing: try read(), timeout: .zero)
        Self.busy {
            let file = try File(updating: "reader.lock", in: directory)
            _ = try RecordLock(excluding: file, timeout: .zero)
        }
        _ = consume first
        _ = consume second
        // An exclusive lock requires a file that is open for writing.
        #expect(throws: SnapError.self) {
            _ = try RecordLock(excluding: try read(), timeout: .zero)
        }
        let writer = try RecordLock(
            excluding: try File(updating: "reader.lock", in: directory), timeout: .zero)
        Self.busy { _ = try RecordLock(sharing: try read(), timeout: .zero) }
        _ = consume writer
    }
}
