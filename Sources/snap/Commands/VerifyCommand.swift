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
    var references: [String] = []

    @Flag(help: "Check structure and checksums, and decode no page.")
    var quick = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func run() throws {
        var verify = Verify()
        verify.references = try references.map { try CheckpointReference(parsing: $0) }
        verify.isQuick = quick
        verify.jobs = jobs.count
        verify.patience = common.patience
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: store.string) {
            (progress) throws(SnapError) in
            verify.progress = progress
            return try verify.run(in: store, .kernel, warn: Report.warning)
        }
        if common.json {
            try Report.result(outcome.json)
        } else {
            for error in outcome.damage { Report.damage(error) }
            try Report.result(common.quiet ? outcome.references : outcome.text(on: .output))
        }
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
