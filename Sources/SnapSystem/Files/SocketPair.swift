package import SystemPackage

/// Two connected sockets: bytes that are written to one can be read from the other.
///
/// Unlike the reader of a pipe, a process that also has the reading socket open can end the
/// connection for the writer (shutdown(2)).
package enum SocketPair {
    /// Creates the sockets; each is closed when its last reference is released.
    ///
    /// - Parameters:
    ///   - name: The path that messages give both sockets.
    ///   - calls: The system calls.
    /// - Returns: The two sockets.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C function is `socketpair`.
    package static func create(
        _ name: FilePath, _ calls: SystemCalls
    ) throws(SnapError) -> (reading: SharedFile, writing: SharedFile) {
        do throws(Errno) {
            let ends = try calls.makeSocketPair()
            return (
                SharedFile(File(owning: ends.0, name, calls)),
                SharedFile(File(owning: ends.1, name, calls))
            )
        } catch {
            throw SnapError(error, action: "create a socket pair", path: name)
        }
    }
}
