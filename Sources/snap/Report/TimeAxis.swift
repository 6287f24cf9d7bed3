import SnapSystem

/// A time axis to scale, divided into slots of a minute, an hour, a day or longer.
struct TimeAxis {
    /// The length of a slot: a number of seconds, and its name.
    private struct Period {
        let seconds: Int
        let name: String
    }

    private static let periods = [
        Period(seconds: 60, name: "minute"), Period(seconds: 600, name: "10 minutes"),
        Period(seconds: 3600, name: "hour"), Period(seconds: 6 * 3600, name: "6 hours"),
        Period(seconds: 86400, name: "day"), Period(seconds: 7 * 86400, name: "7 days"),
        Period(seconds: 30 * 86400, name: "30 days"),
        Period(seconds: 365 * 86400, name: "365 days"),
    ]
    /// The minimum number of slots, so that few bars are not drawn too wide.
    private static let slotCountMin = 16

    /// The number of slots.
    let slotCount: Int
    private let start: Int
    private let period: Period

    /// Creates an axis for the time between two points.
    ///
    /// - Parameters:
    ///   - first: The time in the first slot.
    ///   - last: The time in the last slot, not before `first`.
    ///   - slotCountMax: The number of slots that should not be exceeded.
    init(from first: Timestamp, to last: Timestamp, slotCountMax: Int) {
        let range = Timestamp.range
        let first = min(max(first, range.lowerBound), range.upperBound).secondsSinceEpoch
        let last = max(first, min(last, range.upperBound).secondsSinceEpoch)
        let slots = { (period: Period) in
            Self.floor(last, period) - Self.floor(first, period) + 1
        }
        let period =
            Self.periods.first { slots($0) <= slotCountMax } ?? Self.periods.last
            ?? Period(seconds: 1, name: "second")
        self.period = period
        start = Self.floor(first, period)
        slotCount = min(max(slots(period), Self.slotCountMin), 10_000)
    }

    private static func floor(_ seconds: Int, _ period: Period) -> Int {
        let (quotient, rest) = seconds.quotientAndRemainder(dividingBy: period.seconds)
        return rest < 0 ? quotient - 1 : quotient
    }

    /// The length of a slot, as in "per day".
    var periodName: String { period.name }

    /// Returns the slot that contains a time; times outside the axis are in the first or last one.
    func slot(of time: Timestamp) -> Int {
        let slot = Self.floor(time.secondsSinceEpoch, period)
        return min(max(slot, start), start + slotCount - 1) - start
    }

    /// The start of a slot.
    func time(of slot: Int) -> Timestamp {
        Timestamp(secondsSinceEpoch: (start + slot) * period.seconds)
    }

    /// The slots to label: the first, the middle and the last one.
    var labeledSlots: [Int] { [0, slotCount / 2, slotCount - 1] }

    /// The text for the start of a slot: the date, and the time if slots are shorter than a day.
    func text(of slot: Int) -> String {
        let text = time(of: slot).rfc3339
        return period.seconds < 86400
            ? String(text.prefix(16).replacing("T", with: " ")) : String(text.prefix(10))
    }
}
