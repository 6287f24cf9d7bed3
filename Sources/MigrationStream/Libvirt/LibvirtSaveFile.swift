import Codecs
package import SnapSystem
package import SystemPackage

/// An open file of `virsh save`, or of the memory of an external snapshot.
package struct LibvirtSaveFile: Sendable {
    /// The description of the domain.
    package let domain: DomainDescription
    private let file: SharedFile
    private let compression: LibvirtCompression
    /// The offset of the stream in the file, in bytes.
    private let start: Int

    /// The memory that xz may use.
    private static let xzMemoryMax = "512MiB"

    /// Reads the header and the description.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.unsupported` for a file in another format, or of another version;
    ///   `.inputDamaged` with the offset if the header or the description is damaged, or if the
    ///   file was never completed; `.inputOutput`.
    package init(_ file: SharedFile) throws(SnapError) {
        self.file = file
        let header = try LibvirtSaveHeader(of: file.file)
        compression = header.compression
        start = header.streamOffset
        domain = try header.description(in: file.file)
    }

    /// The file's path, for messages.
    package var path: FilePath { file.file.path }

    /// Determines the length of the stream.
    ///
    /// - Returns: The length in bytes; nil if the stream is compressed.
    /// - Throws: `.inputOutput`.
    package func streamByteCount() throws(SnapError) -> Int? {
        switch compression {
        case .none, .sparse: try file.file.status().byteCount - start
        case .gzip, .bzip2, .xz, .lzop, .zstd: nil
        }
    }

    /// Opens the stream in the file.
    ///
    /// gzip and zstd are decompressed by a library, the others by the program of that name.
    ///
    /// - Parameter scratch: The directory in whose file system scratch files are created.
    /// - Returns: The source of the stream's bytes.
    /// - Throws: `.unsupported` if the program is not installed; `.permission`,
    ///   `.internalFailure` or `.inputOutput`.
    package func stream(scratch: Directory) throws(SnapError) -> StreamSource {
        guard let decompression = try decompression(scratch) else {
            return .file(file, start: start)
        }
        let byteCount = try file.file.status().byteCount - start
        return .compressed(decompression, byteCount: byteCount)
    }

    /// Starts the decompression; returns nil if the stream is not compressed.
    private func decompression(_ scratch: Directory) throws(SnapError) -> (any Decompression)? {
        switch compression {
        case .none, .sparse: nil
        case .gzip: LibraryDecompression(of: file, from: start, "gzip", try GzipDecoder())
        case .zstd: LibraryDecompression(of: file, from: start, "zstd", ZstdDecoder())
        case .bzip2: try output(of: ["bzip2", "-dc"], scratch)
        case .lzop: try output(of: ["lzop", "-dc"], scratch)
        case .xz:
            try output(of: ["xz", "-dc", "--memlimit-decompress=\(Self.xzMemoryMax)"], scratch)
        }
    }

    private func output(
        of program: [String], _ scratch: Directory
    ) throws(SnapError) -> ProgramOutput {
        try file.file.move(to: start)
        return try ProgramOutput(
            of: program, reading: file.file,
            errors: try PendingFile.scratch(
                in: scratch, for: "a scratch file for a program's messages"))
    }
}
