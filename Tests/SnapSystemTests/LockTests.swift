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

    @Test("one writer, or several that share; the file's mode stays its owner's")
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
            // Somebody who may write here holds it: widened or not, it is a lock.
            chmod(scratch.file("lock").string, 0o644)
            Self.busy { _ = try lock(.shared) }
            _ = consume writer
        }
        _ = try lock(.exclusive)
        #expect(try names(in: scratch.path) == ["lock"])
    }

    @Test("where all files have one mode, the lock is taken all the same")
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

    @Test("a lock that was removed under its holder's hands is none")
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

    @Test("who may only read shares with readers, and keeps none of them out")
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
        // An exclusive one asks for the right to write.
        #expect(throws: SnapError.self) {
            _ = try RecordLock(excluding: try read(), timeout: .zero)
        }
        let writer = try RecordLock(
            excluding: try File(updating: "reader.lock", in: directory), timeout: .zero)
        Self.busy { _ = try RecordLock(sharing: try read(), timeout: .zero) }
        _ = consume writer
    }
}
