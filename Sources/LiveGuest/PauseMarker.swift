import FoundationEssentials
import QEMUMonitor
import SnapSystem

/// A file in the guest's directory for as long as a save has changed something in its QEMU.
///
/// A save that is killed leaves it behind, and the guest paused; so does one whose QEMU dies. The
/// next save finds it.
struct PauseMarker: Codable, Sendable {
    /// QEMU's process: a socket may be another one's meanwhile.
    let process: ProcessIdentity
    /// When the guest was paused, RFC 3339.
    let since: String
    /// Whether it was running then.
    let wasRunning: Bool
    /// How QEMU migrated before.
    let settings: MigrationSettings
    /// The process that saves; nil in a marker of version 0.1.
    var saver: ProcessIdentity?
    /// The migration that wrote the device state, once it is over.
    var migration: QEMUGuest.MigrationTrace?

    /// What is found where a marker may be.
    enum Found {
        case none
        /// A marker that cannot be understood.
        case unreadable
        case marker(PauseMarker)
    }

    /// Version 0.1 looks for this name too.
    static let name = "standstill"
    private static let byteCountMax = 1 << 16

    /// Looks for the marker that a save has left.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func find(in directory: Directory) throws(SnapError) -> Found {
        guard let status = try directory.status(of: name) else { return .none }
        let bytes = try File(reading: name, in: directory)
            .read(byteCount: min(status.byteCount, byteCountMax), at: 0)
        guard let marker = try? JSONDecoder().decode(PauseMarker.self, from: Data(bytes))
        else { return .unreadable }
        return .marker(marker)
    }

    /// Writes the marker.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`: a guest that cannot be marked is not paused.
    func write(in directory: Directory) throws(SnapError) {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(self)) } catch {
            throw SnapError(.internalFailure, "cannot write \(Self.name): \(error)")
        }
        try directory.replace(Self.name, with: bytes, isDurable: false)
    }

    /// Removes the marker, whether it is there or not.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func remove(in directory: Directory) throws(SnapError) {
        try directory.remove(name)
    }
}
