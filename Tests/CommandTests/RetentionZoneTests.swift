import Foundation
import TestSupport
import Testing

/// Tests of the periods of a policy in time zones, across changes of the clock and of the year.
@Suite("Retention in time zones", .needsTimeZones("Europe/Berlin", "Australia/Lord_Howe"))
struct RetentionZoneTests {
    private static let berlin = "Europe/Berlin"
    private static let lordHowe = "Australia/Lord_Howe"

    private let command: Command

    init() throws { command = try Command() }

    /// Returns what a policy would keep in a time zone; nil for no TZ in the environment.
    private func reasons(in zone: String?, _ options: String...) throws -> [Int: [String]] {
        var command = command
        command.environment["TZ"] = zone
        let outcome = try command.run(
            ["prune", "--dry-run", "--json"] + options, secondsAtMost: 60)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        return PrunedStore(outcome).reasons()
    }

    private func kept(in zone: String?, _ option: String, _ count: String) throws -> [Int] {
        try reasons(in: zone, option, count).keys.sorted()
    }

    @Test("Berlin's repeated hour is two hours, and the missing hour is not one")
    func berlinHours() throws {
        // From 01:00 to 03:30, with the hour from 02:00 twice.
        try DatedGuest(in: command).save([
            "2026-10-24T23:00Z", "2026-10-24T23:30Z", "2026-10-25T00:00Z", "2026-10-25T00:30Z",
            "2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T02:00Z", "2026-10-25T02:30Z",
        ])
        #expect(try kept(in: Self.berlin, "--keep-hourly", "2") == [6, 8])
        #expect(try kept(in: Self.berlin, "--keep-hourly", "3") == [4, 6, 8])
        #expect(try kept(in: Self.berlin, "--keep-hourly", "4") == [2, 4, 6, 8])
        #expect(try reasons(in: Self.berlin, "--keep-hourly", "5")[1] == ["oldest hourly"])
        #expect(try kept(in: Self.berlin, "--keep-daily", "1") == [8])
        #expect(try kept(in: "UTC", "--keep-daily", "2") == [2, 8])
    }

