/// What vouches for the device-state file that belongs to a savevm file.
package struct DeviceStateSeal: Sendable, Equatable {
    /// The file's length in bytes.
    package let byteCount: Int
    /// The checksum of its trailer, which vouches for all the rest.
    package let checksum: Hash128
}
