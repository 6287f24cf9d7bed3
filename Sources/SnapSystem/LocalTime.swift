/// A point in time on the clock and calendar of the local time zone.
package struct LocalTime: Sendable, Hashable {
    /// The year; 2026 for example.
    package let year: Int
    /// The month, 1 to 12.
    package let month: Int
    /// The day of the month, 1 to 31.
    package let day: Int
    /// The hour, 0 to 23.
    package let hour: Int
    /// The difference to UTC in seconds, positive to the east.
    ///
    /// In an hour that a clock repeats when summer time ends, this differs between the two.
    package let secondsEastOfUTC: Int
    /// The day of the year, 1 to 366.
    package let dayOfYear: Int
    /// The day of the week, 1 for Monday to 7 for Sunday.
    package let dayOfWeek: Int

    /// Creates a local time from its properties.
    package init(
        year: Int, month: Int, day: Int, hour: Int, secondsEastOfUTC: Int, dayOfYear: Int,
        dayOfWeek: Int
    ) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.secondsEastOfUTC = secondsEastOfUTC
        self.dayOfYear = dayOfYear
        self.dayOfWeek = dayOfWeek
    }

    /// The week of ISO 8601, and the year to which it belongs.
    ///
    /// Weeks start on Monday; the first week of a year is the one with its first Thursday.
    package var week: (year: Int, number: Int) {
        let number = (dayOfYear - dayOfWeek + 10) / 7
        if number < 1 { return (year - 1, Self.weekCount(ofYear: year - 1)) }
        if number > Self.weekCount(ofYear: year) { return (year + 1, 1) }
        return (year, number)
    }

    /// A year has 53 weeks if it starts on a Thursday, or if it is a leap year that starts on a
    /// Wednesday; that is, if it or the year before ends on a Thursday or a Wednesday.
    private static func weekCount(ofYear year: Int) -> Int {
        let lastDayOfWeek = { (year: Int) in (year + year / 4 - year / 100 + year / 400) % 7 }
        return lastDayOfWeek(year) == 4 || lastDayOfWeek(year - 1) == 3 ? 53 : 52
    }
}
