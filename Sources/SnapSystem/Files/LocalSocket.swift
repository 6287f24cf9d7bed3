import Glibc
package import SystemPackage

/// A connection to a UNIX socket, which is closed when the value is destroyed (unix(7)).
package struct LocalSocket: ~Copyable, Sendable {
    private let file: File

    /// The path of the socket.
    package var path: FilePath { file.path }

    /// The system calls with which the socket is accessed.
    package var calls: SystemCalls { file.calls }

    /// The longest path that fits into sockaddr_un with its final 0 byte.
    private static let pathByteCountMax = 107

    /// Connects to a socket.
    ///
    /// - Parameters:
    ///   - path: The socket's path.
    ///   - deadline: The time until which to wait for the listener to accept.
    ///   - calls: The system calls.
    /// - Throws: `.notFound` if no process listens on the socket or the path is too long; `.busy`
    ///   at the deadline; `.permission`, `.inputOutput` or `.interrupted`.
    ///
    /// The corresponding C functions are `socket` and `connect`.
    package init(
        connectingTo path: FilePath, until deadline: ContinuousClock.Instant, _ calls: SystemCalls
    ) throws(SnapError) {
        guard path.string.utf8.count <= Self.pathByteCountMax else {
            throw SnapError(
                .notFound,
                "socket path is longer than \(Self.pathByteCountMax) bytes", path: path)
        }
        let descriptor: Int32
        do { descriptor = try calls.makeLocalSocket() } catch {
            throw SnapError(error, action: "create a socket", path: path)
        }
        let file = File(owning: descriptor, path, calls)
        while true {
            do { try calls.connect(descriptor, to: path) } catch {
                if error == .connectionRefused {
                    throw SnapError(.notFound, "no process listens on this socket", path: path)
                }
                // The listener's queue of connections is full (connect(2), EAGAIN).
                guard error == .resourceTemporarilyUnavailable else {
                    throw SnapError(error, action: "connect", path: path)
                }
                guard ContinuousClock.now < deadline else {
                    throw SnapError(
                        .busy, "did not accept the connection within the timeout", path: path)
                }
                usleep(20_000)
                try Interruption.check()
                continue
            }
            break
        }
        self.file = file
    }

    /// Reads the process that listens on the socket, and its user.
    ///
    /// - Returns: The number and the effective user of the process when it started to listen. The
    ///   number is 0 if the process is not visible, as in another PID namespace.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C call is `getsockopt` with `SO_PEERCRED`.
    package func peer() throws(SnapError) -> (process: Int, userID: UInt32) {
        do { return try calls.peer(of: file.descriptor) } catch {
            throw SnapError(error, action: "identify the peer", path: path)
        }
    }

    /// Sends all bytes, and passes a file's descriptor with the first of them.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to send, at least one.
    ///   - passed: The file whose descriptor is passed.
    ///   - deadline: The time until which to wait for room.
    ///   - ignoresInterruption: Whether to continue after the command was asked to stop.
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
    ///   - bytes: The bytes to send.
    ///   - deadline: The time until which to wait for room.
    ///   - ignoresInterruption: Whether to continue after the command was asked to stop.
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

    /// Waits for data and receives what has arrived.
    ///
    /// - Parameters:
    ///   - deadline: The time until which to wait.
    ///   - ignoresInterruption: Whether to continue after the command was asked to stop.
    /// - Returns: At least one byte; an empty array if the peer has closed the connection.
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

    /// Waits until `isReady` returns true, and checks the deadline and for signals while it waits.
    ///
    /// The deadline is checked first, so a peer that never stops sending cannot extend it.
    private func wait(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool,
        _ isReady: (_ milliseconds: Int32) throws(Errno) -> Bool
    ) throws(SnapError) {
        while true {
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else {
                throw SnapError(.busy, "did not answer within the timeout", path: path)
            }
            if !ignoresInterruption { try Interruption.check() }
            do throws(Errno) {
                // The signal may have interrupted another thread instead of this one.
                if try isReady(Int32(min(left.rounded(.up), 200))) { return }
            } catch {
                guard error == .interrupted && ignoresInterruption else {
                    throw SnapError(error, action: "wait", path: path)
                }
            }
        }
    }
}
