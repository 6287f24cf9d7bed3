import SavevmFormat
import SnapSystem

/// The files in a guest's directory, by what they are.
package struct GuestListing: Sendable {
    /// Checkpoints.
    package var savevm: Set<Int> = []
    /// Device states.
    package var deviceState: Set<Int> = []
    /// Deleted checkpoints of which pages may be needed.
    package var retired: Set<Int> = []
    /// What was being written when its process died.
    package var temporary: [String] = []

    /// Device states of checkpoints that have been deleted.
    package var retiredDeviceStates: Set<Int> {
        deviceState.intersection(retired).subtracting(savevm)
    }
}
