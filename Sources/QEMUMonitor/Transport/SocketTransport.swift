import SnapSystem
import Synchronization
import SystemPackage

/// A connection to QEMU's QMP socket.
final class SocketTransport: QMPTransport {
    private let socket: LocalSocket
    private let received = Mutex(JSONMessages())

    /// The length limit of a message in bytes.
    private static let messageByteCountMax = 1 << 22

    /// Connects to a socket.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - deadline: The time until which to wait for the listener to accept.
    ///   - calls: The system calls.
    /// - Throws: As `LocalSocket.init`.
    init(
        to path: FilePath, until deadline: ContinuousClock.Instant, _ calls: SystemCalls
    ) throws(SnapError) {
        socket = try LocalSocket(connectingTo: path, until: deadline, calls)
    }

    var path: FilePath { socket.path }
    var numbersCommands: Bool { true }

    /// Identifies the process that listens on the socket.
    func peer() throws(SnapError) -> MonitorPeer {
        let (process, userID) = try socket.peer()
        return MonitorPeer(process: ProcessIdentity(process, socket.calls), userID: userID)
    }

    func send(
        _ command: QMPCommand, until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) {
        let line = command.text + Array("\n".utf8)
        guard let file = command.file else {
            return try socket.send(
                line, until: deadline, ignoresInterruption: ignoresInterruption)
        }
        try socket.send(
            line, passing: file.file, until: deadline, ignoresInterruption: ignoresInterruption)
    }

    func receive(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) -> QMPMessage {
        while true {
            if let message = try nextReceived() { return QMPMessage(text: message) }
            let bytes = try socket.receive(
                until: deadline, ignoresInterruption: ignoresInterruption)
            guard !bytes.isEmpty else {
                throw SnapError(.inputOutput, "QEMU closed the connection", path: path)
            }
            received.withLock { $0.append(bytes) }
        }
    }

    func waitForInput(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) {
        do throws(SnapError) {
            let bytes = try socket.receive(
                until: deadline, ignoresInterruption: ignoresInterruption)
            received.withLock { $0.append(bytes) }
        } catch {
            // At the deadline QEMU has sent nothing, which is expected.
            if error.code != .busy { throw error }
        }
    }

    private func nextReceived() throws(SnapError) -> [UInt8]? {
        try received.withLock { received throws(SnapError) in
            do throws(JSONMessages.Foreign) {
                if let message = try received.next() { return message }
            } catch { throw QMPClient.notQMP(error.bytes, path) }
            guard received.waitingByteCount <= Self.messageByteCountMax else {
                throw SnapError(
                    .unsupported, "is not a QMP socket: it sends a message that is too long",
                    path: path)
            }
            return nil
        }
    }
}
