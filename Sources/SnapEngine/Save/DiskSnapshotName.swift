import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// The name of the disk snapshots that belong to a checkpoint: `snap-GUEST-NUMBER-ID`, with the
/// first 8 digits of the id.
///
/// The number can be used again after a failed save, and in another store.
struct DiskSnapshotName {
    private static let prefix = "snap-"
    private static let digitCount = 8
    private let number: Int
    private let digits: Substring
    private let guest: Substring

    /// Creates the name for a checkpoint.
    init(_ name: CheckpointName, id: Identifier) {
        guest = Substring(name.guest.description)
        number = name.number
        digits = id.hex.prefix(Self.digitCount)
    }

    /// Parses a name; nil if snap does not use such a name.
    init?(parsing text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.hasPrefix(Self.prefix), parts.count >= 4, let digits = parts.last,
            digits.count == Self.digitCount, let number = Int(parts[parts.count - 2])
        else { return nil }
        guest = Substring(parts[1..<parts.count - 2].joined(separator: "-"))
        self.number = number
        self.digits = digits
    }

    /// The name in a disk image.
    var text: String { "\(Self.prefix)\(guest)-\(number)-\(digits)" }

    /// Checks whether the checkpoint of the name is saved.
    ///
    /// - Parameter directory: The guest's directory.
    /// - Returns: false only if there is certainly no such checkpoint.
    func isSaved(in directory: GuestDirectory) -> Bool {
        guard guest == directory.name.description else { return true }
        do throws(SnapError) {
            let file = try directory.files.savevm(.savevm(number))
            return file.reference.id.hex.hasPrefix(digits)
        } catch { return error.code != .notFound }
    }
}
