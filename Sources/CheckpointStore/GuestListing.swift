package import SavevmFormat
import SnapSystem

/// The files in a guest's directory, by kind.
package struct GuestListing: Sendable {
    /// The numbers of the savevm files, each of which is a checkpoint.
    package var savevm: Set<Int> = []
    /// The numbers of the device-state files.
    package var deviceState: Set<Int> = []
    /// The numbers of the retired files: deleted checkpoints whose pages others may need.
    package var retired: Set<Int> = []
    /// The numbers of the retired device-state files, which others may need as their bases.
    package var retiredDeviceState: Set<Int> = []
    /// The names of unfinished files, left behind by processes that died.
    package var temporary: [String] = []

    /// The numbers of deleted checkpoints whose device-state files do not have their retired names.
    ///
    /// An interrupted deletion leaves them.
    var deviceStateToRetire: Set<Int> {
        deviceState.intersection(retired).subtracting(savevm)
    }

    /// The numbers of all deleted checkpoints that have a device-state file.
    var deletedDeviceState: Set<Int> {
        retiredDeviceState.subtracting(savevm).union(deviceStateToRetire)
    }

    /// Finds the name of a checkpoint's savevm file, live or retired.
    ///
    /// - Parameter number: The checkpoint's number.
    /// - Returns: The name; the retired one if there is no file.
    package func name(of number: Int) -> FileName {
        savevm.contains(number) ? .savevm(number) : .retired(number)
    }

    /// The name of a checkpoint's device-state file; nil without one.
    func deviceStateName(of number: Int) -> FileName? {
        if deviceState.contains(number) { return .deviceState(number) }
        return retiredDeviceState.contains(number) ? .retiredDeviceState(number) : nil
    }
}
