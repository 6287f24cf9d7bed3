import FoundationEssentials
package import SnapSystem
package import SystemPackage

/// A QMP connection to a running QEMU (QEMU's docs/interop/qmp-spec.rst).
package struct QMPClient: ~Copyable {
    private struct Request<Arguments: Encodable>: Encodable {
        let execute: String
        let arguments: Arguments
        let id: Int
    }

    private struct Head: Decodable {
        let id: Int?
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

    /// The process that listens at the socket.
    package let peer: MonitorPeer
    private let socket: LocalSocket
    private var received = JSONMessages()
    private var lastID = 0
    /// The times at which the guest has stopped and run again, up to the last reply.
    package private(set) var runStateChanges: [RunStateChange] = []
    /// The end of every wait for QEMU, regardless of what QEMU sends until then.
    package var deadline: ContinuousClock.Instant
    /// Whether signals are ignored, because the caller is undoing changes that must not remain.
    package var ignoresInterruption = false

    private static let runStateChangeCountMax = 1000
    /// The length limit of a message in bytes.
    private static let messageByteCountMax = 1 << 22
    /// The time limits for QEMU's replies.
    package struct Timeouts: Sendable {
        /// The time from the connection to QEMU's greeting.
        package var greeting = Duration.seconds(5)
        /// The time for all commands after the greeting, until the caller sets `deadline`.
        package var commands = Duration.seconds(120)

        /// Creates the default time limits.
        package init() {}
    }

    /// Connects to QEMU and negotiates capabilities.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - timeout: How long to wait until another client disconnects.
    ///   - calls: The system calls.
    ///   - timeouts: The time limits for QEMU's replies.
    /// - Returns: The connection, ready for commands.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client does not disconnect;
    ///   `.unsupported` if `path` is not a QMP socket; `.inputOutput` or `.interrupted`.
    package static func connect(
        to path: FilePath, timeout: Duration, _ calls: SystemCalls,
        timeouts: Timeouts = Timeouts()
    ) throws(SnapError) -> QMPClient {
        let deadline = ContinuousClock.now + max(timeout, timeouts.greeting)
        var client = try QMPClient(
            LocalSocket(connectingTo: path, until: deadline, calls), until: deadline, calls)
        try client.awaitGreeting()
        client.deadline = .now + timeouts.commands
        try client.execute("qmp_capabilities", Nothing())
        return client
    }

    private init(
        _ socket: consuming LocalSocket, until deadline: ContinuousClock.Instant,
        _ calls: SystemCalls
    ) throws(SnapError) {
        let (process, userID) = try socket.peer()
        peer = MonitorPeer(process: ProcessIdentity(process, calls), userID: userID)
        self.deadline = deadline
        self.socket = socket
    }

    private mutating func awaitGreeting() throws(SnapError) {
        let greeting: [UInt8]
        do throws(SnapError) {
            greeting = try nextMessage()
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

    /// The system calls of the connection.
    var calls: SystemCalls { socket.calls }

    /// The socket's path, for error messages.
    package var path: FilePath { socket.path }

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
        _ command: String, _ arguments: some Encodable, passing file: borrowing File
    ) throws(SnapError) {
        let line = try line(command, arguments)
        try socket.send(
            line, passing: file, until: deadline, ignoresInterruption: ignoresInterruption)
        _ = try reply(to: command)
    }

    /// Sends a command without waiting for its reply.
    ///
    /// - Parameters:
    ///   - command: The command's name.
    ///   - arguments: The command's arguments.
    /// - Throws: As `LocalSocket.send`.
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
        do throws(SnapError) {
            received.append(
                try socket.receive(
                    until: min(deadline, .now + .milliseconds(2)),
                    ignoresInterruption: ignoresInterruption))
        } catch let error where error.code == .busy {
            // QEMU sent nothing, which is expected.
        }
    }

    private mutating func line(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) -> [UInt8] {
        lastID += 1
        let request = Request(execute: command, arguments: arguments, id: lastID)
        do { return Array(try JSONEncoder().encode(request)) + Array("\n".utf8) } catch {
            throw SnapError(.internalFailure, "cannot encode \(command): \(error)")
        }
    }

    private mutating func send(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) {
        let line = try line(command, arguments)
        try socket.send(line, until: deadline, ignoresInterruption: ignoresInterruption)
    }

    /// Waits for the reply to the last command.
    ///
    /// It skips events, and late replies to earlier commands that failed by a timeout.
    private mutating func reply(to command: String) throws(SnapError) -> [UInt8] {
        while true {
            let message: [UInt8]
            do throws(SnapError) { message = try nextMessage() } catch {
                guard error.code == .busy else { throw error }
                throw SnapError(
                    .busy, "QEMU did not answer \(command) within the timeout", path: path)
            }
            guard let head = try? JSONDecoder().decode(Head.self, from: Data(message)) else {
                throw notQMP(message)
            }
            guard head.id == lastID else {
                record(message)
                continue
            }
            if let error = head.error {
                throw SnapError(
                    .inputOutput, "QEMU refuses \(command): \(error.desc.shortened())", path: path)
            }
            return message
        }
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

    private mutating func nextMessage() throws(SnapError) -> [UInt8] {
        while true {
            do throws(JSONMessages.Foreign) {
                if let message = try received.next() { return message }
            } catch { throw notQMP(error.bytes) }
            guard received.waitingByteCount <= Self.messageByteCountMax else {
                throw SnapError(
                    .unsupported, "is not a QMP socket: it sends a message that is too long",
                    path: path)
            }
            let bytes = try socket.receive(
                until: deadline, ignoresInterruption: ignoresInterruption)
            guard !bytes.isEmpty else {
                throw SnapError(.inputOutput, "QEMU closed the connection", path: path)
            }
            received.append(bytes)
        }
    }

    private func notQMP(_ message: [UInt8]) -> SnapError {
        SnapError(
            .unsupported, "is not a QMP socket: it sends \(Self.shown(message))", path: path)
    }

    private static func shown(_ message: [UInt8]) -> String {
        String(decoding: message.prefix(100), as: UTF8.self)
    }
}
