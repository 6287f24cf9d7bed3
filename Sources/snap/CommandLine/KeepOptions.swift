import ArgumentParser
import SnapEngine
import SnapSystem

/// The options that make up a retention policy.
struct KeepOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Keep the newest N checkpoints.", valueName: "n"))
    var keepLast: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep the newest of each of the last N hours that have one.", valueName: "n"))
    var keepHourly: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep the newest of each of the last N days that have one.", valueName: "n"))
    var keepDaily: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep the newest of each of the last N weeks that have one.", valueName: "n"))
    var keepWeekly: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep the newest of each of the last N months that have one.", valueName: "n"))
    var keepMonthly: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep the newest of each of the last N years that have one.", valueName: "n"))
    var keepYearly: KeptCount?

    @Option(
        help: ArgumentHelp(
            "Keep checkpoints less than this much older than the newest, such as 1y5m7d2h.",
            valueName: "duration"))
    var keepWithin: RetentionSpan?

    @Option(
        help: ArgumentHelp(
            "Keep checkpoints whose label matches, such as 'release-*'.", valueName: "pattern"))
    var keepLabel: [String] = []

    /// The policy; it has no rule if no option is given.
    var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.lastCount = keepLast?.value ?? 0
        let counts: [RetentionPeriod: KeptCount?] = [
            .hourly: keepHourly, .daily: keepDaily, .weekly: keepWeekly, .monthly: keepMonthly,
            .yearly: keepYearly,
        ]
        policy.periodCounts = counts.compactMapValues { $0?.value }
        policy.within = keepWithin
        policy.labels = keepLabel.map { GlobPattern($0) }
        return policy
    }
}

extension RetentionSpan: ExpressibleByArgument {
    /// Parses an argument.
    ///
    /// - Parameter argument: The text that the user typed.
    public init?(argument: String) { self.init(argument) }
}
