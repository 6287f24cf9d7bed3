import ArgumentParser
import Foundation
import SnapSystem
import SystemPackage
import WorkPipeline

/// The options of every command.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The store; see snap(1) for the default.", valueName: "dir"),
        completion: .directory)
    var store: String?

    @Option(help: ArgumentHelp("Time to wait for a lock.", valueName: "seconds"))
    var wait = 0

    @Flag(help: "Do not check the owners and modes of files in the store.")
    var trustStore = false

    @Flag(help: "Print results and errors as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print only names, or nothing; still print errors.")
    var quiet = false

    func validate() throws {
        guard (0...1_000_000).contains(wait) else {
            throw ValidationError("--wait is \(wait), expected 0 to 1000000 seconds")
        }
        if store?.isEmpty ?? false { throw ValidationError("--store is empty") }
    }

    /// The store: what is given, else `$SNAP_STORE`, else a place for root or for the user.
    ///
    /// - Throws: `.usage` if a user without a home gave none, or it is not UTF-8.
    func storePath() throws(SnapError) -> FilePath {
        if let store { return FilePath(store) }
        if let path = try EnvironmentVariable.value("SNAP_STORE") { return FilePath(path) }
        if geteuid() == 0 { return "/var/lib/snap" }
        if let path = try EnvironmentVariable.value("XDG_STATE_HOME") {
            return FilePath(path).appending("snap")
        }
        if let home = try EnvironmentVariable.value("HOME") {
            return FilePath(home).appending(".local/state/snap")
        }
        throw SnapError(
            .usage, "cannot find the store: $SNAP_STORE and $HOME are not set", hint: "use --store")
    }

    /// Whether owners and modes in the store are taken as they are: as is given, or as
    /// `$SNAP_TRUST_STORE` says.
    var trustsStore: Bool {
        trustStore || (try? EnvironmentVariable.value("SNAP_TRUST_STORE")) == "1"
    }

    // MARK: Running

    /// How operations run for this command.
    ///
    /// - Parameter jobs: How many workers.
    func context(jobs: Int = 1) -> WorkContext {
        var context = WorkContext(.kernel)
        context.lockTimeout = .seconds(wait)
        context.jobs = jobs
        context.warn = Console.warning
        context.trustsStore = trustsStore
        return context
    }

    /// Runs something that may take long, and shows its progress where that is wanted.
    ///
    /// - Parameters:
    ///   - subject: What it is about: a guest, a checkpoint.
    ///   - jobs: How many workers.
    ///   - body: What runs.
    /// - Throws: What `body` throws.
    func showingProgress<Result>(
        of subject: String, jobs: Int = 1, _ body: (WorkContext) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let context = context(jobs: jobs)
        return try ProgressLine.during(
            subject, isShown: !quiet && !json, of: context.progress
        ) { () throws(SnapError) in try body(context) }
    }

    // MARK: Showing

    /// Prints a result in the form that was asked for; that it cannot be printed is a failure.
    ///
    /// - Parameter result: The result.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    func show(_ result: some Rendered) throws(SnapError) {
        if json {
            var writer = JSONWriter(to: OutputBuffer())
            result.writeJSON(&writer)
            try writer.finish()
        } else {
            var output = TextOutput(on: .output)
            if quiet { result.writeQuiet(&output) } else { result.writeText(&output) }
            try output.finish()
        }
    }

    /// Prints what came of a command that has done its work; that it cannot be printed is a
    /// warning.
    ///
    /// - Parameter result: The result.
    func confirm(_ result: some Rendered) {
        do throws(SnapError) { try show(result) } catch {
            if !error.isClosedOutput { Console.warning(error) }
        }
    }
}
