import FoundationEssentials
import QEMUMonitor
import SnapSystem
import SystemPackage

/// A file in the guest's directory for as long as a save holds the guest.
///
/// Only SIGKILL leaves it behind, and the guest paused; the next save finds it.
struct StandstillMarker: Codable, Sendable {
    /// QEMU's process: a socket's path may be that of another one meanwhile.
    let process: Int
    /// Its QMP socket.
    let socket: String
    /// When the guest was stopped, RFC 3339.
    let since: String
    /// What has to be put back in QEMU.
    let settings: MigrationSettings

    private static let name = "standstill"

    /// Reads the marker that a save has left; nil if there is none that means anything.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func read(in directory: Directory) throws(SnapError) -> StandstillMarker? {
        guard let status = try directory.status(of: name) else { return nil }
        let bytes = try File(reading: directory.file(name), directory.calls)
            .read(byteCount: min(status.byteCount, byteCountMax), at: 0)
        return try? JSONDecoder().decode(StandstillMarker.self, from: Data(bytes))
    }

    private static let byteCountMax = 1 << 16

    /// Writes the marker.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`: a guest that cannot be marked is not stopped.
    func write(in directory: Directory) throws(SnapError) {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(self)) } catch {
            throw SnapError(.internalFailure, "cannot write \(Self.name): \(error)")
        }
        let pending = try PendingFile(in: directory, for: Self.name)
        try bytes.withBytes { (bytes) throws(SnapError) in
            try pending.file.write(bytes, at: 0)
        }
        try pending.publish(replacing: Self.name)
    }

    /// Removes the marker, whether it is there or not.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func remove(in directory: Directory) throws(SnapError) {
        try directory.remove(name)
    }
}
