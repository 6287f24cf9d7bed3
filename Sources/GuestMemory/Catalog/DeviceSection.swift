/// The description of a device's saved state, without its bytes.
package struct DeviceSection: Sendable, Equatable {
    /// The name of the device or of the opaque file.
    package let name: String
    /// QEMU's instance id, which distinguishes devices of the same name.
    package let instanceID: Int
    /// The version of the device's state format.
    package let versionID: Int
    /// The length of the state in bytes.
    package let byteCount: Int

    /// Creates a description from its properties.
    package init(name: String, instanceID: Int, versionID: Int, byteCount: Int) {
        self.name = name
        self.instanceID = instanceID
        self.versionID = versionID
        self.byteCount = byteCount
    }

    /// Whether a device-state file can contain it; a row of the index may exceed these limits.
    package var isWithinLimits: Bool {
        name.utf8.count <= Checkpoint.textByteCountMax
            && (0...Int(UInt32.max)).contains(instanceID)
            && (0...Int(UInt32.max)).contains(versionID)
            && (0...Checkpoint.deviceSectionByteCountMax).contains(byteCount)
    }
}
