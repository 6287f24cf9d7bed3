package import SnapSystem

/// What a save does at the checkpoint's instant, while the guest is stopped.
package struct PauseTasks: Sendable {
    /// The name of the snapshots that are taken of the selected drives.
    package var diskSnapshotName: String
    /// The user's command; nil for none.
    package var command: ShellCommand?

    /// Creates a value without a command.
    ///
    /// - Parameter diskSnapshotName: The name of the snapshots of drives.
    package init(diskSnapshotName: String = "") {
        self.diskSnapshotName = diskSnapshotName
    }
}
