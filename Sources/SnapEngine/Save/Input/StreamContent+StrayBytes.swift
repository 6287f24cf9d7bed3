import MigrationStream
import SnapSystem
import SystemPackage
import WorkPipeline

extension StreamContent {
    /// Warns of bytes after the stream's end.
    ///
    /// They are usually old content of the file or volume that the stream has overwritten only in
    /// part.
    ///
    /// - Parameters:
    ///   - path: The file's path, for the message.
    ///   - context: Receives the warning.
    func warnOfStrayBytes(in path: FilePath, _ context: WorkContext) {
        guard strayByteCount > 0 else { return }
        context.warn(
            SnapError(
                .inputDamaged,
                "\(strayByteCount) bytes follow the stream's end and are not saved", path: path))
    }
}
