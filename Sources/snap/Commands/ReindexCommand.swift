import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap reindex`: rebuild the index from the files.
struct ReindexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex",
        abstract: "Rebuild the index from the files.",
        discussion: """
            Everything in the index is also in the checkpoints' files. This command rebuilds it \
            from them, and store.json as well if it is missing. It reports files that are damaged \
            or cannot be read, and does not change them.

            EXAMPLES
              snap reindex --store /srv/snap

            EXIT STATUS
              0    rebuilt
              1    rebuilt, but some files are damaged or cannot be read
              66   there is no store
              75   the store is in use
            """)

    @OptionGroup var common: CommonOptions

    func run() throws {
        let path = try common.storePath()
        let outcome = try common.showingProgress(of: path.string) {
            (context) throws(SnapError) in try Reindex().run(in: path, context)
        }
        common.confirm(outcome)
        guard outcome.damagedFileCount == 0 else {
            throw SnapError(
                .damaged,
                outcome.damagedFileCount.counted("file") + " damaged or unreadable",
                path: path)
        }
    }
}
