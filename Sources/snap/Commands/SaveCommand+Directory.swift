import SnapEngine
import SnapSystem
import SystemPackage

// snap save --qmp-dir: saves the guests behind all sockets of a directory, one after the other.
extension SaveCommand {
    /// Saves every running guest that has a QMP socket in a directory.
    ///
    /// A failed save does not end the command, but a signal does.
    ///
    /// - Parameter directory: The directory.
    /// - Throws: `.notAllSaved` if a save has failed; `.interrupted`; `.notFound`, `.permission` or
    ///   `.inputOutput` for the directory.
    func saveGuests(in directory: FilePath) throws(SnapError) {
        let sockets = try GuestSocket.all(in: directory, .kernel)
        var guests = SavedGuests()
        for socket in sockets {
            do throws(SnapError) { try save(socket, among: sockets, to: &guests) } catch {
                if error.code == .interrupted { throw error }
                guests.failed.append(SavedGuests.Unsaved(socket: socket, error: error))
                if !common.json { Console.failure(error, isJSON: false) }
            }
        }
        common.confirm(guests)
        if let error = guests.pruneError, !guests.failed.isEmpty { Console.warning(error) }
        if let error = guests.error { throw error }
    }

    /// Saves one guest, unless it does not run, and adds the result.
    private func save(
        _ socket: GuestSocket, among sockets: [GuestSocket], to guests: inout SavedGuests
    ) throws(SnapError) {
        let guest = try socket.guest(among: sockets)
        let store = try common.storePath()
        if let reason = try socket.idleReason(of: guest, in: store, common.context()) {
            let error = SnapError(.notFound, reason, path: socket.path)
            guests.skipped.append(SavedGuests.Unsaved(socket: socket, error: error))
            if !common.json && !common.quiet {
                Console.text("\(guest) is skipped: \(reason)\n")
            }
            return
        }
        let saved = try take(try save(.runningGuest(socket.path, running.mode), of: guest))
        guests.saved.append(saved)
        if !common.json { common.confirm(saved) }
        if let error = saved.pruneError {
            if let earlier = guests.pruneError { Console.warning(earlier) }
            guests.pruneError = error
        }
    }
}
