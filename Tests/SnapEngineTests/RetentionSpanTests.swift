import Foundation
import SnapEngine
import SnapSystem
import Testing

@Suite("Retention spans")
struct RetentionSpanTests {
    @Test("a span is parsed, and described with its units in order and without zeros")
    func good() {
        for (text, described) in [
            ("1h", "1h"), ("14d", "14d"), ("1y5m7d2h", "1y5m7d2h"), ("2h7d5m1y", "1y5m7d2h"),
            ("0y1d", "1d"), ("007d", "7d"), ("999999h", "999999h"),
        ] {
            #expect(RetentionSpan(text)?.description == described, "\(text)")
        }
        #expect(RetentionSpan("1d2h") == RetentionSpan("2h1d"))
        #expect(RetentionSpan("24h") != RetentionSpan("1d"))
    }

    @Test("a text that is not a span is refused")
    func bad() {
        for text in [
            "", "1", "d", "1d1d", "1w", "-1d", "+1d", "1.5d", "1 d", " 1d", "1d ", "1D", "0d",
            "0y0m0d0h", "1234567d", "\u{0663}d", "\u{00b2}d", "1d2", "1dd", "d1", "1d\n",
            "99999999999999999999d", "unlimited",
        ] {
            #expect(RetentionSpan(text) == nil, "\(text.debugDescription)")
        }
    }

    @Test("a span goes back by the local calendar, and by hours of 3,600 seconds")
    func before() throws {
        // At noon, when no clock is changed.
        for (span, time, expected) in [
            ("1d", "2026-03-01T12:00", "2026-02-28 12:00:00"),
            ("1d", "2024-03-01T12:00", "2024-02-29 12:00:00"),
            ("1m", "2026-12-15T12:00", "2026-11-15 12:00:00"),
            ("12m", "2026-12-15T12:00", "2025-12-15 12:00:00"),
            ("1y", "2026-01-15T12:00", "2025-01-15 12:00:00"),
            // Days that a month or year does not have continue in the next one, as in restic.
            ("1m", "2026-03-31T12:00", "2026-03-03 12:00:00"),
            ("1y", "2024-02-29T12:00", "2023-03-01 12:00:00"),
            ("1y1m1d24h", "2026-07-15T12:00", "2025-06-13 12:00:00"),
        ] {
            let parsed = try #require(RetentionSpan(span))
            let start = try #require(Timestamp(time))
            #expect(parsed.before(start).local == expected, "\(span) before \(time)")
        }
        let start = try #require(Timestamp("2026-07-15T12:00Z"))
        #expect(RetentionSpan("36h")?.before(start) == Timestamp("2026-07-14T00:00Z"))
        for span in ["999999y", "999999m", "9999y"] {
            #expect(RetentionSpan(span)?.before(start) == Timestamp.range.lowerBound, "\(span)")
        }
        #expect(
            RetentionSpan("1h")?.before(Timestamp.range.lowerBound) == Timestamp.range.lowerBound)
    }
}
