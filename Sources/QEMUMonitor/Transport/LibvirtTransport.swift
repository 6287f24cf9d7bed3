import Dispatch
import FoundationEssentials
import Libvirt
import SnapSystem
import Synchronization
import SystemPackage

/// A connection to QEMU through libvirt, which owns the QMP socket of a domain.
///
/// A thread passes the commands to libvirt, which waits for QEMU's reply to each. So the caller can
/// end a wait before that, and can send a command whose reply QEMU delays.
final class LibvirtTransport: QMPTransport {
    private enum Input {
        case message(QMPMessage)
        /// The error of the command with this number.
        case failure(Int, SnapError)
    }

    /// The messages that have arrived, and how the caller waits for more.
    private final class Inbox: Sendable {
        private let inputs = Mutex<[Input]>([])
        private let count = DispatchSemaphore(value: 0)

        func add(_ input: Input) {
            inputs.withLock { $0.append(input) }
            count.signal()
        }

        /// Waits until there is an input, and takes it if asked; returns nil after the time.
        func next(within time: Duration, takes: Bool) -> Input? {
            let milliseconds = max(Int(time / .milliseconds(1)), 0)
            guard count.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else {
                return nil
            }
            if takes { return inputs.withLock { $0.removeFirst() } }
            count.signal()
            return inputs.withLock { $0.first }
        }
    }

    /// The commands that the thread has not executed; nil ends the thread.
    private final class Outbox: Sendable {
        private let commands = Mutex<[QMPCommand?]>([])
        private let count = DispatchSemaphore(value: 0)

        func add(_ command: QMPCommand?) {
            commands.withLock { $0.append(command) }
            count.signal()
        }

        func next() -> QMPCommand? {
            count.wait()
            return commands.withLock { $0.removeFirst() }
        }
    }

    let path: FilePath
    private let inbox = Inbox()
    private let outbox = Outbox()
    private let lastNumber = Mutex(0)

    /// The time between two checks for a signal.
    private static let checkInterval = Duration.milliseconds(20)

    /// Finds a domain, and starts the thread.
    ///
    /// - Parameters:
    ///   - name: The domain's name.
    ///   - uri: The URI of the connection to libvirt; nil for libvirt's default.
    ///   - path: What error messages name.
    /// - Throws: As `LibvirtConnection.init` and `LibvirtDomain.init`.
    init(to name: String, at uri: String?, shownAs path: FilePath) throws(SnapError) {
        self.path = path
        let inbox = inbox
        let domain = try LibvirtDomain(name, of: LibvirtConnection(to: uri), shownAs: path) {
            event in
            inbox.add(.message(QMPMessage(text: Self.text(of: event))))
        }
        let outbox = outbox
        let isStarted = DetachedThread.start {
            while let command = outbox.next() { inbox.add(Self.execute(command, in: domain)) }
        }
        guard isStarted else {
            throw SnapError(.inputOutput, "cannot start a thread for libvirt", path: path)
        }
        self.domain = domain
    }

    deinit { outbox.add(nil) }

    /// The domain.
    let domain: LibvirtDomain

    var numbersCommands: Bool { false }

    private static func execute(_ command: QMPCommand, in domain: LibvirtDomain) -> Input {
        do throws(SnapError) {
            let text = String(decoding: command.text, as: UTF8.self)
            let reply = try domain.execute(text, passing: command.file)
            return .message(QMPMessage(text: reply, commandNumber: command.number))
        } catch { return .failure(command.number, error) }
    }

    /// Writes an event as QEMU does.
    private static func text(of event: LibvirtDomain.Event) -> [UInt8] {
        let time = "{\"seconds\": \(event.seconds), \"microseconds\": \(event.microseconds)}"
        return Array("{\"event\": \"\(event.name)\", \"timestamp\": \(time)}".utf8)
    }

    func send(
        _ command: QMPCommand, until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) {
        if !ignoresInterruption { try Interruption.check() }
        lastNumber.withLock { $0 = command.number }
        outbox.add(command)
    }

    func receive(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) -> QMPMessage {
        while true {
            switch try next(until: deadline, ignoresInterruption, takes: true) {
            case .message(let message): return message
            case .failure(let number, let error):
                // The caller no longer waits for an earlier command.
                if lastNumber.withLock({ $0 == number }) { throw error }
            case nil:
                throw SnapError(.busy, "libvirt did not answer within the timeout", path: path)
            }
        }
    }

    func waitForInput(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) {
        _ = try next(until: deadline, ignoresInterruption, takes: false)
    }

    private func next(
        until deadline: ContinuousClock.Instant, _ ignoresInterruption: Bool, takes: Bool
    ) throws(SnapError) -> Input? {
        while true {
            if !ignoresInterruption { try Interruption.check() }
            let left = deadline - .now
            let input = inbox.next(within: min(left, Self.checkInterval), takes: takes)
            if input != nil || left <= .zero { return input }
        }
    }
}
