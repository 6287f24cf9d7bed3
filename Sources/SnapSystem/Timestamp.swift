import Glibc

/// A point in time, in whole seconds.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// The seconds since 1970-01-01T00:00:00Z, without leap seconds.
    package let secondsSinceEpoch: Int

    /// Creates a point in time.
    ///
    /// - Parameter secondsSinceEpoch: The seconds since 1970-01-01T00:00:00Z.
    package init(secondsSinceEpoch: Int) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// The years 0 to 9999, which are all that RFC 3339 can represent.
    package static let range =
        Timestamp(
            secondsSinceEpoch: -62_167_219_200)...Timestamp(
            secondsSinceEpoch: 253_402_300_799)

    /// The current time of the system's clock.
    package static var now: Timestamp {
        Timestamp(secondsSinceEpoch: time(nil))
    }

    /// Compares two points in time.
    ///
    /// - Parameters:
    ///   - left: The first point in time.
    ///   - right: The second point in time.
    /// - Returns: true if `left` is earlier than `right`.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }

    /// The time in UTC as `2026-11-20T10:00:00Z` (RFC 3339).
    package var rfc3339: String {
        let fields = fields(inUTC: true)
        return "\(fields.date)T\(fields.time)Z"
    }

    /// The time in the local time zone as `2026-11-20 10:00:00`.
    package var local: String {
        let fields = fields(inUTC: false)
        return "\(fields.date) \(fields.time)"
    }

    /// The time on the clock and calendar of the local time zone.
    package var localTime: LocalTime {
        let broken = unsafe brokenDown(inUTC: false)
        return unsafe LocalTime(
            year: Int(broken.tm_year) + 1900, month: Int(broken.tm_mon) + 1,
            day: Int(broken.tm_mday), hour: Int(broken.tm_hour),
            secondsEastOfUTC: broken.tm_gmtoff, dayOfYear: Int(broken.tm_yday) + 1,
            dayOfWeek: broken.tm_wday == 0 ? 7 : Int(broken.tm_wday))
    }

    /// Goes back by a part of the local calendar and by hours.
    ///
    /// A day that the month does not have is counted on into the next month, as by mktime(3).
    ///
    /// - Parameters:
    ///   - years: The number of years.
    ///   - months: The number of months.
    ///   - days: The number of days.
    ///   - hours: The number of hours of 3,600 seconds.
    /// - Returns: The earlier time; the earliest possible one if it cannot be represented.
    package func before(years: Int, months: Int, days: Int, hours: Int) -> Timestamp {
        var after = secondsSinceEpoch
        // mktime(3) may choose the wrong one of two hours that the clock shows alike, so it is used
        // only if the date changes.
        if years > 0 || months > 0 || days > 0 {
            var broken = unsafe brokenDown(inUTC: false)
            let parts = unsafe [
                (broken.tm_year, years), (broken.tm_mon, months), (broken.tm_mday, days),
            ].map { Int32(clamping: Int($0) - min($1, Int(Int32.max))) }
            unsafe broken.tm_year = parts[0]
            unsafe broken.tm_mon = parts[1]
            unsafe broken.tm_mday = parts[2]
            unsafe broken.tm_isdst = -1
            after = unsafe mktime(&broken)
            if after == -1 { return Self.range.lowerBound }
        }
        if hours >= 1 << 40 { return Self.range.lowerBound }
        return max(Self.range.lowerBound, Timestamp(secondsSinceEpoch: after - hours * 3600))
    }

    /// Converts the time to the fields of tm(3type).
    @unsafe private func brokenDown(inUTC isUTC: Bool) -> tm {
        var seconds = time_t(secondsSinceEpoch)
        var broken = unsafe tm()
        // Both functions fill `broken` and return its address. For a year that does not fit in 32
        // bits they return nil and leave zeros.
        _ = unsafe isUTC ? gmtime_r(&seconds, &broken) : localtime_r(&seconds, &broken)
        return unsafe broken
    }

    private func fields(inUTC isUTC: Bool) -> (date: String, time: String) {
        let broken = unsafe brokenDown(inUTC: isUTC)
        let two = { (value: Int32) in String(value).padded(to: 2) }
        let date = unsafe [
            String(Int(broken.tm_year) + 1900).padded(to: 4), two(broken.tm_mon + 1),
            two(broken.tm_mday),
        ]
        let time = unsafe [two(broken.tm_hour), two(broken.tm_min), two(broken.tm_sec)]
        return (date.joined(separator: "-"), time.joined(separator: ":"))
    }

    /// Creates a point in time from a text such as `2026-11-20T10:00` or `2026-11-20T10:00:00Z`.
    ///
    /// The seconds are optional. A text that ends in `Z` is in UTC, any other one in local time.
    ///
    /// - Parameter text: The date and time.
    /// - Returns: nil if the text does not have that form or is not a valid time.
    package init?(_ text: some StringProtocol) {
        let isUTC = text.hasSuffix("Z")
        let halves = text.dropLast(isUTC ? 1 : 0).split(separator: "T", maxSplits: 1)
        guard halves.count == 2 else { return nil }
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        let time = halves[1].split(separator: ":", omittingEmptySubsequences: false)
        guard date.map(\.count) == [4, 2, 2], time.allSatisfy({ $0.count == 2 }),
            (2...3).contains(time.count)
        else { return nil }
        let numbers = (date + time).compactMap { part in
            part.allSatisfy { $0.isASCII && $0.isNumber } ? Int32(part) : nil
        }
        guard numbers.count == date.count + time.count else { return nil }
        var broken = unsafe tm()
        unsafe broken.tm_year = numbers[0] - 1900
        unsafe broken.tm_mon = numbers[1] - 1
        unsafe broken.tm_mday = numbers[2]
        unsafe broken.tm_hour = numbers[3]
        unsafe broken.tm_min = numbers[4]
        unsafe broken.tm_sec = numbers.count > 5 ? numbers[5] : 0
        unsafe broken.tm_isdst = -1
        let seconds = unsafe isUTC ? timegm(&broken) : mktime(&broken)
        self.init(secondsSinceEpoch: seconds)
        // timegm(3) and mktime(3) normalize a day or an hour out of range, so the result differs.
        let normalized = isUTC ? rfc3339 : local
        guard normalized.prefix(10) == halves[0], normalized.dropFirst(11).prefix(2) == time[0],
            numbers[4] < 60, numbers.count < 6 || numbers[5] < 60
        else { return nil }
    }
}
