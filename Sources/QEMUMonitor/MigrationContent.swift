/// What QEMU sends in the migration of a save, which determines the settings to change.
package enum MigrationContent: String, Codable, Sendable {
    /// The device state of a paused guest, whose RAM is in shared files.
    case deviceState
    /// The RAM and the device state of a paused guest.
    case complete
    /// The RAM and the device state of one instant, while the guest runs on.
    case backgroundSnapshot
}