    @Test("Berlin's spring day has 23 hours")
    func berlinSpring() throws {
        // From 01:00 to 04:30, without the hour from 02:00.
        try DatedGuest(in: command).save([
            "2026-03-29T00:00Z", "2026-03-29T00:30Z", "2026-03-29T01:00Z", "2026-03-29T01:30Z",
            "2026-03-29T02:00Z", "2026-03-29T02:30Z",
        ])
        #expect(try kept(in: Self.berlin, "--keep-hourly", "3") == [2, 4, 6])
        #expect(
            try reasons(in: Self.berlin, "--keep-hourly", "4")
                == [1: ["oldest hourly"], 2: ["hourly"], 4: ["hourly"], 6: ["hourly"]])
    }

    @Test("days begin at local midnight, also those of 23 and 25 hours")
    func days() throws {
        try DatedGuest(in: command).save([
            // The last second of the 28th of March, the first and last of the 29th, and the next.
            "2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z",
            "2026-03-29T22:00:00Z",
            // The same for the 25th of October.
            "2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z",
            "2026-10-25T23:00:00Z",
        ])
        #expect(try kept(in: Self.berlin, "--keep-daily", "6") == [1, 3, 4, 5, 7, 8])
        #expect(try kept(in: Self.berlin, "--keep-daily", "2") == [7, 8])
        #expect(try kept(in: "UTC", "--keep-daily", "4") == [2, 4, 6, 8])
        #expect(try kept(in: Self.berlin, "--keep-monthly", "2") == [4, 8])
    }

    @Test("summer time of half an hour divides the hours of Lord Howe as its clock does")
    func lordHoweHours() throws {
        // From 01:00 to 01:45, then again from 01:30 to 01:45, and from 02:00 to 02:45.
        try DatedGuest(in: command).save([
            "2026-04-04T14:00Z", "2026-04-04T14:15Z", "2026-04-04T14:30Z", "2026-04-04T14:45Z",
            "2026-04-04T15:00Z", "2026-04-04T15:15Z", "2026-04-04T15:30Z", "2026-04-04T15:45Z",
            "2026-04-04T16:00Z", "2026-04-04T16:15Z",
        ])
        #expect(try kept(in: Self.lordHowe, "--keep-hourly", "3") == [4, 6, 10])
        #expect(try kept(in: Self.lordHowe, "--keep-hourly", "2") == [6, 10])
        #expect(try kept(in: "UTC", "--keep-hourly", "3") == [4, 8, 10])
        // From 01:00 to 01:45, from 02:30 to 02:45, and from 03:00 to 03:45.
        try DatedGuest("spring", in: command).save([
            "2026-10-03T14:30Z", "2026-10-03T14:45Z", "2026-10-03T15:00Z", "2026-10-03T15:15Z",
            "2026-10-03T15:30Z", "2026-10-03T15:45Z", "2026-10-03T16:00Z", "2026-10-03T16:15Z",
            "2026-10-03T16:30Z", "2026-10-03T16:45Z",
        ])
        var command = command
        command.environment["TZ"] = Self.lordHowe
        let spring = try command.run(
            "prune", "--guest", "spring", "--dry-run", "--json", "--keep-hourly", "3")
        #expect(PrunedStore(spring).keptNumbers(of: "spring") == [4, 6, 10])
    }

    @Test("days of Lord Howe begin at its midnight, before and after each change")
    func lordHoweDays() throws {
        try DatedGuest(in: command).save([
            "2026-04-04T12:59:59Z", "2026-04-04T13:00:00Z", "2026-04-05T13:29:59Z",
            "2026-04-05T13:30:00Z", "2026-10-03T13:29:59Z", "2026-10-03T13:30:00Z",
            "2026-10-04T12:59:59Z", "2026-10-04T13:00:00Z",
        ])
        #expect(try kept(in: Self.lordHowe, "--keep-daily", "6") == [1, 3, 4, 5, 7, 8])
    }

    @Test("weeks and years end at midnight of the local calendar")
    func yearEnd() throws {
        try DatedGuest(in: command).save([
            // 2024-W52, 2025-W01 from the 30th of December, 2025-W02
            "2024-12-29T22:59:59Z", "2024-12-29T23:00:00Z", "2025-01-05T22:59:59Z",
            "2025-01-05T23:00:00Z",
            // 2026-W53 on both sides of the new year, 2027-W01
            "2026-12-31T22:59:59Z", "2026-12-31T23:00:00Z", "2027-01-03T22:59:59Z",
            "2027-01-03T23:00:00Z",
        ])
        #expect(try kept(in: Self.berlin, "--keep-weekly", "5") == [1, 3, 4, 7, 8])
        #expect(try kept(in: Self.berlin, "--keep-weekly", "3") == [4, 7, 8])
        #expect(try kept(in: Self.berlin, "--keep-yearly", "4") == [2, 4, 5, 8])
        #expect(try kept(in: "UTC", "--keep-weekly", "3") == [2, 4, 8])
        #expect(try kept(in: "UTC", "--keep-yearly", "4") == [2, 4, 6, 8])
    }

    @Test("a span goes back on the local calendar, so a day can have 25 hours")
    func within() throws {
        try DatedGuest(in: command).save([
            "2026-10-24T10:59:59Z", "2026-10-24T11:00:00Z", "2026-10-24T11:00:01Z",
            "2026-10-24T11:59:59Z", "2026-10-24T12:00:01Z", "2026-10-25T12:00:00Z",
        ])
        #expect(try kept(in: Self.berlin, "--keep-within", "1d") == [3, 4, 5, 6])
        #expect(try kept(in: Self.berlin, "--keep-within", "24h") == [5, 6])
        #expect(try kept(in: "UTC", "--keep-within", "1d") == [5, 6])
        #expect(try reasons(in: Self.berlin, "--keep-within", "24h")[6] == ["within 24h"])
    }

    @Test("a span of hours is exact, also from a time that the clock shows twice")
    func withinRepeatedHour() throws {
        let times = [
            "2026-10-24T22:30Z", "2026-10-24T23:30Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z",
        ]
        for (guest, count) in [("first", 3), ("second", 4)] {
            try DatedGuest(guest, in: command).save(Array(times.prefix(count)))
        }
        var command = command
        command.environment["TZ"] = Self.berlin
        for (span, keptCount) in [("1h", 1), ("2h", 2), ("3h", 3)] {
            let outcome = try command.run("prune", "--dry-run", "--json", "--keep-within", span)
            let pruned = PrunedStore(outcome)
            for guest in ["first", "second"] {
                #expect(pruned.keptNumbers(of: guest).count == keptCount, "\(guest) \(span)")
            }
            #expect(outcome.errors.isEmpty, "\(span): \(outcome.errors)")
        }
    }

    @Test("without TZ, the machine's time zone is used, as under cron")
    func noVariable() throws {
        try DatedGuest(in: command).save(
            (0..<48).map { hour in
                let text = hour % 24 < 10 ? "0\(hour % 24)" : "\(hour % 24)"
                return "2026-10-2\(4 + hour / 24)T\(text):10Z"
            })
        for (option, count) in [("--keep-daily", "3"), ("--keep-hourly", "30")] {
            #expect(
                try reasons(in: nil, option, count)
                    == reasons(in: ":/etc/localtime", option, count))
        }
    }
}
