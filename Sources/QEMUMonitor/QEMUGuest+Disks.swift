package import GuestMemory
package import SnapSystem
import SystemPackage

// Drives, and internal snapshots of their images (QEMU's qapi/block-core.json).
extension QEMUGuest {
    /// The length limit of a drive's name in bytes.
    private static let driveNameByteCountMax = 255
    /// The length limit of an image's path in bytes (PATH_MAX).
    private static let imagePathByteCountMax = 4095

    private struct BlockDevice: Decodable {
        let device: String
        let inserted: Medium?
    }

    private struct Medium: Decodable {
        enum CodingKeys: String, CodingKey {
            case isReadOnly = "ro"
            case format = "drv"
            case node = "node-name"
            case image
        }
        let isReadOnly: Bool
        let format: String
        let node: String?
        let image: Image
    }

    private struct Image: Decodable {
        let filename: String
    }

    private struct Actions: Encodable {
        let actions: [Action]
    }

    private struct Action: Encodable {
        let type = "blockdev-snapshot-internal-sync"
        let data: SnapshotArguments
    }

    private struct SnapshotArguments: Encodable {
        let device: String
        let name: String

        init(_ snapshot: DiskSnapshot) {
            device = snapshot.drive
            name = snapshot.name
        }
    }

    /// Finds the drives that have a medium.
    ///
    /// - Returns: The drives, in QEMU's order.
    /// - Throws: As `QMPClient.ask`; `.unsupported` for a name that is too long.
    package mutating func drives() throws(SnapError) -> [Drive] {
        let devices: [BlockDevice] = try client.ask("query-block")
        var drives: [Drive] = []
        for device in devices {
            guard let medium = device.inserted else { continue }
            let drive = Drive(
                device: device.device, node: medium.node ?? "", format: medium.format,
                path: resolved(medium.image.filename), isWritable: !medium.isReadOnly)
            guard drive.name.utf8.count <= Self.driveNameByteCountMax,
                drive.path.utf8.count <= Self.imagePathByteCountMax
            else {
                throw SnapError(
                    .unsupported,
                    "name of drive \(drive.name.shortened()) or of its image is too long",
                    path: client.path)
            }
            drives.append(drive)
        }
        return drives
    }

    /// Makes a path absolute if it is relative to QEMU's working directory, and that can be seen.
    private func resolved(_ name: String) -> String {
        // A name with a protocol, such as `nbd:` or `json:`, is not a path.
        let isPath = !name.prefix { $0 != "/" }.contains(":")
        guard isPath, !name.hasPrefix("/"),
            let directory = peer.process.workingDirectoryPath(client.calls)
        else { return name }
        return directory.appending(FilePath(name).components).string
    }

    /// Takes snapshots of several drives, of all or of none.
    ///
    /// - Parameter snapshots: The snapshots to take, at least one.
    /// - Throws: As `QMPClient.execute`.
    package mutating func take(_ snapshots: [DiskSnapshot]) throws(SnapError) {
        let actions = snapshots.map { Action(data: SnapshotArguments($0)) }
        try client.execute("transaction", Actions(actions: actions))
    }

    /// Deletes a snapshot, if QEMU still owns the disks.
    ///
    /// After a completed migration, QEMU must not write to them, and another QEMU may use them.
    ///
    /// - Parameter snapshot: The snapshot.
    /// - Throws: `.busy` if QEMU does not own the disks; and as `QMPClient.execute`.
    package mutating func deleteIfActive(_ snapshot: DiskSnapshot) throws(SnapError) {
        let status = try status()
        guard status.isRunning || status.name == "paused" else {
            throw SnapError(
                .busy, "guest is \(status.name), expected running or paused", path: client.path)
        }
        try client.execute(
            "blockdev-snapshot-delete-internal-sync", SnapshotArguments(snapshot))
    }
}
