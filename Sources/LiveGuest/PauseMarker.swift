import FoundationEssentials
import Glibc
import GuestMemory
import QEMUMonitor
import SnapSystem

/// A file in the guest's directory that exists while a save has changed settings of its QEMU, or
/// has taken disk snapshots for a checkpoint that is not saved yet.
///
/// A killed save leaves the marker in the directory, and may leave the guest paused. A save whose
/// QEMU dies leaves the marker too. The next save finds it.
///
/// The next save applies the marker's contents to that QEMU. So the marker counts only if every
/// user who can have created or changed it could also have saved the guest.
struct PauseMarker: Codable, Sendable {
    /// The process of QEMU, since another process may own the socket when the marker is read.
    let process: ProcessIdentity
    /// When the save has started to change QEMU, in the format of RFC 3339.
    let since: String
    /// Whether the save has paused a running guest, or is about to.
    var stops: Bool
    /// QEMU's migration settings before the save.
    var settings: MigrationSettings
    /// The process of the save; nil in a marker of version 0.1.
    var saver: ProcessIdentity?
    /// The migration that wrote the device state; nil until it has ended.
    var migration: QEMUGuest.MigrationTrace?
    /// What QEMU sends; nil in a marker of version 0.1, for `deviceState`.
    var content: MigrationContent?
    /// The snapshots of drives that the save has taken; nil without any.
    var diskSnapshots: [DiskSnapshot]?

    private enum CodingKeys: String, CodingKey {
        case process
        case since
        case stops = "wasRunning"
        case settings
        case saver
        case migration
        case content
        case diskSnapshots
    }

    /// The result of the search for a marker.
    enum Found {
        case none
        /// A file that does not count as a marker, and why.
        case foreign(String)
        /// A marker that cannot be decoded.
        case unreadable
        case marker(PauseMarker)
    }

    /// Version 0.1 looks for this name too.
    static let name = "standstill"
    private static let byteCountMax = 1 << 16
    /// The length limit of `since` in bytes.
    private static let sinceByteCountMax = 40

    /// Searches for a marker that a save has left.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Returns: The marker, or the reason why no valid marker was found.
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

    /// Returns why a file does not count as a marker; nil if it counts.
    private static func fault(
        of status: FileStatus, in directory: Directory
    ) throws(SnapError) -> String? {
        guard status.byteCount <= byteCountMax else {
            return "length is \(status.byteCount) bytes, expected at most \(byteCountMax)"
        }
        guard status.permissions & (S_IWGRP | S_IWOTH) == 0 else {
            return "is writable by users other than its owner"
        }
        let user = geteuid()
        // On CIFS, and on NFS that squashes root, all files belong to another user.
        let owner = try directory.status()?.userID
        guard status.userID == user || status.userID == owner else {
            return "belongs to user \(status.userID), expected \(owner ?? user)"
        }
        return nil
    }

    /// Determines whether the marker was written for a guest's QEMU.
    ///
    /// - Parameter guest: The guest to which snap is connected now.
    /// - Returns: Whether the processes are the same; nil if neither can be identified.
    func isFor(_ guest: borrowing QEMUGuest) -> Bool? {
        let other = guest.peer.process
        return process.start == nil && other.start == nil ? nil : process == other
    }

    /// Writes the marker, or replaces it.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`; the caller must not pause the guest then.
    func write(in directory: Directory) throws(SnapError) {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(self)) } catch {
            throw SnapError(.internalFailure, "cannot write \(Self.name): \(error)")
        }
        guard bytes.count <= Self.byteCountMax else {
            throw SnapError(
                .unsupported,
                "description of the save has \(bytes.count) bytes, expected at most "
                    + "\(Self.byteCountMax)", path: directory.file(Self.name))
        }
        try directory.replace(Self.name, with: bytes, isDurable: false)
    }

    /// Deletes the marker, if it exists.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func remove(in directory: Directory) throws(SnapError) {
        try directory.remove(name)
    }
}
