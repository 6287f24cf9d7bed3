import SnapSystem

extension Timestamp {
    /// The time for somebody who looks at it now: `5 min ago`; what is long ago by its day.
    ///
    /// - Parameter now: When that is.
    func relative(to now: Timestamp) -> String {
        // A time out of a damaged index may be any.
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
