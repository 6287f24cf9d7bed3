package import SystemPackage

/// A pipe: bytes that are written to one end can be read from the other.
package enum Pipe {
    /// Creates a pipe; each end is closed when its last reference is released.
    ///
    /// - Parameters:
    ///   - name: The path that messages give both ends.
    ///   - calls: The system calls.
    /// - Returns: The two ends.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `pipe`.
    package static func create(
        _ name: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> (reading: SharedFile, writing: SharedFile) {
        do throws(Errno) {
            let ends = try calls.makePipe()
            return (
                SharedFile(File(owning: ends.reading, name, calls)),
                SharedFile(File(owning: ends.writing, name, calls))
            )
        } catch {
            throw SnapError(error, action: "create a pipe", path: name)
        }
    }
}
