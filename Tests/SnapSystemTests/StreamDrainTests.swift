import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("A process that reads a stream to its end")
struct StreamDrainTests {
    // A write to a closed socket must fail, as in snap.
    init() { signal(SIGPIPE, SIG_IGN) }

    private static func read(_ file: SharedFile, count: Int) throws {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withMutableBytes { (bytes) throws(SnapError) in
            #expect(try file.file.readNext(into: &bytes) == count)
        }
    }

    @Test("a stream that is read to its end is complete")
    func complete() throws {
        let (reading, writing) = try SocketPair.create("stream", .kernel)
        let drain = try StreamDrain(of: reading, timeout: .seconds(60))
        try [1, 2, 3].withBytes { try writing.file.append($0) }
        _ = consume writing
        try Self.read(reading, count: 3)
        drain.reportRead()
        #expect(!drain.isOverdue)
        #expect(drain.finish(within: .seconds(60)))
    }

    @Test("what is left of a stream is read, so that its writer does not wait")
    func rest() throws {
        let (reading, writing) = try SocketPair.create("stream", .kernel)
        let drain = try StreamDrain(of: reading, timeout: .milliseconds(100))
        // More than the sockets hold.
        let bytes = [UInt8](repeating: 7, count: 4 << 20)
        try bytes.withBytes { try writing.file.append($0) }
        #expect(drain.isOverdue)
        _ = consume writing
        #expect(!drain.finish(within: .seconds(60)))
    }

    @Test("a writer that sends nothing for a long time is still read")
    func silence() throws {
        let (reading, writing) = try SocketPair.create("stream", .kernel)
        let drain = try StreamDrain(of: reading, timeout: .milliseconds(100))
        #expect(!drain.finish(within: .milliseconds(300)))
        let bytes = [UInt8](repeating: 7, count: 4 << 20)
        try bytes.withBytes { try writing.file.append($0) }
    }

    // A child that is not waited for would stay behind as a zombie.
    @Test("the process is not a child of its caller")
    func parent() throws {
        let scratch = try Scratch()
        let (reading, writing) = try SocketPair.create(scratch.file("stream"), .kernel)
        let drain = try StreamDrain(of: reading, timeout: .seconds(60))
        let sessions = Self.childrenThatLeadSessions()
        #expect(sessions.isEmpty, "children: \(sessions)")
        _ = consume writing
        #expect(drain.finish(within: .seconds(60)))
    }

    /// Lists the children of this process that called setsid(2), as only a drain does.
    private static func childrenThatLeadSessions() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
            // After the name in parentheses: the state, the parent, the group and the session.
            let fields = stat?.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 3 && Int32(fields[1]) == getpid() && Int32(fields[3]) == process
        }
    }
}
