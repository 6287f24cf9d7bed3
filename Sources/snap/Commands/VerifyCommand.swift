import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap verify`: check that checkpoints can be restored.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that checkpoints can be restored.",
        discussion: """
            Without a REF, all checkpoints of the store are checked. snap compares the index \
            with the files, checks every checksum, and reads every page and all device state; \
            pages that several checkpoints share are read once. It reports each damaged place on \
            standard error, then prints which checkpoints are intact and which pages of the \
            others are lost. --quick decodes no guest pages. --quiet prints only \
            the names of damaged checkpoints.

            snap records in the index what was verified, when, and what is damaged; snap status \
            shows it. --not-since and --limit-time verify savevm files one after another, those \
            first that were not verified for longest; a span is written like 30d, 12h, 10m, 90s.

            EXAMPLES
              snap verify
              snap verify web1:7 web2
              snap verify --quick --quiet
              snap verify --not-since 30d --limit-time 20m

            EXIT STATUS
              0    no damage was found, even if the time was not enough for all files
              1    damage was found
              66   there is no store, or no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoints to check; default: all.", valueName: "ref"),
        completion: .checkpoints)
    var checkpoints: [String] = []

    @Flag(help: "Decode no guest pages; check everything else.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "Verify only what has not been verified for this long.", valueName: "span"))
    var notSince: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Stop after this long; the next such run continues there.", valueName: "span"))
    var limitTime: TimeSpan?

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard notSince != nil || limitTime != nil else { return }
        if !checkpoints.isEmpty || quick {
            throw ValidationError(
                "--not-since and --limit-time cannot be used with a REF or --quick")
        }
    }

    func run() throws {
        var verify = Verify()
        verify.notSince = notSince?.before(.now)
        verify.timeLimit = limitTime.map { .seconds($0.seconds) }
        verify.specifiers = try checkpoints.map { try CheckpointSpecifier(parsing: $0) }
        verify.isQuick = quick
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: store.string, jobs: jobs.count) {
            (context) throws(SnapError) in try verify.run(in: store, context)
        }
        if !common.json { for error in outcome.damage { Console.damage(error) } }
        try common.show(outcome)
        guard outcome.isIntact else {
            let count = outcome.verdicts.count { !$0.isIntact }
            throw SnapError(
                .damaged,
                "\(outcome.damage.count.counted("damaged place")): "
                    + "\(count.grouped) of \(outcome.verdicts.count.counted("checkpoint")) "
                    + "cannot be restored completely", path: store)
        }
    }
}
