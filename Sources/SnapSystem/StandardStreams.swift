import CLinux
import SystemPackage

/// The three standard streams, which a process normally inherits.
package enum StandardStreams {
    /// Opens those of the three streams that the caller has closed.
    ///
    /// Otherwise a file of the store could get the number of a closed stream, and snap would write
    /// output for the user into that file. The streams are opened on the root directory, which
    /// always exists, with O_PATH (open(2)). They can neither be read nor written, so a result that
    /// snap cannot deliver is an error.
    package static func ensure() {
        for number in 0...2 as ClosedRange<Int32> {
            if let copy = try? FileDescriptor(rawValue: number).duplicate() {
                try? copy.close()
            } else {
                // open(2) returns the lowest free number, which is this one.
                _ = try? FileDescriptor.open(
                    FilePath("/"), FileDescriptor.AccessMode(rawValue: Int32(snap_o_path)))
            }
        }
    }
}
