import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// A checkpoint whose pages are written, but whose savevm file has no name yet.
///
/// The images are no longer needed. If the value is discarded, nothing of the checkpoint stays.
struct UncommittedCheckpoint: ~Copyable {
    private let target: CheckpointTarget
    private let savevm: SavevmAssembler
    private let devices: DeviceStateAssembler

    /// Creates a value that owns the file; the parameters are the properties of these names.
    init(
        of target: CheckpointTarget, _ savevm: consuming SavevmAssembler,
        _ devices: DeviceStateAssembler
    ) {
        self.target = target
        self.savevm = savevm
        self.devices = devices
    }

    /// The number of stored pages that replace damaged pages of the parent.
    var replacedDamagedPageCount: Int { savevm.replacedDamagedPageCount }
    /// Whether damage of the parent was found.
    var hasFoundDamage: Bool { savevm.hasFoundDamage }

    /// Writes the device state, then gives the savevm file its name, which is the commit point.
    ///
    /// On failure it deletes both files; the next save deletes one that cannot be deleted now.
    ///
    /// - Parameter context: Receives a warning if the parent's device state is damaged.
    /// - Returns: The description of the checkpoint for the index.
    /// - Throws: `.cannotCreate` if the number is taken; `.mismatch` if the device state exceeds
    ///   the format's limits; `.damaged` for the parent's files; `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    consuming func commit(_ context: WorkContext) throws(SnapError) -> IndexedCheckpoint {
        let target = target
        let (seal, sections) = try devices.publish(context)
        do throws(SnapError) {
            // The commit point: after this call the checkpoint exists.
            let contents = try savevm.publish(seal)
            return IndexedCheckpoint(describing: contents, sections)
        } catch {
            if seal != nil { Self.removeDeviceState(of: target) }
            throw error
        }
    }

    /// Deletes the device-state file of a failed save.
    ///
    /// Keeps the file if the savevm file has its name but could not be deleted.
    private static func removeDeviceState(of target: CheckpointTarget) {
        let directory = target.guest.directory
        let number = target.name.number
        do throws(SnapError) {
            guard try directory.status(of: FileName.savevm(number).text) == nil else { return }
            try directory.remove(FileName.deviceState(number).text)
        } catch {
            // The file is now a leftover, which the next save deletes.
        }
    }
}
