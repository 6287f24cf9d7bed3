import GuestMemory
import SnapSystem
import WorkPipeline

/// Reads RAM blocks from raw files.
struct RawImporter: ImageImporter {
    let imagesInPlace: [MemoryImage]

    /// Creates an importer.
    ///
    /// - Parameter images: The RAM blocks.
    init(_ images: [MemoryImage]) { imagesInPlace = images }

    func content(
        deviceStateByteCountMax: Int, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent {
        SaveContent(
            images: imagesInPlace, deviceStateByteCountMax: deviceStateByteCountMax)
    }
}
