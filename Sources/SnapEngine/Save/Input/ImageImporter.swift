import GuestMemory
import MigrationStream
import SnapSystem
import WorkPipeline

/// Reads a memory image of one format.
protocol ImageImporter: Sendable {
    /// The RAM that is read from its own files; empty if it is in a stream.
    var imagesInPlace: [MemoryImage] { get }

    /// Prepares the data to save.
    ///
    /// - Parameters:
    ///   - deviceStateByteCountMax: The maximum length of all device state together, in bytes.
    ///   - scratch: A directory in the file system for scratch files.
    ///   - context: Receives progress and warnings.
    /// - Returns: The RAM and the device state that the image contains.
    /// - Throws: `.inputDamaged` with the offset; `.unsupported`, `.inputOutput` or
    ///   `.interrupted`.
    func content(
        deviceStateByteCountMax: Int, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent
}

extension ImageImporter {
    var imagesInPlace: [MemoryImage] { [] }
}

extension ImageFormat {
    /// Creates the importer of a file in this format, and checks the start of the file.
    ///
    /// - Parameter file: The file.
    /// - Returns: The importer.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.mismatch` or `.inputOutput`.
    func importer(of file: consuming File) throws(SnapError) -> any ImageImporter {
        switch self {
        case .raw: RawImporter([try MemoryImage(raw: file)])
        case .qemu: StreamImporter(file: SharedFile(file))
        case .libvirt: LibvirtImporter(save: try LibvirtSaveFile(SharedFile(file)))
        }
    }
}
