/// A drive of a guest, with the image that is its medium.
package struct Drive: Sendable, Equatable {
    /// The device's name; empty if the drive was created without one.
    package let device: String
    /// The name of the image's node.
    package let node: String
    /// The format of the image, such as `qcow2`.
    package let format: String
    /// The path of the image.
    package let path: String
    /// Whether the guest can write to it.
    package let isWritable: Bool

    /// Creates a drive; the parameters are the properties of these names.
    package init(device: String, node: String, format: String, path: String, isWritable: Bool) {
        self.device = device
        self.node = node
        self.format = format
        self.path = path
        self.isWritable = isWritable
    }

    /// The name for QMP commands, and for users.
    package var name: String { device.isEmpty ? node : device }

    /// Whether the image can contain snapshots.
    package var canBeSnapshotted: Bool { isWritable && format == "qcow2" }

    /// Whether a user means this drive.
    ///
    /// - Parameter name: The device's or the node's name.
    /// - Returns: Whether the drive has this name.
    package func isNamed(_ name: String) -> Bool {
        !name.isEmpty && (name == device || name == node)
    }
}
