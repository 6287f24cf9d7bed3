import FoundationEssentials
import Glibc
import QEMUMonitor
import SnapSystem

/// A file in the guest's directory for as long as a save has changed something in its QEMU.
///
/// A save that is killed leaves it behind, and the guest paused; so does one whose QEMU dies. The
/// next save finds it.
///
/// What it says is done to that QEMU, so it counts only if nobody can have made or changed it who
/// could not have saved the guest.
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
        /// Something that does not count, and why.
        case foreign(String)
        /// A marker that cannot be understood.
        case unreadable
        case marker(PauseMarker)
    }

    /// Version 0.1 looks for this name too.
    static let name = "standstill"
    private static let byteCountMax = 1 << 16
    /// The most bytes of a time.
    private static let sinceByteCountMax = 40

    /// Looks for the marker that a save has left.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func find(in directory: Directory) throws(SnapError) -> Found {
        guard let link = try directory.status(of: name) else { return .none }
        guard link.kind == .regular else {
            return .foreign("is \(link.kind.rawValue), expected a regular file")
        }
        let file = try File(reading: name, in: directory)
        let status = try file.status()
        if let reason = try fault(of: status, in: directory) { return .foreign(reason) }
        var messages = JSONMessages()
        messages.append(try file.read(byteCount: status.byteCount, at: 0))
        guard let object = try? messages.next(),
            let marker = try? JSONDecoder().decode(PauseMarker.self, from: Data(object)),
            marker.since.utf8.count <= sinceByteCountMax
        else { return .unreadable }
        return .marker(marker)
    }

    /// Why a file does not count; nil if it does.
    private static func fault(
        of status: FileStatus, in directory: Directory
    ) throws(SnapError) -> String? {
        guard status.byteCount <= byteCountMax else {
            return "length is \(status.byteCount) bytes, expected at most \(byteCountMax)"
        }
        guard status.permissions & (S_IWGRP | S_IWOTH) == 0 else {
            return "may be written by others than its owner"
        }
        let user = geteuid()
        // On CIFS, or NFS that squashes root, all files are of another user.
        let owner = try directory.status()?.userID
        guard status.userID == user || status.userID == owner else {
            return "belongs to user \(status.userID), expected \(owner ?? user)"
        }
        return nil
    }

    /// Whether this is the QEMU that the marker was written for; nil if that cannot be told.
    ///
    /// - Parameter guest: What is at the QMP socket now.
    func isFor(_ guest: borrowing QEMUGuest) -> Bool? {
        let other = guest.peer.process
        return process.start == nil && other.start == nil ? nil : process == other
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
