import CheckpointStore
package import GuestMemory
import SavevmFormat
import SnapSystem

/// The disk snapshots of a checkpoint.
///
/// snap never opens the images: their paths come from the store, which can be a foreign one.
package struct DiskSnapshots: Sendable, Equatable {
    /// The checkpoint.
    package let checkpoint: CheckpointName
    /// Its disk snapshots.
    package let snapshots: [DiskSnapshot]

    /// Reads which disk snapshots checkpoints have; ignores damaged and missing files.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the checkpoints.
    ///   - guest: The guest's directory.
    /// - Returns: One element for each checkpoint that has disk snapshots.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    static func find(
        of numbers: [Int], in guest: GuestDirectory
    ) throws(SnapError) -> [DiskSnapshots] {
        var found: [DiskSnapshots] = []
        for number in numbers {
            do throws(SnapError) {
                let file = try guest.files.savevm(.savevm(number))
                guard file.checkpoint.deviceState != nil else { continue }
                let snapshots = try StoredDiskSnapshot.all(
                    in: try guest.files.deviceState(of: file))
                if snapshots.isEmpty { continue }
                found.append(
                    DiskSnapshots(
                        checkpoint: CheckpointName(guest: guest.name, number: number),
                        snapshots: snapshots))
            } catch {
                guard error.isDamage else { throw error }
            }
        }
        return found
    }
}
