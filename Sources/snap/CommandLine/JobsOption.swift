import ArgumentParser
import Foundation

/// The option of commands that can use several processors.
struct JobsOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Number of worker threads; default: one per available processor.", valueName: "n"))
    var jobs: Int?

    private static let countMax = 256

    func validate() throws {
        guard let jobs, !(1...Self.countMax).contains(jobs) else { return }
        throw ValidationError("--jobs is \(jobs), expected 1 to \(Self.countMax)")
    }

    /// The number of workers: --jobs, or one per available processor.
    var count: Int { jobs ?? min(ProcessInfo.processInfo.activeProcessorCount, Self.countMax) }
}
