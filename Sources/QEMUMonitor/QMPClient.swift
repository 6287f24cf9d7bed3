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

    /// The process that listens.
    package let process: QEMUProcess
    private let socket: LocalSocket
    private var received: [UInt8] = []
    private var lastID = 0
    /// Whether it goes on though the command was asked to end: what must be undone is undone.
    package var endures = false

    /// A line is never longer than this, in bytes.
    private static let lineByteCountMax = 1 << 22
    /// How long QEMU may take for one command: it waits for the guest's disks.
    private static let replyPatience = Duration.seconds(300)
    /// How long it may take to say that it is there.
    private static let greetingPatience = Duration.seconds(5)

    /// Connects and says hello.
    ///
    /// - Parameters:
    ///   - path: The QMP socket.
    ///   - patience: How long to wait for another client to leave.
    ///   - calls: The seam.
    /// - Throws: `.notFound`, `.permission`; `.busy` if another client does not leave;
    ///   `.unsupported` if it is no QMP socket; `.inputOutput`, `.interrupted`.
    package static func connect(
        to path: FilePath, patience: Duration, _ calls: SystemCalls
    ) throws(SnapError) -> QMPClient {
        var client = try QMPClient(LocalSocket(connectingTo: path, calls), calls)
        try client.greet(patience: patience)
        return client
    }

    private init(
        _ socket: consuming LocalSocket, _ calls: SystemCalls
    ) throws(SnapError) {
        process = QEMUProcess(try socket.peerProcess(), calls)
        self.socket = socket
    }

    private mutating func greet(patience: Duration) throws(SnapError) {
        let greeting: [UInt8]
        do throws(SnapError) {
            greeting = try nextLine(within: max(patience, Self.greetingPatience))
        } catch let error where error.code == .busy {
            throw SnapError(
                .busy, "QEMU sends no greeting: another client is connected, or it hangs",
                path: path)
        }
        guard (try? JSONDecoder().decode(Greeting.self, from: Data(greeting))) != nil else {
            throw SnapError(.unsupported, "is no QMP socket", path: path)
        }
        try execute("qmp_capabilities", Nothing())
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
        try socket.send(line, passing: file)
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
    package mutating func pause() throws(SnapError) {
        do throws(SnapError) {
            received += try socket.receive(until: .now + .milliseconds(2), endures: endures)
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
        try socket.send(line)
    }

    /// Waits for the reply to the last command; events, and replies to commands that were given
    /// up, are passed by.
    private mutating func reply(to command: String) throws(SnapError) -> [UInt8] {
        while true {
            let line = try nextLine(within: Self.replyPatience)
            guard let head = try? JSONDecoder().decode(Head.self, from: Data(line)) else {
                throw SnapError(
                    .unsupported, "is no QMP socket: it says \(Self.shown(line))", path: path)
            }
            guard head.id == lastID else { continue }
            if let error = head.error {
                throw SnapError(.inputOutput, "QEMU refuses \(command): \(error.desc)", path: path)
            }
            return line
        }
    }

    private mutating func nextLine(within patience: Duration) throws(SnapError) -> [UInt8] {
        let deadline = ContinuousClock.now + patience
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(received[..<end])
                received.removeFirst(end + 1)
                if line.allSatisfy({ $0 <= UInt8(ascii: " ") }) { continue }
                return line
            }
            guard received.count <= Self.lineByteCountMax else {
                throw SnapError(.unsupported, "is no QMP socket: a line without end", path: path)
            }
            let bytes = try socket.receive(until: deadline, endures: endures)
            guard !bytes.isEmpty else {
                throw SnapError(.inputOutput, "QEMU has closed the connection", path: path)
            }
            received += bytes
        }
    }

    private static func shown(_ line: [UInt8]) -> String {
        String(decoding: line.prefix(100), as: UTF8.self)
    }
}
