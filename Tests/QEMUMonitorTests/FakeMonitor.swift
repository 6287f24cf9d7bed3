import Foundation
import SystemPackage
import TestSupport

/// Something that listens at a socket as QEMU does, and says what a test wants.
final class FakeMonitor: Sendable {
    let path: FilePath
    private let scratch: Scratch
    private let listener: Int32

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - accepts: Whether connections are accepted.
    ///   - answer: What is said after a command has come, given what it is and its number; nil
    ///     says nothing.
    init(
        accepts: Bool = true, greeting: String = #"{"QMP": {}}"# + "\n",
        _ answer: @escaping @Sendable (_ command: String, _ id: Int) -> String?
    ) throws {
        scratch = try Scratch()
        path = scratch.file("qmp")
        let listener = try UnixSocket.bind(to: path)
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
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while let count = try? buffer.withUnsafeMutableBytes({ try peer.read(into: $0) }),
                count > 0
            {
                received += buffer.prefix(count)
                while let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Data(received[..<end])
                    received.removeFirst(end + 1)
                    let request = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any]
                    let text = answer(
                        request?["execute"] as? String ?? "", request?["id"] as? Int ?? 0)
                    if let text { _ = try? peer.writeAll(text.utf8) }
                }
            }
        }
    }

    deinit { close(listener) }
}
