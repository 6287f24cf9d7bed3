import SavevmFormat
import SnapSystem

/// The files in a guest's directory, by kind.
package struct GuestListing: Sendable {
    /// The numbers of the savevm files, each of which is a checkpoint.
    package var savevm: Set<Int> = []
    /// The numbers of the device-state files.
    package var deviceState: Set<Int> = []
    /// The numbers of the retired files: deleted checkpoints whose pages others may need.
    package var retired: Set<Int> = []
    /// The names of unfinished files, left behind by processes that died.
    package var temporary: [String] = []

    /// The numbers of device-state files whose checkpoints have been deleted.
    package var retiredDeviceStates: Set<Int> {
        deviceState.intersection(retired).subtracting(savevm)
    }

    /// The name of a checkpoint's savevm file, live or retired.
    func name(of number: Int) -> FileName {
        savevm.contains(number) ? .savevm(number) : .retired(number)
    }
}
