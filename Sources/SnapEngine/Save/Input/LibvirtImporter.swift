import MigrationStream
import SnapSystem
import WorkPipeline

/// Reads a save file of libvirt.
struct LibvirtImporter: ImageImporter {
    private let save: LibvirtSaveFile

    /// Creates an importer.
    ///
    /// - Parameter save: The file.
    init(save: LibvirtSaveFile) { self.save = save }

    func content(
        deviceStateByteCountMax: Int, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent {
        context.progress.begin(.reading, of: try save.streamByteCount())
        var content = try SaveContent(
            reading: try save.stream(scratch: scratch), in: save.path,
            deviceStateByteCountMax: deviceStateByteCountMax,
            hint: "turn off QEMU's capability x-ignore-shared, and let libvirt save again",
            scratch: scratch, context)
        content.add(save.domain)
        return content
    }
}
