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

            EXAMPLES
              snap verify
              snap verify web1:7 web2
              snap verify --quick --quiet

            EXIT STATUS
              0    everything is intact
              1    damage was found
              66   there is no store, or no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoints to check; default: all.", valueName: "ref"),
        completion: .checkpoints)
    var checkpoints: [String] = []

    @Flag(help: "Decode no guest pages; check everything else.")
    var quick = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func run() throws {
        var verify = Verify()
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
