/// One device's saved state, without its bytes.
package struct DeviceSection: Sendable, Equatable {
    /// The device's name, or that of an opaque file.
    package let name: String
    /// Which of several devices of that name.
    package let instanceID: Int
    /// The version of the device's own format.
    package let versionID: Int
    /// The length of its state in bytes.
    package let byteCount: Int

    /// Describes a device section; the parameters are the properties.
    package init(name: String, instanceID: Int, versionID: Int, byteCount: Int) {
        self.name = name
        self.instanceID = instanceID
        self.versionID = versionID
        self.byteCount = byteCount
    }

    /// Whether it is one that a device-state file can hold, wherever it has been read.
    package var isWithinLimits: Bool {
        name.utf8.count <= Checkpoint.textByteCountMax
            && (0...Int(UInt32.max)).contains(instanceID)
            && (0...Int(UInt32.max)).contains(versionID)
            && (0...Checkpoint.deviceSectionByteCountMax).contains(byteCount)
    }
}
