import CheckpointStore
import GuestMemory
import LiveGuest
import SnapSystem
import WorkPipeline

extension Store {
    /// Warns of guests that a killed save has left paused or with changed migration settings.
    ///
    /// - Parameters:
    ///   - guest: The guest to check; nil for all.
    ///   - context: Receives the warnings.
    /// - Throws: `.permission` or `.inputOutput`.
    func warnOfUnfinishedSaves(
        of guest: GuestName?, _ context: WorkContext
    ) throws(SnapError) {
        let guests = if let guest { [guest] } else { try directory.guests() }
        for guest in guests {
            let directory = self.guest(guest).directory
            if let warning = UnfinishedSave.warning(of: guest, in: directory) {
                context.warn(warning)
            }
        }
    }
}
