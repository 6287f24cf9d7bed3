/// An open file that several values use, closed when the last of them ends.
package final class SharedFile: Sendable {
    /// The file.
    package let file: File

    /// Takes an open file over.
    ///
    /// - Parameter file: The file.
    package init(_ file: consuming File) {
        self.file = file
    }
}
