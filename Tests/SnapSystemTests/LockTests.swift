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

    @Test("bytes are locked by readers, found by others, and free again afterwards")
    func recordLocks() throws {
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        try scratch.write([], to: "reader.lock")
        let read = { try File(reading: "reader.lock", in: directory) }
        let locked = { try RecordLock.lockedBytes(1..<1 << 24, of: try read()) }
        #expect(try locked().isEmpty)
        let first = try RecordLock(sharing: [3..<4, 7..<9], of: try read(), timeout: .zero)
        let second = try RecordLock(sharing: [8..<12], of: try read(), timeout: .zero)
        #expect(Set(try locked().joined()) == [3, 7, 8, 9, 10, 11])
        #expect(try RecordLock.lockedBytes(4..<7, of: try read()).isEmpty)
        _ = consume first
        #expect(Set(try locked().joined()) == [8, 9, 10, 11])
        _ = consume second
        #expect(try locked().isEmpty)
    }

    @Test("random sets of locked bytes are found exactly", arguments: 0..<20)
    func randomRecordLocks(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let scratch = try Scratch()
        let directory = Directory(scratch.path, .kernel)
        try scratch.write([], to: "reader.lock")
        var expected: Set<Int> = []
        var locks: [Holder] = []
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            let numbers = Set((0..<20).map { _ in Int.random(in: 1...60, using: &generator) })
            expected.formUnion(numbers)
            var runs: [Range<Int>] = []
            for number in numbers.sorted() {
                if let last = runs.last, last.upperBound == number {
                    runs[runs.count - 1] = last.lowerBound..<number + 1
                } else {
                    runs.append(number..<number + 1)
                }
            }
            let file = try File(reading: "reader.lock", in: directory)
            locks.append(Holder(try RecordLock(sharing: runs, of: file, timeout: .zero)))
        }
        let file = try File(reading: "reader.lock", in: directory)
        let found = try RecordLock.lockedBytes(1..<100, of: file)
        #expect(Set(found.joined()) == expected)
        #expect(!locks.isEmpty)
    }

    /// Keeps a lock, so that several can be in an array.
    private final class Holder {
        let lock: RecordLock

        init(_ lock: consuming RecordLock) { self.lock = lock }
    }
}
