package import GuestMemory
import QEMUMonitor
package import SnapSystem
package import WorkPipeline

/// Whether a guest runs, so that a save of many guests skips those that do not.
package enum GuestActivity: Sendable, Equatable {
    /// The guest runs, or a killed save has left it paused.
    case running
    /// The guest does not run, and why.
    case idle(String)

    /// Asks the QEMU of a guest.
    ///
    /// - Parameters:
    ///   - address: The guest's QMP socket or domain.
    ///   - directory: The guest's directory in the store.
    ///   - context: Its lock timeout also limits the wait until another QMP client disconnects.
    /// - Returns: The activity; idle if no process listens at the socket, or if there is no such
    ///   domain.
    /// - Throws: As `QMPClient.connect` and `QMPClient.ask`, except `.notFound`.
    package static func query(
        at address: GuestAddress, in directory: Directory, _ context: WorkContext
    ) throws(SnapError) -> GuestActivity {
        do throws(SnapError) {
            var guest = try QEMUGuest(address, timeout: context.lockTimeout, context.calls)
            let status = try guest.status()
            if status.isRunning { return .running }
            switch try PauseMarker.find(in: directory) {
            case .unreadable: return .running
            case .marker(let marker) where marker.stops && marker.isFor(guest) != false:
                return .running
            case .none, .foreign, .marker: return .idle("guest is \(status.name)")
            }
        } catch {
            guard error.code == .notFound else { throw error }
            return .idle(error.message)
        }
    }
}
