import Glibc
public import SystemPackage

/// A connection to a UNIX socket, closed when its owner ends (unix(7)).
public struct LocalSocket: ~Copyable, Sendable {
    private let file: File

    /// Where the socket is.
    public var path: FilePath { file.path }

    private var calls: SystemCalls { file.calls }

    /// sockaddr_un has room for so many bytes and a 0 behind them.
    private static let pathByteCountMax = 107

    /// Connects to a socket.
    ///
    /// - Parameters:
    ///   - path: The socket.
    ///   - calls: The seam.
    /// - Throws: `.notFound` if nobody listens there, `.permission` or `.inputOutput`.
    ///
    /// The corresponding C functions are `socket` and `connect`.
    public init(connectingTo path: FilePath, _ calls: SystemCalls) throws(SnapError) {
        guard path.string.utf8.count <= Self.pathByteCountMax else {
            throw SnapError(
                .notFound,
                "path of a socket has more than \(Self.pathByteCountMax) bytes", path: path)
        }
        let descriptor: Int32
        do { descriptor = try calls.makeLocalSocket() } catch {
            throw SnapError(error, action: "make a socket for", path: path)
        }
        let file = File(owning: descriptor, path, calls)
        do { try calls.connect(descriptor, to: path) } catch {
            guard error != .connectionRefused else {
                throw SnapError(.notFound, "nobody listens at this socket", path: path)
            }
            throw SnapError(error, action: "connect", path: path)
        }
        self.file = file
    }

    /// The process that listens; 0 if it is not to be seen from here.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C call is `getsockopt` with `SO_PEERCRED`.
    public func peerProcess() throws(SnapError) -> Int {
        do { return try calls.peer(of: file.descriptor) } catch {
            throw SnapError(error, action: "ask for the peer", path: path)
        }
    }

    /// Sends all bytes.
    ///
    /// - Parameters:
    ///   - bytes: The bytes, at least one.
    ///   - passed: A file whose descriptor goes along.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `sendmsg`, with `SCM_RIGHTS`.
    public func send(_ bytes: [UInt8], passing passed: borrowing File) throws(SnapError) {
        try send(bytes, passing: passed.descriptor)
    }

    /// Sends all bytes.
    ///
    /// - Parameter bytes: The bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C function is `send`.
    public func send(_ bytes: [UInt8]) throws(SnapError) {
        try send(bytes, passing: nil)
    }

    private func send(_ bytes: [UInt8], passing passed: Int32?) throws(SnapError) {
        var passed = passed
        try bytes.withBytes { (bytes) throws(SnapError) in
            var count = 0
            while count < bytes.byteCount {
                do throws(Errno) {
                    let rest = bytes.extracting(droppingFirst: count)
                    count += try calls.send(file.descriptor, rest, passing: passed)
                    passed = nil
                } catch {
                    throw SnapError(error, action: "send", path: path)
                }
            }
        }
    }

    /// Receives what there is, when there is something.
    ///
    /// - Parameters:
    ///   - deadline: How long to wait.
    ///   - endures: Whether to wait on though the command was asked to end.
    /// - Returns: At least a byte; none if the other end has closed.
    /// - Throws: `.busy` at the deadline, `.interrupted`, or `.inputOutput`.
    ///
    /// The corresponding C functions are `poll` and `read`.
    public func receive(
        until deadline: ContinuousClock.Instant, endures: Bool
    ) throws(SnapError) -> [UInt8] {
        while true {
            do throws(SnapError) {
                let left = max(0, (deadline - ContinuousClock.now) / .milliseconds(1))
                if !endures { try Interruption.check() }
                guard try wait(milliseconds: Int32(min(left.rounded(.up), 1000))) else {
                    if ContinuousClock.now < deadline { continue }
                    throw SnapError(.busy, "no answer in time", path: path)
                }
                return try receive()
            } catch let error where error.code == .interrupted && endures {
                continue
            }
        }
    }

    private func wait(milliseconds: Int32) throws(SnapError) -> Bool {
        do {
            return try calls.waitToRead(file.descriptor, milliseconds: milliseconds)
        } catch {
            throw SnapError(error, action: "wait", path: path)
        }
    }

    private func receive() throws(SnapError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        do throws(Errno) {
            let count = try bytes.withMutableBytes { (bytes) throws(Errno) in
                try calls.read(file.descriptor, into: &bytes)
            }
            bytes.removeLast(bytes.count - count)
            return bytes
        } catch {
            throw SnapError(error, action: "receive", path: path)
        }
    }
}
