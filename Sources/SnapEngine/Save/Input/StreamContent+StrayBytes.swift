import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

extension StreamContent {
    /// Warns of bytes behind the stream's end: what was in the file, or on the volume, before.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - context: What takes the warning.
    func warnOfStrayBytes(in path: FilePath, _ context: WorkContext) {
        guard strayByteCount > 0 else { return }
        context.warn(
            SnapError(
                .inputDamaged,
                "\(strayByteCount) bytes follow the stream's end, and are not saved", path: path))
    }
}
