import SnapSystem

extension Timestamp {
    /// Formats the time relative to the present: `5 min ago`.
    ///
    /// - Parameter now: The present.
    /// - Returns: The age; the local date and time if the age is negative or at least 60 days.
    func relative(to now: Timestamp) -> String {
        // A damaged index may contain any time, so the subtraction may overflow.
        let (seconds, _) = now.secondsSinceEpoch.subtractingReportingOverflow(secondsSinceEpoch)
        switch seconds {
        case 0..<60: return "\(seconds) s ago"
        case 60..<3600: return "\(seconds / 60) min ago"
        case 3600..<48 * 3600: return "\(seconds / 3600) h ago"
        case 48 * 3600..<60 * 86400: return "\(seconds / 86400) days ago"
        default: return String(local.prefix(16))
        }
    }
}
