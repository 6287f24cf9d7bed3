import ArgumentParser
import Foundation
import SnapSystem
import SystemPackage
import WorkPipeline

/// The options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The store; default: $SNAP_STORE, or see snap(1).", valueName: "dir"),
        completion: .directory)
    var store: String?

    @Option(help: ArgumentHelp("Seconds to wait for a lock.", valueName: "seconds"))
    var wait = 0

    @Flag(help: "Skip the checks that no other user can write to the store.")
    var trustStore = false

    @Flag(help: "Print results and errors as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print less; errors and warnings are still printed.")
    var quiet = false

    func validate() throws {
        guard (0...1_000_000).contains(wait) else {
            throw ValidationError("--wait is \(wait), expected 0 to 1000000 seconds")
        }
        if store?.isEmpty ?? false { throw ValidationError("--store is empty") }
    }

    /// Finds the store's directory: --store, else `$SNAP_STORE`, else root's or the user's default.
    ///
    /// - Returns: The directory, which may not exist.
    /// - Throws: `.usage` if none of --store, `$SNAP_STORE`, `$XDG_STATE_HOME` and `$HOME` is set
    ///   and the user is not root, or if a variable is not UTF-8.
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
            .usage, "cannot find the store: $SNAP_STORE, $XDG_STATE_HOME and $HOME are not set",
            hint: "use --store DIR")
    }

    /// Whether snap skips the checks of owners and modes in the store: --trust-store is given, or
    /// `$SNAP_TRUST_STORE` is 1.
    var trustsStore: Bool {
        trustStore || (try? EnvironmentVariable.value("SNAP_TRUST_STORE")) == "1"
    }

    // MARK: Running

    /// Creates the context that this command's operation runs in.
    ///
    /// - Parameter jobs: The number of workers, at least 1.
    /// - Returns: A context with the options of this command, which prints warnings.
    func context(jobs: Int = 1) -> WorkContext {
        var context = WorkContext(.kernel)
        context.lockTimeout = .seconds(wait)
        context.jobs = jobs
        context.warn = Console.warning
        context.trustsStore = trustsStore
        return context
    }

    /// Runs a long operation and shows its progress, unless --quiet or --json is given.
    ///
    /// - Parameters:
    ///   - subject: The guest, checkpoint or store that the progress line names.
    ///   - jobs: The number of workers, at least 1.
    ///   - body: The operation.
    /// - Returns: The result of `body`.
    /// - Throws: The error that `body` throws.
    func showingProgress<Result>(
        of subject: String, jobs: Int = 1, _ body: (WorkContext) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let context = context(jobs: jobs)
        return try ProgressLine.during(
            subject, isShown: !quiet && !json, of: context.progress
        ) { () throws(SnapError) in try body(context) }
    }

    // MARK: Showing

    /// Prints a command's result as text or JSON; the command fails if it cannot be printed.
    ///
    /// - Parameters:
    ///   - result: The result, which is all that the command produces.
    ///   - paged: Whether text for a terminal is shown by a pager.
    /// - Throws: `.inputOutput` if standard output cannot be written.
    func show(_ result: some Rendered, paged: Bool = false) throws(SnapError) {
        if json {
            var writer = JSONWriter(to: OutputBuffer())
            result.writeJSON(&writer)
            try writer.finish()
        } else {
            let terminal = Terminal.output
            let pager = try paged && terminal != nil ? Pager() : nil
            var output = TextOutput(on: terminal, to: pager?.buffer ?? OutputBuffer())
            if quiet { result.writeQuiet(&output) } else { result.writeText(&output) }
            try output.finish()
            pager?.finish()
        }
    }

    /// Prints the result of a command that has already changed something.
    ///
    /// If the result cannot be printed, snap only warns: the change is made.
    ///
    /// - Parameter result: The result.
    func confirm(_ result: some Rendered) {
        do throws(SnapError) { try show(result) } catch {
            if !error.isClosedOutput { Console.warning(error) }
        }
    }
}
