import SavevmFormat
import SnapSystem
import WorkPipeline

// The device-state files of deleted checkpoints, which stay as long as others need them as bases.
extension SpaceReclamation {
    /// Gives the device-state files of deleted checkpoints their retired names.
    ///
    /// Readers find a file under either name.
    ///
    /// - Parameter numbers: The numbers of the deleted checkpoints that have a device-state file.
    /// - Throws: `.cannotCreate` if a file has the name already; `.permission` or `.inputOutput`.
    func retireDeviceStates(_ numbers: Set<Int>) throws(SnapError) {
        for number in numbers.sorted() {
            try guest.directory.rename(
                FileName.deviceState(number).text, to: FileName.retiredDeviceState(number).text)
        }
    }

    /// Deletes the device-state files of deleted checkpoints that nothing needs.
    ///
    /// The caller holds the guest's writer lock, and the deletion of the checkpoints is durable.
    ///
    /// - Parameter listing: The guest's files.
    /// - Returns: The bytes freed on the disk, and the files that stay.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    func freeDeviceStates(
        _ listing: GuestListing
    ) throws(SnapError) -> (Outcome, DeletedDeviceStates) {
        let deleted = listing.deletedDeviceState
        let found = try DeletedDeviceStates(
            deleted, of: guest, listing, pinned: try guest.pinned(among: deleted))
        var outcome = Outcome()
        outcome.keptFileCount = found.needed.count
        for number in found.unneeded.sorted() {
            guard let name = listing.deviceStateName(of: number)?.text else { continue }
            outcome.freedByteCount += try freedByteCount(name)
            try guest.directory.remove(name)
        }
        return (outcome, found)
    }

    /// Computes what would be freed of the device-state files, and changes nothing.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of live checkpoints that are treated as deleted.
    ///   - listing: The guest's files.
    func planDeviceStates(
        without numbers: Set<Int>, _ listing: GuestListing
    ) throws(SnapError) -> (Outcome, DeletedDeviceStates) {
        let all = listing.deviceState.union(listing.retiredDeviceState)
        let deleted = listing.deletedDeviceState.union(all.intersection(numbers))
        let found = try DeletedDeviceStates(deleted, of: guest, listing, pinned: [])
        var outcome = Outcome()
        outcome.keptFileCount = found.needed.count
        for number in found.unneeded {
            guard let name = listing.deviceStateName(of: number)?.text else { continue }
            outcome.freedByteCount += try freedByteCount(name)
        }
        return (outcome, found)
    }

    private func freedByteCount(_ name: String) throws(SnapError) -> Int {
        let status = try guest.directory.status(of: name)
        return status?.linkCount == 1 ? status?.diskByteCount ?? 0 : 0
    }

    /// Warns if files stay because another one is damaged.
    func warn(of found: DeletedDeviceStates) {
        guard let error = found.damage, let number = found.damagedNumber else { return }
        context.warn(
            SnapError(
                .damaged,
                "\(error.message); because of damage, the device state of deleted checkpoints "
                    + "cannot be freed", path: error.path, offset: error.offset,
                hint: "delete \(guest.name):\(number) to free it"))
    }
}
