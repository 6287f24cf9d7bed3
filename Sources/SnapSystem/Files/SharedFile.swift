/// An open file that several values use, closed when the last of them ends.
public final class SharedFile: Sendable {
    /// The file.
    public let file: File

    /// Takes an open file over.
    ///
    /// - Parameter file: The file.
    public init(_ file: consuming File) {
        self.file = file
    }
}
