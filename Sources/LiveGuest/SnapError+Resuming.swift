package import SnapSystem

extension SnapError {
    /// The error of a save, and that its guest could not be resumed afterwards.
    ///
    /// - Parameter failure: Why the guest could not be resumed; nil if it was.
    package func with(failureToResume failure: SnapError?) -> SnapError {
        guard let failure else { return self }
        return SnapError(
            code, "\(message); and the \(failure.message)", path: path, offset: offset,
            hint: failure.hint)
    }
}
