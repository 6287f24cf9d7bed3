import SnapSystem

/// One device's saved state, without its bytes.
public struct DeviceSection: Sendable, Equatable {
    /// The device's name, or that of an opaque file.
    public let name: String
    /// Which of several devices of that name.
    public let instanceID: Int
    /// The version of the device's own format.
    public let versionID: Int
    /// The length of its state in bytes.
    public let byteCount: Int

    /// Describes a device section; the parameters are the properties.
    public init(name: String, instanceID: Int, versionID: Int, byteCount: Int) {
        self.name = name
        self.instanceID = instanceID
        self.versionID = versionID
        self.byteCount = byteCount
    }
}
