import GuestMemory
import SnapSystem
import SystemPackage

extension SnapError {
    /// Creates the warning that this error prevents the deletion of a disk snapshot.
    ///
    /// - Parameters:
    ///   - snapshot: The snapshot.
    ///   - socket: The QMP socket or the domain.
    /// - Returns: The warning, with the command that deletes the snapshot.
    func asDeletionFailure(of snapshot: DiskSnapshot, at socket: FilePath) -> SnapError {
        SnapError(
            code,
            "cannot delete snapshot \(snapshot.name) of drive \(snapshot.drive), which may exist: "
                + message, path: socket,
            hint: "when QEMU has ended, use \(snapshot.deletionCommand)")
    }
}
