import SnapSystem
import SystemPackage

/// A connection on which QMP messages are exchanged with QEMU.
protocol QMPTransport: AnyObject, Sendable {
    /// The connection's path, for error messages.
    var path: FilePath { get }
    /// Whether a command contains its number, with which QEMU then replies.
    var numbersCommands: Bool { get }

    /// Sends a command.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - deadline: The time until which to wait for the peer.
    ///   - ignoresInterruption: Whether a signal does not end the wait.
    /// - Throws: `.busy` at the deadline; `.inputOutput` or `.interrupted`.
    func send(
        _ command: QMPCommand, until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError)

    /// Waits for the next message.
    ///
    /// - Parameters:
    ///   - deadline: The time until which to wait.
    ///   - ignoresInterruption: Whether a signal does not end the wait.
    /// - Returns: A reply or an event.
    /// - Throws: `.busy` at the deadline; `.unsupported` if the peer does not send QMP;
    ///   `.inputOutput` or `.interrupted`.
    func receive(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError) -> QMPMessage

    /// Waits until a message may have arrived, without taking it.
    ///
    /// - Parameters:
    ///   - deadline: The time until which to wait.
    ///   - ignoresInterruption: Whether a signal does not end the wait.
    /// - Throws: `.inputOutput` or `.interrupted`.
    func waitForInput(
        until deadline: ContinuousClock.Instant, ignoresInterruption: Bool
    ) throws(SnapError)
}
