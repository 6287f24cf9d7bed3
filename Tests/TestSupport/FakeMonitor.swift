import Foundation
import Synchronization
import SystemPackage

/// A QMP server that sends the answers that a test wants, in place of QEMU.
package final class FakeMonitor: Sendable {
    /// A text that the server sends repeatedly, until the client closes the connection.
    package struct Flood: Sendable {
        let command: String
        let text: String
        let count: Int
        let interval: UInt32

        /// Whether the flood starts with the greeting, without a command.
        package var isGreeting: Bool { command.isEmpty }

        /// Creates a flood.
        ///
        /// - Parameters:
        ///   - command: The command after which the flood starts; nil to start after the greeting.
        ///   - text: The text to repeat.
        ///   - count: The number of repetitions in each write.
        ///   - microseconds: The time between two writes.
        package init(
            after command: String?, _ text: String, times count: Int = 1,
            every microseconds: UInt32
        ) {
            self.command = command ?? ""
            self.text = text
            self.count = count
            interval = microseconds
        }
    }

    /// The path of the server's socket.
    package let path: FilePath
    private let scratch: Scratch
    private let listener: Int32
    private let lineLog: LineLog

    private final class LineLog: Sendable {
        let lines = Mutex<[String]>([])
    }

    /// The lines received so far, each a command with its arguments.
    package var lines: [String] { lineLog.lines.withLock { $0 } }

    /// Creates a server that listens at a socket in a scratch directory.
    ///
    /// - Parameters:
    ///   - accepts: Whether the server accepts a connection.
    ///   - greeting: The text that the server sends first.
    ///   - flood: The text that the server sends repeatedly; nil if it sends no such text.
    ///   - closing: The command after whose answer the server closes the connection; an empty text
    ///     to close it after the greeting.
    ///   - receive: Called for each descriptor that the client passes; must close it.
    ///   - answer: Returns the text to send after a command, or nil to send nothing. `command` is
    ///     the command's name, followed by the property if there is one (`qom-get size`).
    package init(
        accepts: Bool = true, greeting: String = #"{"QMP": {}}"# + "\n", flood: Flood? = nil,
        closingAfter closing: String? = nil,
        receive: @escaping @Sendable (FileDescriptor) -> Void = { try? $0.close() },
        _ answer: @escaping @Sendable (_ command: String, _ id: Int) -> String?
    ) throws {
        scratch = try Scratch()
        path = scratch.file("qmp")
        let listener = try UnixSocket.bind(to: path)
        let lineLog = LineLog()
        self.lineLog = lineLog
        self.listener = listener
        guard listen(listener, 0) == 0 else { throw Errno(rawValue: errno) }
        guard accepts else { return }
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread {
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            let peer = FileDescriptor(rawValue: descriptor)
            _ = try? peer.writeAll(greeting.utf8)
            if let flood, flood.command.isEmpty { Self.send(flood, to: peer) }
            if closing?.isEmpty == true { return }
            var received: [UInt8] = []
            while let (bytes, passed) = UnixSocket.receive(from: descriptor), !bytes.isEmpty {
                if let passed { receive(FileDescriptor(rawValue: passed)) }
                received += bytes
                while let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Data(received[..<end])
                    received.removeFirst(end + 1)
                    lineLog.lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
                    let request = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any]
                    let arguments = request?["arguments"] as? [String: Any]
                    let words = [request?["execute"], arguments?["property"]]
                    let command = words.compactMap { $0 as? String }.joined(separator: " ")
                    if let flood, flood.command == command { Self.send(flood, to: peer) }
                    let text = answer(command, request?["id"] as? Int ?? 0)
                    if let text { _ = try? peer.writeAll(text.utf8) }
                    if closing == command { return }
                }
            }
        }
    }

    deinit { close(listener) }

    /// Sends a text until the client closes the connection.
    private static func send(_ flood: Flood, to peer: FileDescriptor) {
        let text = String(repeating: flood.text, count: flood.count)
        while (try? peer.writeAll(text.utf8)) != nil { usleep(flood.interval) }
    }
}
