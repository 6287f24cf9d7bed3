import GuestMemory
import SnapSystem

// Layout: savevm(5), "Header".

/// The reference from a device-state file to its base, the file that contains what it shares.
///
/// A base has no base itself, so at most two files are needed to read a device state.
package struct DeviceStateBase: Sendable, Hashable {
    /// The number and id of the base's checkpoint.
    package let checkpoint: FileReference
    /// The checksum of the base's trailer, from which a reader can check all its other parts.
    package let trailerChecksum: Hash128

    static let byteCount = 40

    /// Encodes the reference for the header of the file that has the base.
    func encode(to writer: inout ByteWriter) {
        writer.append(UInt64(checkpoint.number))
        writer.append(checkpoint.id)
        writer.append(trailerChecksum)
    }
}

extension DeviceStateBase {
    /// Decodes the reference; nil if the file has no base.
    ///
    /// - Parameters:
    ///   - reader: The reader of the header.
    ///   - number: The number of the file's own checkpoint, which is higher than its base's.
    /// - Throws: `.damaged`.
    init?(_ reader: inout ByteReader, before number: Int) throws(SnapError) {
        if reader.isZero(Self.byteCount) {
            try reader.zeros(Self.byteCount, "base")
            return nil
        }
        let base = try reader.count(
            "number of the base", as: UInt64.self, in: 1...max(1, number - 1))
        self.init(
            checkpoint: FileReference(number: base, id: try reader.identifier("id of the base")),
            trailerChecksum: try reader.hash("checksum of the base's trailer"))
    }
}
