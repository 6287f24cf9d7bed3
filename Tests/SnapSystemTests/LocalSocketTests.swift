import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import SnapSystem

@Suite("Connections to a socket")
struct LocalSocketTests {
    private let scratch: Scratch
    private var path: FilePath { scratch.file("socket") }
    private static let soon = Duration.milliseconds(50)

    init() throws { scratch = try Scratch() }

    /// Runs a closure with both ends of a new connection, then closes the listener's end.
    private func connected(
        _ body: (borrowing LocalSocket, _ peer: FileDescriptor) throws -> Void
    ) throws {
        let listener = try UnixSocket.bind(to: path)
        defer { close(listener) }
        try #require(listen(listener, 1) == 0)
        let socket = try LocalSocket(connectingTo: path, until: .now + .seconds(5), .kernel)
        let accepted = accept(listener, nil, nil)
        try #require(accepted >= 0)
        defer { close(accepted) }
        try body(socket, FileDescriptor(rawValue: accepted))
    }

    private func connectionError(_ path: FilePath) -> SnapError? {
        do throws(SnapError) {
            _ = try LocalSocket(connectingTo: path, until: .now + Self.soon, .kernel)
            return nil
        } catch { return error }
    }

    @Test("a connection fails if no process listens")
    func absent() throws {
        #expect(connectionError(path)?.code == .notFound)
        let listener = try UnixSocket.bind(to: path)
        defer { close(listener) }
        #expect(connectionError(path)?.code == .notFound)
        let long = scratch.file(String(repeating: "s", count: 108))
        #expect(connectionError(long)?.code == .notFound)
        let file = try scratch.write([1], to: "file")
        #expect(connectionError(file)?.code == .notFound)
    }

    @Test("a connection fails at the deadline if the listener's queue is full")
    func busy() throws {
        let listener = try UnixSocket.bind(to: path)
        defer { close(listener) }
        try #require(listen(listener, 0) == 0)
        let waiting = try LocalSocket(connectingTo: path, until: .now + Self.soon, .kernel)
        #expect(connectionError(path)?.code == .busy)
        _ = consume waiting
    }

    @Test("all bytes are transferred in both directions")
    func bytes() throws {
        let content = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 5) }
        try connected { socket, peer in
            let listener = try socket.peer()
            #expect(listener.userID == geteuid() && listener.process == Int(getpid()))
            let echo = Thread {
                var count = 0
                while count < content.count,
                    let (part, _) = UnixSocket.receive(from: peer.rawValue), !part.isEmpty
                {
                    _ = try? peer.writeAll(part)
                    count += part.count
                }
            }
            echo.start()
            var found: [UInt8] = []
            for start in stride(from: 0, to: content.count, by: 50_000) {
                try socket.send(
                    Array(content[start..<start + 50_000]), until: .now + .seconds(20),
                    ignoresInterruption: false)
                while found.count < start + 50_000 {
                    found += try socket.receive(
                        until: .now + .seconds(20), ignoresInterruption: false)
                }
            }
            #expect(found == content)
            while !echo.isFinished { usleep(100) }
        }
    }

    @Test("a descriptor is passed with one message only")
    func descriptors() throws {
        try connected { socket, peer in
            try scratch.write([1, 2, 3], to: "file")
            let file = try File(reading: "file", in: Directory(scratch.path, .kernel))
            try socket.send(
                [7, 8], passing: file, until: .now + .seconds(5), ignoresInterruption: false)
            let (bytes, passed) = try #require(UnixSocket.receive(from: peer.rawValue))
            #expect(bytes == [7, 8])
            let descriptor = FileDescriptor(rawValue: try #require(passed))
            var content = [UInt8](repeating: 0, count: 10)
            let count = try content.withUnsafeMutableBytes {
                try descriptor.read(fromAbsoluteOffset: 0, into: $0)
            }
            #expect(content.prefix(count) == [1, 2, 3])
            try descriptor.close()
            try socket.send([9], until: .now + .seconds(5), ignoresInterruption: false)
            let second = try #require(UnixSocket.receive(from: peer.rawValue))
            #expect(second.bytes == [9] && second.passed == nil)
        }
    }

    @Test("receiving and sending fail at the deadline if the peer neither sends nor reads")
    func silence() throws {
        try connected { socket, _ in
            let start = ContinuousClock.now
            var errors: [SnapError] = []
            do throws(SnapError) {
                _ = try socket.receive(until: .now + Self.soon, ignoresInterruption: false)
            } catch { errors.append(error) }
            do throws(SnapError) {
                try socket.send(
                    [UInt8](repeating: 1, count: 10 << 20), until: .now + Self.soon,
                    ignoresInterruption: true)
            } catch { errors.append(error) }
            #expect(errors.map(\.code) == [.busy, .busy])
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test("after the peer closes, receiving returns no bytes and sending fails")
    func closed() throws {
        signal(SIGPIPE, SIG_IGN)
        try connected { socket, peer in
            #expect(shutdown(peer.rawValue, Int32(SHUT_RDWR)) == 0)
            let received = try socket.receive(
                until: .now + .seconds(5), ignoresInterruption: false)
            #expect(received == [])
            #expect(throws: SnapError.self) {
                try socket.send([1], until: .now + .seconds(5), ignoresInterruption: false)
            }
        }
    }
}
