package import SystemPackage

/// Pipes: what is written to one end is read from the other.
package enum Pipe {
    /// Makes a pipe; each end is closed when the last of its users ends.
    ///
    /// - Parameters:
    ///   - name: What it is for, for messages.
    ///   - calls: The system calls.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `pipe`.
    package static func make(
        _ name: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> (reading: SharedFile, writing: SharedFile) {
        do throws(Errno) {
            let ends = try calls.makePipe()
            return (
                SharedFile(File(owning: ends.reading, name, calls)),
                SharedFile(File(owning: ends.writing, name, calls))
            )
        } catch {
            throw SnapError(error, action: "make a pipe", path: name)
        }
    }
}
