package import SnapSystem

extension SnapError {
    /// Adds to the error of a save that the guest could not be resumed after it.
    ///
    /// - Parameter failure: The error of resuming; nil if the guest has been resumed.
    /// - Returns: This error with both messages and the hint of `failure`; unchanged without it.
    package func with(failureToResume failure: SnapError?) -> SnapError {
        guard let failure else { return self }
        return SnapError(
            code, "\(message); also, snap \(failure.message)", path: path, offset: offset,
            hint: failure.hint)
    }
}
