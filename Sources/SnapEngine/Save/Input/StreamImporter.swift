import MigrationStream
import SnapSystem
import WorkPipeline

/// Reads a QEMU stream.
struct StreamImporter: ImageImporter {
    private let file: SharedFile

    /// Creates an importer.
    ///
    /// - Parameter file: A file or a pipe.
    init(file: SharedFile) { self.file = file }

    func content(
        deviceStateByteCountMax: Int, scratch: Directory, _ context: WorkContext
    ) throws(SnapError) -> SaveContent {
        let path = file.file.path
        let status = try file.file.status()
        context.progress.begin(.reading, of: status.kind == .regular ? status.byteCount : nil)
        return try SaveContent(
            reading: try StreamSource(file), in: path,
            deviceStateByteCountMax: deviceStateByteCountMax,
            hint: "use snap save MEMORY-FILE with --device-state \(path)", scratch: scratch,
            context)
    }
}
