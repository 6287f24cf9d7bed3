import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap verify`: prove that what is stored can be restored.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that what is stored can be restored.",
        discussion: """
            The index is compared with the files, and every checksum, every page and all device \
            state of the checkpoints is read; pages that several share are read once. Without a \
            REF all checkpoints of the store are checked. What is damaged is told with its place \
            on standard error; then which checkpoints are whole, and which pages of which are \
            lost. With --quick pages are not decoded: structure and checksums alone are checked. \
            With --quiet only the references of damaged checkpoints are printed.

            EXAMPLES
              snap verify
              snap verify web1:7 web2
              snap verify --quick --quiet

            EXIT STATUS
              0    all is whole
              1    damage was found
              66   there is no store, or no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoints; none for all.", valueName: "ref"),
        completion: .checkpoints)
    var checkpoints: [String] = []

    @Flag(help: "Check structure and checksums, and decode no page.")
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
        guard outcome.isWhole else {
            let count = outcome.verdicts.count { !$0.isWhole }
            throw SnapError(
                .damaged,
                "\(outcome.damage.count.counted("damaged place")): "
                    + "\(count.grouped) of \(outcome.verdicts.count.counted("checkpoint")) "
                    + "cannot be restored whole", path: store)
        }
    }
}
