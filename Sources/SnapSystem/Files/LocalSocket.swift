import Glibc
package import SystemPackage

/// A connection to a UNIX socket, closed when its owner ends (unix(7)).
package struct LocalSocket: ~Copyable, Sendable {
    private let file: File

    /// Where the socket is.
    package var path: FilePath { file.path }

    private var calls: SystemCalls { file.calls }

    /// sockaddr_un has room for so many bytes and a 0 behind them.
    private static let pathByteCountMax = 107

    /// Connects to a socket.
    ///
    /// - Parameters:
    ///   - path: The socket.
    ///   - deadline: How long to wait for the listener to accept.
    ///   - calls: The system calls.
    /// - Throws: `.notFound` if no process listens there; `.busy` at the deadline; `.permission`,
    ///   `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C functions are `socket` and `connect`.
    package init(
        connectingTo path: FilePath, until deadline: ContinuousClock.Instant, _ calls: SystemCalls
    ) throws(SnapError) {
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
        while true {
            do { try calls.connect(descriptor, to: path) } catch {
                if error == .connectionRefused {
                    throw SnapError(.notFound, "no process listens at this socket", path: path)
                }
                // Too many wait already (connect(2), EAGAIN).
                guard error == .resourceTemporarilyUnavailable else {
                    throw SnapError(error, action: "connect", path: path)
                }
                guard ContinuousClock.now < deadline else {
                    throw SnapError(.busy, "accepts no connection", path: path)
                }
                usleep(20_000)
                try Interruption.check()
                continue
            }
            break
        }
        self.file = file
    }

    /// The process that listens, 0 if it is not to be seen from here, and its user: as they were
    /// when it began to listen.
    ///
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C call is `getsockopt` with `SO_PEERCRED`.
    package func peer() throws(SnapError) -> (process: Int, userID: UInt32) {
        do { return try calls.peer(of: file.descriptor) } catch {
            throw SnapError(error, action: "ask for the peer", path: path)
        }
    }

    /// Sends all bytes.
    ///
    /// - Parameters:
    ///   - bytes: The bytes, at least one.
    ///   - passed: A file whose descriptor goes along.
    ///   - deadline: How long to wait for room.
    ///   - ignoresInterruption: Whether to wait on though the command was asked to end.
    /// - Throws: `.busy` at the deadline, `.interrupted`, or `.inputOutput`.
    ///
    /// The corresponding C function is `sendmsg`, with `SCM_RIGHTS`.
    package func send(
        _ bytes: [UInt8], passing passed: borrowing File, until deadline: ContinuousClock.Instant,
        ignoresInterruption: Bool
    ) throws(SnapError) {
        try send(
            bytes, passing: passed.descriptor, until: deadline,
            ignoresInterruption: ignoresInterruption)
    }

    /// Sends all bytes.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - deadline: How long to wait for room.
    ///   - ignoresInterruption: Whether to wait on though the command was asked to end.
    /// - Throws: `.busy` at the deadline, `.interrupted`, or `.inputOutput`.
    ///
    /// The corresponding C function is `send`.
    package func send(
        _ bytes: [UInt8], until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) {
        try send(bytes, passing: nil, until: deadline, ignoresInterruption: ignoresInterruption)
    }

    private func send(
        _ bytes: [UInt8], passing passed: Int32?, until deadline: ContinuousClock.Instant,
        ignoresInterruption: Bool
    ) throws(SnapError) {
        var passed = passed
        var count = 0
        while count < bytes.count {
            try wait(until: deadline, ignoresInterruption: ignoresInterruption) {
                (milliseconds) throws(Errno) in
                try calls.waitToWrite(file.descriptor, milliseconds: milliseconds)
            }
            do throws(Errno) {
                count += try bytes.withBytes { (bytes) throws(Errno) in
                    try calls.send(
                        file.descriptor, bytes.extracting(droppingFirst: count), passing: passed)
                }
                passed = nil
            } catch {
                if error == .resourceTemporarilyUnavailable { continue }
                throw SnapError(error, action: "send", path: path)
            }
        }
    }

    /// Receives what there is, when there is something.
    ///
    /// - Parameters:
    ///   - deadline: How long to wait.
    ///   - ignoresInterruption: Whether to wait on though the command was asked to end.
    /// - Returns: At least a byte; none if the other end has closed.
    /// - Throws: `.busy` at the deadline, `.interrupted`, or `.inputOutput`.
    ///
    /// The corresponding C functions are `poll` and `read`.
    package func receive(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) -> [UInt8] {
        while true {
            try wait(until: deadline, ignoresInterruption: ignoresInterruption) {
                (milliseconds) throws(Errno) in
                try calls.waitToRead(file.descriptor, milliseconds: milliseconds)
            }
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            do throws(Errno) {
                let count = try bytes.withMutableBytes { (bytes) throws(Errno) in
                    try calls.read(file.descriptor, into: &bytes)
                }
                bytes.removeLast(bytes.count - count)
                return bytes
            } catch {
                if error == .resourceTemporarilyUnavailable { continue }
                if error == .interrupted && ignoresInterruption { continue }
                throw SnapError(error, action: "receive", path: path)
            }
        }
    }

    /// Waits until `isReady` says so, looking for the deadline and for signals meanwhile.
    ///
    /// After the deadline nothing is ready: a peer that never stops sending gains no time by it.
    private func wait(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool,
        _ isReady: (_ milliseconds: Int32) throws(Errno) -> Bool
    ) throws(SnapError) {
        while true {
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { throw SnapError(.busy, "no answer in time", path: path) }
            if !ignoresInterruption { try Interruption.check() }
            do throws(Errno) {
                // A signal may wake another thread than the one that waits here.
                if try isReady(Int32(min(left.rounded(.up), 200))) { return }
            } catch {
                guard error == .interrupted && ignoresInterruption else {
                    throw SnapError(error, action: "wait", path: path)
                }
            }
        }
    }
}
