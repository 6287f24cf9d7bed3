package import GuestMemory
package import MigrationStream

/// The state of a paused guest, except the RAM in files.
package struct PausedState: Sendable {
    /// The device state, with the RAM that is not in a file.
    package let devices: StreamContent
    /// The snapshots of drives that were taken.
    package let diskSnapshots: [DiskSnapshot]
    /// libvirt's description of the guest; nil for a guest that it does not manage.
    package let domain: DomainDescription?
}
