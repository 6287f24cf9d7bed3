import CheckpointIndex
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Records in the index what verifications have found.
///
/// A verification needs no permission to write. Without it, nothing is recorded.
package struct VerificationRecorder {
    private let path: FilePath
    private let context: WorkContext
    private var isPermitted = true
    private var hasWarned = false

    /// Creates a recorder.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies the lock timeout; receives a warning if nothing can be recorded for
    ///     another reason than missing permission.
    package init(in path: FilePath, _ context: WorkContext) {
        self.path = path
        self.context = context.withoutProgress
    }

    /// Records findings.
    ///
    /// The store is open for writing only during this call. After a failure, these findings are
    /// lost, and the next call tries again.
    ///
    /// - Parameters:
    ///   - records: The records that replace older ones.
    ///   - examined: The numbers of the checkpoints that were examined; nil for all of the guest.
    ///   - guest: The guest's name.
    /// - Throws: `.interrupted`.
    package mutating func record(
        _ records: VerificationRecords, examined: Set<Int>?, of guest: GuestName
    ) throws(SnapError) {
        guard isPermitted else { return }
        do throws(SnapError) {
            let store = try Store(writing: path, addsCheckpoints: false, context)
            try store.index.record(records, examined: examined, of: guest)
        } catch {
            if error.code == .interrupted { throw error }
            isPermitted = error.code != .permission
            if !isPermitted || hasWarned { return }
            hasWarned = true
            context.warn(
                SnapError(
                    error.code, "the verification's results are not recorded: \(error.message)",
                    path: error.path, hint: error.hint))
        }
    }
}
