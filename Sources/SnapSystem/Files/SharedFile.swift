/// A reference to an open file, which is closed when the last reference is released.
package final class SharedFile: Sendable {
    /// The open file.
    package let file: File

    /// Creates a reference that takes ownership of an open file.
    ///
    /// - Parameter file: The open file.
    package init(_ file: consuming File) {
        self.file = file
    }
}
