import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

// snap save --qmp-dir and --libvirt-all: saves all guests that snap finds, one after the other.
extension SaveCommand {
    /// Saves every one of several guests that runs.
    ///
    /// A failed save does not end the command, but a signal does.
    ///
    /// - Parameter found: The guests.
    /// - Throws: `.notAllSaved` if a save has failed; `.interrupted`.
    func save(_ found: [FoundGuest]) throws(SnapError) {
        let names = try running.guestNames()
        var guests = SavedGuests()
        for guest in found {
            do throws(SnapError) {
                try save(guest, as: try guest.guest(among: found, names), to: &guests)
            } catch {
                if error.code == .interrupted { throw error }
                guests.failed.append(
                    SavedGuests.Unsaved(address: guest.address, error: error))
                if !common.json { Console.failure(error, isJSON: false) }
            }
        }
        common.confirm(guests)
        if let error = guests.pruneError, !guests.failed.isEmpty { Console.warning(error) }
        if let error = guests.error { throw error }
    }

    /// Saves one guest, unless it does not run, and adds the result.
    private func save(
        _ found: FoundGuest, as guest: GuestName, to guests: inout SavedGuests
    ) throws(SnapError) {
        let store = try common.storePath()
        if let reason = try found.idleReason(of: guest, in: store, common.context()) {
            let error = SnapError(.notFound, reason, path: found.address.path)
            guests.skipped.append(SavedGuests.Unsaved(address: found.address, error: error))
            if !common.json && !common.quiet {
                Console.text("\(guest) is skipped: \(reason)\n")
            }
            return
        }
        let saved = try take(try save(.runningGuest(found.address, running.mode), of: guest))
        guests.saved.append(saved)
        if !common.json { common.confirm(saved) }
        if let error = saved.pruneError {
            if let earlier = guests.pruneError { Console.warning(earlier) }
            guests.pruneError = error
        }
    }
}
