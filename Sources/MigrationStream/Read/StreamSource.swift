package import SnapSystem

/// Where the bytes of a stream come from.
package enum StreamSource {
    /// A regular file; the stream starts at an offset in bytes, and ends with the file.
    case file(SharedFile, start: Int)
    /// A pipe or socket, or a regular file that is read like one.
    case pipe(SharedFile)
    /// A stream that is compressed in a file, where it has a number of bytes.
    case compressed(any Decompression, byteCount: Int)

    /// Creates the source for a file or pipe that contains only a stream.
    ///
    /// A file whose descriptor is not at its start, such as standard input, is read from there on,
    /// like a pipe.
    ///
    /// - Parameter file: The file or pipe.
    /// - Throws: `.inputOutput`.
    package init(_ file: SharedFile) throws(SnapError) {
        let isFile = try file.file.status().kind == .regular
        let isAtStart = isFile ? try file.file.position() == 0 : false
        self = isAtStart ? .file(file, start: 0) : .pipe(file)
    }
}
