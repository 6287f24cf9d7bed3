import FoundationEssentials
package import GuestMemory
import Libvirt
package import SnapSystem
package import SystemPackage

/// A QMP connection to a running QEMU (QEMU's docs/interop/qmp-spec.rst).
package struct QMPClient: ~Copyable {
    private struct Request<Arguments: Encodable>: Encodable {
        let execute: String
        let arguments: Arguments
        let id: Int?
    }

    private struct Head: Decodable {
        let id: Int?
        let error: Refusal?
    }

    /// A reply that came through libvirt, which uses its own ids.
    private struct HeadWithoutID: Decodable {
        let error: Refusal?
    }

    private struct Refusal: Decodable {
        let desc: String
    }

    private struct Reply<Answer: Decodable>: Decodable {
        let `return`: Answer
    }

    private struct RunStateEvent: Decodable {
        struct Time: Decodable {
            let seconds: Int
            let microseconds: Int
        }
        let event: String
        let timestamp: Time
    }

    private struct Processor: Decodable {
        enum CodingKeys: String, CodingKey {
            case thread = "thread-id"
        }
        let thread: Int
    }

    private struct Greeting: Decodable {
        enum CodingKeys: String, CodingKey {
            case greeting = "QMP"
        }
        let greeting: Nothing
    }

    /// The arguments of a command that takes none, and the content of an empty reply.
    package struct Nothing: Codable {
        /// Creates the empty value.
        package init() {}
    }

    /// The process of QEMU, or of a program that claims to be QEMU.
    package private(set) var peer: MonitorPeer
    private let transport: any QMPTransport
    /// The system calls of the connection.
    let calls: SystemCalls
    private var lastID = 0
    /// The times at which the guest has stopped and run again, up to the last reply.
    package private(set) var runStateChanges: [RunStateChange] = []
    /// The end of every wait for QEMU, regardless of what QEMU sends until then.
    package var deadline: ContinuousClock.Instant
    /// Whether signals are ignored, because the caller is undoing changes that must not remain.
    package var ignoresInterruption = false

    private static let runStateChangeCountMax = 1000
    /// The time limits for QEMU's replies.
    package struct Timeouts: Sendable {
        /// The time from the connection to QEMU's greeting.
        package var greeting = Duration.seconds(5)
        /// The time for all commands after the greeting, until the caller sets `deadline`.
        package var commands = Duration.seconds(120)

        /// Creates the default time limits.
        package init() {}
    }

    /// Connects to QEMU, and negotiates capabilities at a socket.
    ///
    /// - Parameters:
    ///   - address: The QMP socket or the domain.
    ///   - timeout: How long to wait until another client disconnects from the socket.
    ///   - calls: The system calls.
    ///   - timeouts: The time limits for QEMU's replies.
    /// - Returns: The connection, ready for commands.
    /// - Throws: `.notFound`, also for a domain that does not run; `.permission`; `.busy` if
    ///   another client does not disconnect; `.unsupported` if the peer does not speak QMP, or if
    ///   libvirt is not installed, too old, or on another machine; `.inputOutput` or
    ///   `.interrupted`.
    package static func connect(
        to address: GuestAddress, timeout: Duration, _ calls: SystemCalls,
        timeouts: Timeouts = Timeouts()
    ) throws(SnapError) -> QMPClient {
        switch address {
        case .domain(let name, let uri):
            let transport = try LibvirtTransport(to: name, at: uri, shownAs: address.path)
            var client = QMPClient(
                transport, until: .now + timeouts.commands, calls, peer: .invisible)
            client.peer = try client.processOfQEMU(withUUID: transport.domain.uuid)
            return client
        case .socket(let path):
            let deadline = ContinuousClock.now + max(timeout, timeouts.greeting)
            let socket = try SocketTransport(to: path, until: deadline, calls)
            var client = QMPClient(socket, until: deadline, calls, peer: try socket.peer())
            try client.awaitGreeting()
            client.deadline = .now + timeouts.commands
            try client.execute("qmp_capabilities", Nothing())
            return client
        }
    }

    private init(
        _ transport: any QMPTransport, until deadline: ContinuousClock.Instant,
        _ calls: SystemCalls, peer: MonitorPeer
    ) {
        self.peer = peer
        self.deadline = deadline
        self.transport = transport
        self.calls = calls
    }

    /// Identifies QEMU by one of its threads, because libvirt does not tell its process.
    ///
    /// A guest may have taken over its QEMU, which could then name the QEMU of another guest. So
    /// the UUID of the domain, with which libvirt starts QEMU, must be on the command line.
    private mutating func processOfQEMU(
        withUUID uuid: String
    ) throws(SnapError) -> MonitorPeer {
        let processors: [Processor] = try ask("query-cpus-fast")
        guard let thread = processors.first?.thread,
            let process = try ProcessIdentity(ofThread: thread, calls),
            let userID = try process.userID(calls)
        else {
            throw SnapError(
                .permission, "cannot find the process of QEMU", path: path,
                hint: "run snap as root, in the PID namespace of libvirt")
        }
        guard try process.arguments(calls).contains(uuid) else {
            throw SnapError(
                .permission,
                "process \(process.number), which QEMU names as its own, has not been started for "
                    + "this domain", path: path)
        }
        return MonitorPeer(process: process, userID: userID)
    }

    private mutating func awaitGreeting() throws(SnapError) {
        let greeting: [UInt8]
        do throws(SnapError) {
            greeting = try nextMessage().text
        } catch let error where error.code == .busy {
            throw SnapError(
                .busy,
                "QEMU did not send a greeting within the timeout: another client is connected, "
                    + "or QEMU hangs", path: path)
        }
        guard (try? JSONDecoder().decode(Greeting.self, from: Data(greeting))) != nil else {
            throw SnapError(.unsupported, "is not a QMP socket", path: path)
        }
    }

    /// What error messages name: the socket's path, or the domain.
    package var path: FilePath { transport.path }

    /// Whether the connection is through libvirt, which can report an event after a later reply.
    var usesLibvirt: Bool { transport is LibvirtTransport }

    /// Reads the description of the guest's domain; returns nil without libvirt.
    func domainDescription() throws(SnapError) -> [UInt8]? {
        try (transport as? LibvirtTransport)?.domain.description()
    }

    /// Executes a command and ignores the content of its reply.
    ///
    /// - Parameters:
    ///   - command: The command's name.
    ///   - arguments: The command's arguments.
    /// - Throws: `.inputOutput` with QEMU's message if QEMU refuses the command or the connection
    ///   fails; `.busy` if QEMU does not answer before the deadline; `.unsupported` if the reply is
    ///   not QMP; `.interrupted`.
    package mutating func execute(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) {
        try send(command, arguments)
        _ = try reply(to: command)
    }

    /// Executes a command that passes a descriptor to QEMU.
    ///
    /// - Parameters:
    ///   - command: The command's name.
    ///   - arguments: The command's arguments.
    ///   - file: The file whose descriptor is passed. QEMU gets its own copy of the descriptor.
    /// - Throws: As `execute`.
    package mutating func execute(
        _ command: String, _ arguments: some Encodable, passing file: SharedFile
    ) throws(SnapError) {
        try send(command, arguments, passing: file)
        _ = try reply(to: command)
    }

    /// Sends a command without waiting for its reply.
    ///
    /// - Parameters:
    ///   - command: The command's name.
    ///   - arguments: The command's arguments.
    /// - Throws: `.busy`, `.inputOutput` or `.interrupted`.
    package mutating func post(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) {
        try send(command, arguments)
    }

    /// Forgets when the guest has stopped and run again.
    package mutating func forgetRunStateChanges() { runStateChanges = [] }

    /// Executes a command and decodes the content of its reply.
    ///
    /// - Parameters:
    ///   - command: The command's name.
    ///   - arguments: The command's arguments.
    /// - Returns: The content of the reply.
    /// - Throws: As `execute`, and `.unsupported` if the content has another type.
    package mutating func ask<Answer: Decodable>(
        _ command: String, _ arguments: some Encodable = Nothing()
    ) throws(SnapError) -> Answer {
        try send(command, arguments)
        let line = try reply(to: command)
        guard let reply = try? JSONDecoder().decode(Reply<Answer>.self, from: Data(line)) else {
            throw SnapError(
                .unsupported, "unexpected answer from QEMU to \(command): \(Self.shown(line))",
                path: path)
        }
        return reply.return
    }

    /// Waits 2 milliseconds before the caller queries QEMU again.
    ///
    /// - Throws: `.interrupted` or `.inputOutput`.
    package mutating func waitBriefly() throws(SnapError) {
        try transport.waitForInput(
            until: min(deadline, .now + .milliseconds(2)),
            ignoresInterruption: ignoresInterruption)
    }

    private mutating func send(
        _ command: String, _ arguments: some Encodable, passing file: SharedFile? = nil
    ) throws(SnapError) {
        lastID += 1
        let request = Request(
            execute: command, arguments: arguments,
            id: transport.numbersCommands ? lastID : nil)
        let text: [UInt8]
        do { text = Array(try JSONEncoder().encode(request)) } catch {
            throw SnapError(.internalFailure, "cannot encode \(command): \(error)")
        }
        try transport.send(
            QMPCommand(number: lastID, text: text, file: file), until: deadline,
            ignoresInterruption: ignoresInterruption)
    }

    /// Waits for the reply to the last command.
    ///
    /// It skips events, and late replies to earlier commands that failed by a timeout.
    private mutating func reply(to command: String) throws(SnapError) -> [UInt8] {
        while true {
            let message: QMPMessage
            do throws(SnapError) { message = try nextMessage() } catch {
                // libvirt can be busy before the deadline, and says why.
                guard error.code == .busy, ContinuousClock.now >= deadline else { throw error }
                throw SnapError(
                    .busy, "QEMU did not answer \(command) within the timeout", path: path)
            }
            let (number, error) = try head(of: message)
            guard number == lastID else {
                record(message.text)
                continue
            }
            if let error {
                throw SnapError(
                    .inputOutput, "QEMU refuses \(command): \(error.desc.shortened())", path: path)
            }
            return message.text
        }
    }

    /// Decodes the number of the command that a message replies to, and QEMU's refusal.
    private func head(of message: QMPMessage) throws(SnapError) -> (Int?, Refusal?) {
        let decoder = JSONDecoder()
        let text = Data(message.text)
        if let number = message.commandNumber {
            if let head = try? decoder.decode(HeadWithoutID.self, from: text) {
                return (number, head.error)
            }
        } else if let head = try? decoder.decode(Head.self, from: text) {
            return (head.id, head.error)
        }
        throw Self.notQMP(message.text, path)
    }

    /// Records an event that the guest has stopped or runs again.
    private mutating func record(_ message: [UInt8]) {
        guard runStateChanges.count < Self.runStateChangeCountMax,
            let event = try? JSONDecoder().decode(RunStateEvent.self, from: Data(message)),
            event.event == "STOP" || event.event == "RESUME"
        else { return }
        let time =
            Duration.seconds(event.timestamp.seconds)
            + .microseconds(event.timestamp.microseconds)
        runStateChanges.append(RunStateChange(isRunning: event.event == "RESUME", time: time))
    }

    private func nextMessage() throws(SnapError) -> QMPMessage {
        try transport.receive(until: deadline, ignoresInterruption: ignoresInterruption)
    }

    /// The error of a peer that does not send QMP.
    static func notQMP(_ message: [UInt8], _ path: FilePath) -> SnapError {
        SnapError(.unsupported, "is not a QMP socket: it sends \(shown(message))", path: path)
    }

    private static func shown(_ message: [UInt8]) -> String {
        String(decoding: message.prefix(100), as: UTF8.self)
    }
}
