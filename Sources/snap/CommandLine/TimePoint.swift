import ArgumentParser
import SnapSystem

/// A time on the command line: `2026-11-20T10:00[:00][Z]`, the date alone, or a span before now.
struct TimePoint: ExpressibleByArgument {
    /// The time.
    let time: Timestamp

    /// Parses an argument.
    ///
    /// - Parameter argument: The text that the user typed; a date is its start in local time.
    /// - Returns: nil if the text is not a time.
    init?(argument: String) {
        let parsed =
            Timestamp(argument) ?? Timestamp(argument + "T00:00")
            ?? TimeSpan(argument: argument)?.before(.now)
        guard let parsed else { return nil }
        time = parsed
    }
}
