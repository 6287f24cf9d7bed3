import Foundation
import SnapSystem
import Testing

/// Tests of the calendar, which do not depend on the time zone of the machine.
@Suite("Local time")
struct LocalTimeTests {
    /// Creates the local time of a day, with the place in the year and in the week from Foundation.
    private static func day(_ year: Int, _ month: Int, _ day: Int) throws -> LocalTime {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        let date = try #require(
            calendar.date(from: DateComponents(year: year, month: month, day: day)))
        let fromSunday = calendar.component(.weekday, from: date)
        return LocalTime(
            year: year, month: month, day: day, hour: 0, secondsEastOfUTC: 0,
            dayOfYear: try #require(calendar.ordinality(of: .day, in: .year, for: date)),
            dayOfWeek: fromSunday == 1 ? 7 : fromSunday - 1)
    }

    @Test("the week of a day at the turn of the year is that of ISO 8601")
    func turnsOfYears() throws {
        for ((year, month, day), (weekYear, number)) in [
            ((2020, 12, 27), (2020, 52)), ((2020, 12, 28), (2020, 53)),
            ((2020, 12, 31), (2020, 53)), ((2021, 1, 1), (2020, 53)), ((2021, 1, 3), (2020, 53)),
            ((2021, 1, 4), (2021, 1)), ((2023, 1, 1), (2022, 52)), ((2023, 12, 31), (2023, 52)),
            ((2024, 1, 1), (2024, 1)), ((2024, 12, 29), (2024, 52)), ((2024, 12, 30), (2025, 1)),
            ((2024, 12, 31), (2025, 1)), ((2025, 12, 28), (2025, 52)),
            ((2025, 12, 29), (2026, 1)), ((2026, 12, 31), (2026, 53)), ((2027, 1, 1), (2026, 53)),
            ((2027, 1, 3), (2026, 53)), ((2027, 1, 4), (2027, 1)), ((1970, 1, 1), (1970, 1)),
            // Leap years that start on a Thursday, and years at the end of a century.
            ((2004, 12, 31), (2004, 53)), ((2032, 12, 31), (2032, 53)),
            ((2099, 12, 31), (2099, 53)),
            ((2100, 1, 3), (2099, 53)), ((2100, 12, 31), (2100, 52)), ((2000, 1, 2), (1999, 52)),
        ] {
            let week = try Self.day(year, month, day).week
            #expect(week == (weekYear, number), "\(year)-\(month)-\(day)")
        }
    }

    @Test("the week of each day of 1970 to 2100 is that of strftime(3)")
    func allDays() throws {
        var year = 1970
        var month = 1
        var day = 1
        var dayOfYear = 1
        var dayOfWeek = 4
        var dayCount = 0
        while year <= 2100 {
            let time = LocalTime(
                year: year, month: month, day: day, hour: 12, secondsEastOfUTC: 0,
                dayOfYear: dayOfYear, dayOfWeek: dayOfWeek)
            let (weekYear, number) = time.week
            let isEqual = Self.strftimeWeek(of: time) == (weekYear, number)
            #expect(isEqual, "\(year)-\(month)-\(day) is in \(weekYear)-W\(number)")
            dayCount += 1
            (day, dayOfYear, dayOfWeek) = (day + 1, dayOfYear + 1, dayOfWeek % 7 + 1)
            if day > Self.dayCount(ofMonth: month, year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month, dayOfYear) = (year + 1, 1, 1) }
        }
        #expect(dayCount == 47_847)
    }

    private static func dayCount(ofMonth month: Int, _ year: Int) -> Int {
        let isLeapYear = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return switch month {
        case 2: isLeapYear ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func strftimeWeek(of time: LocalTime) -> (year: Int, number: Int) {
        var broken = tm()
        broken.tm_year = Int32(time.year - 1900)
        broken.tm_yday = Int32(time.dayOfYear - 1)
        broken.tm_wday = Int32(time.dayOfWeek % 7)
        var text = [CChar](repeating: 0, count: 16)
        let count = strftime(&text, text.count, "%G-%V", &broken)
        let parts = String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: "-").compactMap { Int($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : (0, 0)
    }

    @Test("seven days have the same week from Monday to Sunday, and then the next one begins")
    func runs() throws {
        for year in [2015, 2020, 2024, 2026, 2032] {
            var days: [LocalTime] = []
            for month in [12, 1] {
                for day in 1...31 {
                    days.append(try Self.day(month == 12 ? year : year + 1, month, day))
                }
            }
            for (today, tomorrow) in zip(days, days.dropFirst()) {
                #expect((today.week == tomorrow.week) == (tomorrow.dayOfWeek != 1))
            }
        }
    }

    @Test("a time's place on the calendar is that of its text, and the offset is that to UTC")
    func fields() throws {
        for seconds in [0, 951_782_400, 1_790_000_000, 1_798_761_599, 4_102_444_800] {
            let time = Timestamp(secondsSinceEpoch: seconds)
            let local = time.localTime
            let parts = time.local.split { "- :".contains($0) }.compactMap { Int($0) }
            #expect([local.year, local.month, local.day, local.hour] == Array(parts.prefix(4)))
            let shown = try #require(
                Timestamp(time.local.replacingOccurrences(of: " ", with: "T") + "Z"))
            #expect(shown.secondsSinceEpoch - seconds == local.secondsEastOfUTC)
            let day = try Self.day(local.year, local.month, local.day)
            #expect((day.dayOfYear, day.dayOfWeek) == (local.dayOfYear, local.dayOfWeek))
        }
    }
}
