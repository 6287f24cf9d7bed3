package import SnapSystem

/// Who listens at a QMP socket: the process and the user that began to (unix(7), SO_PEERCRED).
package struct MonitorPeer: Sendable {
    /// The process.
    package let process: ProcessIdentity
    /// Its user.
    package let userID: UInt32

    /// Names a peer; the parameters are the properties.
    package init(process: ProcessIdentity, userID: UInt32) {
        self.process = process
        self.userID = userID
    }
}
