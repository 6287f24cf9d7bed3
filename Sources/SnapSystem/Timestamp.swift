import Glibc

/// A point in time, in whole seconds.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
    package let secondsSinceEpoch: Int

    /// Makes a point in time.
    ///
    /// - Parameter secondsSinceEpoch: Seconds since 1970-01-01T00:00:00Z.
    package init(secondsSinceEpoch: Int) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// The years 0 to 9999, which RFC 3339 can write.
    package static let range =
        Timestamp(
            secondsSinceEpoch: -62_167_219_200)...Timestamp(
            secondsSinceEpoch: 253_402_300_799)

    /// The time on the system's clock.
    package static var now: Timestamp {
        Timestamp(secondsSinceEpoch: time(nil))
    }

    /// Orders by time.
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

    private func fields(inUTC isUTC: Bool) -> (date: String, time: String) {
        var seconds = time_t(secondsSinceEpoch)
        var broken = unsafe tm()
        // Both fill `broken` and return its address, or nil for a year past 32 bits: zeros then.
        _ = unsafe isUTC ? gmtime_r(&seconds, &broken) : localtime_r(&seconds, &broken)
        let two = { (value: Int32) in String(value).padded(to: 2) }
        let date = unsafe [
            String(Int(broken.tm_year) + 1900), two(broken.tm_mon + 1), two(broken.tm_mday),
        ]
        let time = unsafe [two(broken.tm_hour), two(broken.tm_min), two(broken.tm_sec)]
        return (date.joined(separator: "-"), time.joined(separator: ":"))
    }

    /// Reads `2026-11-20T10:00`, with `:00` for seconds and `Z` for UTC where they are given;
    /// without the `Z` it is local time.
    ///
    /// - Parameter text: The time as text.
    /// - Returns: nil if the text is not of that form or names no time.
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
        // A day or an hour out of range has been carried over into another one: no such time.
        let normalized = isUTC ? rfc3339 : local
        guard normalized.prefix(10) == halves[0], normalized.dropFirst(11).prefix(2) == time[0],
            numbers[4] < 60, numbers.count < 6 || numbers[5] < 60
        else { return nil }
    }
}
