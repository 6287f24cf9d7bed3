import SystemPackage

/// The three streams that a process is born with, or should be.
public enum StandardStreams {
    /// Opens those that the caller has closed on nothing, so that no file of the store becomes one
    /// of them and is written to by what is meant for a user.
    public static func ensure() {
        for number in 0...2 as ClosedRange<Int32> {
            if let copy = try? FileDescriptor(rawValue: number).duplicate() {
                try? copy.close()
            } else {
                // The lowest number that is free, which is this one.
                _ = try? FileDescriptor.open(FilePath("/dev/null"), .readWrite)
            }
        }
    }
}
