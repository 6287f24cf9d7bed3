import Foundation
import Synchronization
import SystemPackage

/// Something that listens at a socket as QEMU does, and says what a test wants.
package final class FakeMonitor: Sendable {
    /// What is said without end.
    package struct Flood: Sendable {
        let command: String
        let text: String
        let count: Int
        let interval: UInt32

        /// Whether it begins as the greeting.
        package var isGreeting: Bool { command.isEmpty }

        /// - Parameters:
        ///   - command: After which command it begins; nil for the greeting.
        ///   - text: What is said again and again.
        ///   - count: How often at a time.
        ///   - microseconds: How long to wait each time.
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

    package let path: FilePath
    private let scratch: Scratch
    private let listener: Int32
    private let heard: Heard

    private final class Heard: Sendable {
        let lines = Mutex<[String]>([])
    }

    /// The commands that have come, with their arguments.
    package var lines: [String] { heard.lines.withLock { $0 } }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - accepts: Whether connections are accepted.
    ///   - greeting: What is said first.
    ///   - flood: What is said without end.
    ///   - receive: Takes each descriptor that is passed along, and closes it.
    ///   - answer: What is said after a command has come, given what it is (and of which
    ///     property: `qom-get size`) and its number; nil says nothing.
    package init(
        accepts: Bool = true, greeting: String = #"{"QMP": {}}"# + "\n", flood: Flood? = nil,
        receive: @escaping @Sendable (FileDescriptor) -> Void = { try? $0.close() },
        _ answer: @escaping @Sendable (_ command: String, _ id: Int) -> String?
    ) throws {
        scratch = try Scratch()
        path = scratch.file("qmp")
        let listener = try UnixSocket.bind(to: path)
        let heard = Heard()
        self.heard = heard
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
            if let flood, flood.command.isEmpty { Self.say(flood, to: peer) }
            var received: [UInt8] = []
            while let (bytes, passed) = UnixSocket.receive(from: descriptor), !bytes.isEmpty {
                if let passed { receive(FileDescriptor(rawValue: passed)) }
                received += bytes
                while let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Data(received[..<end])
                    received.removeFirst(end + 1)
                    heard.lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
                    let request = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any]
                    let arguments = request?["arguments"] as? [String: Any]
                    let words = [request?["execute"], arguments?["property"]]
                    let command = words.compactMap { $0 as? String }.joined(separator: " ")
                    if let flood, flood.command == command { Self.say(flood, to: peer) }
                    let text = answer(command, request?["id"] as? Int ?? 0)
                    if let text { _ = try? peer.writeAll(text.utf8) }
                }
            }
        }
    }

    deinit { close(listener) }

    /// Says something until nobody listens any more.
    private static func say(_ flood: Flood, to peer: FileDescriptor) {
        let text = String(repeating: flood.text, count: flood.count)
        while (try? peer.writeAll(text.utf8)) != nil { usleep(flood.interval) }
    }
}
