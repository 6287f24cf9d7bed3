package import SnapSystem
package import SystemPackage

/// The decompression of a stream that is compressed in a file.
package protocol Decompression: AnyObject {
    /// The file's path, for messages.
    var path: FilePath { get }

    /// Reads the next bytes of the decompressed stream.
    ///
    /// - Parameter target: The memory for the bytes.
    /// - Returns: The number of bytes; 0 only at the end of a complete compressed stream.
    /// - Throws: `.inputDamaged`, `.inputOutput` or `.interrupted`.
    func read(into target: inout MutableRawSpan) throws(SnapError) -> Int
}

extension ProgramOutput: Decompression {}
