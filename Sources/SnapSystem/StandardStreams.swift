import CLinux
import SystemPackage

/// The three streams that a process is born with, or should be.
package enum StandardStreams {
    /// Opens those that the caller has closed, so that no file of the store gets one of their
    /// numbers and is written to by what is meant for a user.
    ///
    /// What they are opened on can neither be read nor written (O_PATH in open(2)): a result that
    /// cannot be delivered is an error. It needs no file but the root directory, which is always
    /// there.
    package static func ensure() {
        for number in 0...2 as ClosedRange<Int32> {
            if let copy = try? FileDescriptor(rawValue: number).duplicate() {
                try? copy.close()
            } else {
                // The lowest number that is free, which is this one.
                _ = try? FileDescriptor.open(
                    FilePath("/"), FileDescriptor.AccessMode(rawValue: Int32(snap_o_path)))
            }
        }
    }
}
