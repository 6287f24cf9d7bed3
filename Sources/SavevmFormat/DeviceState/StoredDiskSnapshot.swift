package import GuestMemory
package import SnapSystem
import SystemPackage

// Layout: savevm(5), "Section list".
//
//     SIZE  DESCRIPTION
//    2 + n  path of the image
//    2 + n  name of the snapshot in the image

/// The sections that name the disk snapshots of a checkpoint, one for each drive.
package enum StoredDiskSnapshot {
    /// The most bytes in a section.
    private static let byteCountMax = 1 << 16

    /// Encodes a snapshot as the content of a section, whose name is that of the drive.
    ///
    /// - Parameter snapshot: The snapshot.
    /// - Returns: The section's bytes.
    package static func encode(_ snapshot: DiskSnapshot) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(text: snapshot.path)
        writer.append(text: snapshot.name)
        return writer.bytes
    }

    /// Reads the snapshots that a device-state file names.
    ///
    /// - Parameter file: The open file.
    /// - Returns: The snapshots, in the order of the section list.
    /// - Throws: `.damaged` with the offset; `.inputOutput`.
    package static func all(in file: DeviceStateFile) throws(SnapError) -> [DiskSnapshot] {
        var sections = DeviceStateReader(file)
        var snapshots: [DiskSnapshot] = []
        for section in file.states.flatMap(\.sections) where section.kind == .diskSnapshot {
            guard section.byteCount <= byteCountMax else {
                throw SnapError(
                    .damaged,
                    "section of a disk snapshot has \(section.byteCount) bytes, expected at most "
                        + "\(byteCountMax)", path: file.path)
            }
            var reader = ByteReader(
                try sections.bytes(of: section), path: file.path, startOffset: 0)
            let path = try reader.text("path of a disk image")
            let name = try reader.text("name of a disk snapshot")
            try reader.finish("section of a disk snapshot")
            snapshots.append(
                DiskSnapshot(drive: section.identity.name, path: path, name: name))
        }
        return snapshots
    }
}
