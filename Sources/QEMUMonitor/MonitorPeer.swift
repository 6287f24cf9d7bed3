package import SnapSystem

/// The process of QEMU, and its user.
///
/// At a QMP socket it is the process that started to listen there (unix(7), SO_PEERCRED).
package struct MonitorPeer: Sendable {
    /// The process, QEMU unless the socket belongs to another program.
    package let process: ProcessIdentity
    /// The process's effective user when it started to listen.
    package let userID: UInt32

    /// A peer of which nothing is known.
    static let invisible = MonitorPeer(process: .invisible, userID: 0)

    /// Creates a peer; the parameters are the properties.
    package init(process: ProcessIdentity, userID: UInt32) {
        self.process = process
        self.userID = userID
    }
}
