import Foundation
import Glibc
import LiveGuest
import QEMUMonitor
import SnapSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("A memory file named by a QMP peer")
struct MemoryFileAccessTests {
    private let scratch: Scratch
    private let memory: FilePath
    /// A peer that is this process and user, and that does not have the file open yet.
    private let peer = MonitorPeer(process: .current(.kernel), userID: geteuid())
    private var otherPeer: MonitorPeer { MonitorPeer(process: peer.process, userID: 12_345) }

    private final class Warnings: Sendable {
        let messages = Mutex<[String]>([])
    }

    init() throws {
        scratch = try Scratch()
        memory = try scratch.write([1, 2, 3], to: "mem")
    }

    /// Returns the bytes of the file, or nil and the error's code if the file is refused.
    private func read(
        _ path: FilePath, of peer: MonitorPeer, _ warnings: Warnings = Warnings()
    ) -> (bytes: [UInt8]?, code: SnapError.Code?) {
        var context = WorkContext(.kernel)
        context.warn = { warning in warnings.messages.withLock { $0.append(warning.message) } }
        do throws(SnapError) {
            let backend = QEMUGuest.Backend(name: "ram", place: .file(path), byteCount: 3)
            let file = try MemoryFileAccess(to: [backend], namedBy: peer, context).open(backend)
            return (try file.read(byteCount: 10, at: 0), nil)
        } catch { return (nil, error.code) }
    }

    private func openMemfd(byteCount: Int, of peer: MonitorPeer) -> (UInt8?, SnapError?) {
        let backend = QEMUGuest.Backend(name: "ram", place: .memfd, byteCount: byteCount)
        do throws(SnapError) {
            let access = try MemoryFileAccess(to: [backend], namedBy: peer, WorkContext(.kernel))
            return (try access.open(backend).read(byteCount: 1, at: 0).first, nil)
        } catch { return (nil, error) }
    }

    @Test("a memfd is recognized by its length, unless there are two of that length")
    func memfd() throws {
        let byteCount = 1_234_567  // no other test creates a memfd
        // Swift does not import memfd_create(2).
        let function = unsafeBitCast(
            try #require(dlsym(nil, "memfd_create")),
            to: (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)
        let create = { (first: UInt8) throws -> Int32 in
            let descriptor = function("memory-backend-memfd", 0)
            try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
            try #require([first].withUnsafeBytes { pwrite(descriptor, $0.baseAddress, 1, 0) } == 1)
            return descriptor
        }
        #expect(openMemfd(byteCount: byteCount, of: peer).1?.code == .mismatch)
        let first = try create(7)
        defer { close(first) }
        #expect(openMemfd(byteCount: byteCount, of: peer).0 == 7)
        // A second descriptor of the same memfd changes nothing.
        let copy = dup(first)
        #expect(openMemfd(byteCount: byteCount, of: peer).0 == 7)
        close(copy)
        #expect(openMemfd(byteCount: byteCount + 1, of: peer).1?.code == .mismatch)
        let second = try create(8)
        #expect(openMemfd(byteCount: byteCount, of: peer).1?.code == .unsupported)
        close(second)
        let invisible = MonitorPeer(process: ProcessIdentity(0, .kernel), userID: geteuid())
        #expect(openMemfd(byteCount: byteCount, of: invisible).1?.code == .permission)
    }

    private func holding<Result>(
        _ path: FilePath, _ flags: Int32 = O_RDONLY, _ body: () throws -> Result
    ) throws -> Result {
        let descriptor = Glibc.open(path.string, flags)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        return try body()
    }

    @Test("the file is opened if the peer has it open for reading")
    func isOpen() throws {
        let warnings = Warnings()
        try holding(memory, O_RDWR) {
            #expect(read(memory, of: peer, warnings).bytes == [1, 2, 3])
        }
        // A link to the file is accepted, too.
        let link = scratch.file("link")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: memory.string)
        try holding(memory) { #expect(read(link, of: peer, warnings).bytes == [1, 2, 3]) }
        #expect(warnings.messages.withLock { $0 } == [])
    }

    @Test("the file is refused unless the peer has this file open for reading")
    func notOpen() throws {
        #expect(read(memory, of: peer).code == .mismatch)
        // The second flag is O_PATH, which gives no access to the content.
        for flags in [O_WRONLY, 0o10_000_000] {
            try holding(memory, flags) { #expect(read(memory, of: peer).code == .mismatch) }
        }
        try holding(memory) {
            let other = try scratch.write([4], to: "other")
            #expect(rename(other.string, memory.string) == 0)
            #expect(read(memory, of: peer).code == .mismatch)
        }
        // A process that has ended has no open files.
        let ended = MonitorPeer(process: ProcessIdentity(Int(Int32.max), .kernel), userID: 0)
        #expect(read(memory, of: ended).code == .mismatch)
    }

    @Test("the file is refused if it does not belong to the peer's user")
    func otherUser() throws {
        try holding(memory) { #expect(read(memory, of: otherPeer).code == .permission) }
        #expect(read(memory, of: otherPeer).code == .mismatch)
    }

    @Test(
        "a file of another user is opened if the peer is that user or root",
        .needsRoot("to change a file's owner"))
    func owners() throws {
        try holding(memory) {
            #expect(chown(memory.string, otherPeer.userID, 0) == 0)
            #expect(read(memory, of: otherPeer).bytes == [1, 2, 3])
            // QEMU may have opened the file as root and dropped its privileges since.
            #expect(read(memory, of: peer).bytes == [1, 2, 3])
        }
        #expect(read(memory, of: otherPeer).code == .mismatch)
    }

    @Test("if the peer's process is hidden, a file and a peer of this user are accepted")
    func hidden() throws {
        let hidden = ProcessIdentity(0, .kernel)
        let warnings = Warnings()
        let own = MonitorPeer(process: hidden, userID: geteuid())
        #expect(read(memory, of: own, warnings).bytes == [1, 2, 3])
        #expect(warnings.messages.withLock(\.count) == 1)
        #expect(
            read(memory, of: MonitorPeer(process: hidden, userID: 12_345)).code == .permission)
        let link = scratch.file("link")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: memory.string)
        #expect(read(link, of: own).code != nil)
    }

    @Test(
        "if the peer's process is hidden, a file of another user is refused",
        .needsRoot("to change a file's owner"))
    func hiddenPeerOfOtherUser() throws {
        let own = MonitorPeer(process: ProcessIdentity(0, .kernel), userID: geteuid())
        #expect(chown(memory.string, 12_345, 0) == 0)
        #expect(read(memory, of: own).code == .permission)
    }

    @Test("a file that is not a regular file is refused")
    func kinds() throws {
        #expect(read(scratch.path, of: peer).code == .unsupported)
        #expect(read(scratch.file("nothing"), of: peer).code == .notFound)
        #expect(read("/dev/null", of: peer).code == .notFound)
        let fifo = scratch.file("fifo")
        #expect(mkfifo(fifo.string, 0o600) == 0)
        #expect(read(fifo, of: peer).code == .notFound)
    }
}
