import FoundationEssentials
package import SnapSystem
package import SystemPackage

/// A conversation with a running QEMU (QEMU's docs/interop/qmp-spec.rst).
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

    private struct Greeting: Decodable {
        enum CodingKeys: String, CodingKey {
            case greeting = "QMP"
        }
        let greeting: Nothing
    }

    /// What a command has that takes no arguments, and an answer that says nothing.
    package struct Nothing: Codable {
        /// Nothing.
        package init() {}
    }

    /// Who listens.
    package let peer: MonitorPeer
    private let socket: LocalSocket
    private var received = JSONMessages()
    private var lastID = 0
    /// When all that is under way has to be done: no wait lasts longer, whatever comes meanwhile.
    package var deadline: ContinuousClock.Instant
    /// Whether signals change nothing, because something is undone that must not stay.
    package var ignoresInterruption = false

    /// A message is never longer than this, in bytes.
    private static let messageByteCountMax = 1 << 22
    /// How long QEMU may take.
    package struct Timeouts: Sendable {
        /// Until it says that it is there.
        package var greeting = Duration.seconds(5)
        /// For everything after that, until `deadline` is set anew.
        package var commands = Duration.seconds(120)

        /// The usual ones.
        package init() {}
    }

    /// Connects and says hello.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - timeout: How long to wait for another client to leave.
    ///   - calls: The system calls.
    ///   - timeouts: How long QEMU may take.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client does not leave;
    ///   `.unsupported` if it is no QMP socket; `.inputOutput`, `.interrupted`.
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
                .busy, "QEMU sends no greeting: another client is connected, or it hangs",
                path: path)
        }
        guard (try? JSONDecoder().decode(Greeting.self, from: Data(greeting))) != nil else {
            throw SnapError(.unsupported, "is no QMP socket", path: path)
        }
    }

    /// The socket's path, for messages.
    package var path: FilePath { socket.path }

    /// Has a command executed.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - arguments: Its arguments.
    /// - Throws: `.inputOutput` with QEMU's words if it refuses; `.busy` if it does not answer;
    ///   `.interrupted`.
    package mutating func execute(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) {
        try send(command, arguments)
        _ = try reply(to: command)
    }

    /// Has a command executed that takes a descriptor along.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - arguments: Its arguments.
    ///   - file: The file whose descriptor it is.
    /// - Throws: As `execute`.
    package mutating func execute(
        _ command: String, _ arguments: some Encodable, passing file: borrowing File
    ) throws(SnapError) {
        let line = try line(command, arguments)
        try socket.send(
            line, passing: file, until: deadline, ignoresInterruption: ignoresInterruption)
        _ = try reply(to: command)
    }

    /// Asks a question.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - arguments: Its arguments.
    /// - Throws: As `execute`, and `.unsupported` for an answer of another kind.
    package mutating func ask<Answer: Decodable>(
        _ command: String, _ arguments: some Encodable = Nothing()
    ) throws(SnapError) -> Answer {
        try send(command, arguments)
        let line = try reply(to: command)
        guard let reply = try? JSONDecoder().decode(Reply<Answer>.self, from: Data(line)) else {
            throw SnapError(
                .unsupported, "QEMU answers \(command) with \(Self.shown(line))", path: path)
        }
        return reply.return
    }

    /// Gives QEMU a moment before it is asked again.
    ///
    /// - Throws: `.interrupted` or `.inputOutput`.
    package mutating func waitBriefly() throws(SnapError) {
        do throws(SnapError) {
            received.append(
                try socket.receive(
                    until: min(deadline, .now + .milliseconds(2)),
                    ignoresInterruption: ignoresInterruption))
        } catch let error where error.code == .busy {
            // Nothing came, and nothing had to.
        }
    }

    private mutating func line(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) -> [UInt8] {
        lastID += 1
        let request = Request(execute: command, arguments: arguments, id: lastID)
        do { return Array(try JSONEncoder().encode(request)) + Array("\n".utf8) } catch {
            throw SnapError(.internalFailure, "cannot say \(command): \(error)")
        }
    }

    private mutating func send(
        _ command: String, _ arguments: some Encodable
    ) throws(SnapError) {
        let line = try line(command, arguments)
        try socket.send(line, until: deadline, ignoresInterruption: ignoresInterruption)
    }

    /// Waits for the reply to the last command; events, and replies to commands that were given
    /// up, are passed by.
    private mutating func reply(to command: String) throws(SnapError) -> [UInt8] {
        while true {
            let message: [UInt8]
            do throws(SnapError) { message = try nextMessage() } catch {
                guard error.code == .busy else { throw error }
                throw SnapError(.busy, "QEMU does not answer \(command)", path: path)
            }
            guard let head = try? JSONDecoder().decode(Head.self, from: Data(message)) else {
                throw notQMP(message)
            }
            guard head.id == lastID else { continue }
            if let error = head.error {
                throw SnapError(
                    .inputOutput, "QEMU refuses \(command): \(error.desc.shortened())", path: path)
            }
            return message
        }
    }

    private mutating func nextMessage() throws(SnapError) -> [UInt8] {
        while true {
            do throws(JSONMessages.Foreign) {
                if let message = try received.next() { return message }
            } catch { throw notQMP(error.bytes) }
            guard received.waitingByteCount <= Self.messageByteCountMax else {
                throw SnapError(
                    .unsupported, "is no QMP socket: a message without end", path: path)
            }
            let bytes = try socket.receive(
                until: deadline, ignoresInterruption: ignoresInterruption)
            guard !bytes.isEmpty else {
                throw SnapError(.inputOutput, "QEMU has closed the connection", path: path)
            }
            received.append(bytes)
        }
    }

    private func notQMP(_ message: [UInt8]) -> SnapError {
        SnapError(
            .unsupported, "is no QMP socket: it says \(Self.shown(message))", path: path)
    }

    private static func shown(_ message: [UInt8]) -> String {
        String(decoding: message.prefix(100), as: UTF8.self)
    }
}
