/// The values in a savevm file that a reader checks its device-state file against.
package struct DeviceStateSeal: Sendable, Equatable {
    /// The length of the device-state file, in bytes.
    package let byteCount: Int
    /// The checksum of the file's trailer, from which the reader can check all its other parts.
    package let checksum: Hash128

    /// Creates a seal from its properties.
    package init(byteCount: Int, checksum: Hash128) {
        self.byteCount = byteCount
        self.checksum = checksum
    }
}
