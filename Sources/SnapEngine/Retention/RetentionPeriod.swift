package import SnapSystem

/// A kind of period of the local calendar, of which a policy keeps the newest checkpoints.
package enum RetentionPeriod: String, CaseIterable, Sendable {
    /// An hour of the local clock. An hour that a clock repeats when summer time ends is two.
    case hourly
    /// A day of the local calendar.
    case daily
    /// A week of ISO 8601.
    case weekly
    /// A month of the local calendar.
    case monthly
    /// A year of the local calendar.
    case yearly

    /// The name of the kind in options and reasons.
    package var name: String { rawValue }

    /// Identifies the period that contains a time.
    ///
    /// - Parameter time: The time.
    /// - Returns: Numbers that are equal for all times in the same period only.
    package func identity(of time: LocalTime) -> [Int] {
        switch self {
        case .hourly: [time.year, time.month, time.day, time.hour, time.secondsEastOfUTC]
        case .daily: [time.year, time.month, time.day]
        case .weekly: [time.week.year, time.week.number]
        case .monthly: [time.year, time.month]
        case .yearly: [time.year]
        }
    }
}
