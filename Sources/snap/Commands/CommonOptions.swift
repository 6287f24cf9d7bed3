import ArgumentParser
import Foundation
import SnapSystem
import SystemPackage

/// The options of every command.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The store.", valueName: "dir"), completion: .directory)
    var store: String?

    @Option(help: ArgumentHelp("How long to wait for a lock.", valueName: "seconds"))
    var wait = 0

    @Flag(help: "Print JSON, and errors as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print less: nothing, or references alone.")
    var quiet = false

    func validate() throws {
        guard (0...1_000_000).contains(wait) else {
            throw ValidationError("--wait is \(wait), expected 0 to 1000000 seconds")
        }
        if store?.isEmpty ?? false { throw ValidationError("--store is empty") }
    }

    /// How long to wait for a lock.
    var patience: Duration { .seconds(wait) }

    /// Does something that may take long, and shows how far it has come where that is wanted.
    ///
    /// - Parameters:
    ///   - subject: What it is about: a guest, a checkpoint.
    ///   - body: What is done.
    /// - Throws: What `body` throws.
    func showingProgress<Result>(
        of subject: String, _ body: (WorkProgress) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        try ProgressLine.during(subject, isShown: !quiet && !json, body)
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
        throw SnapError(.usage, "no store: neither --store nor $SNAP_STORE nor $HOME is set")
    }
}

/// The option of commands that work on several processors.
struct JobsOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How many workers; default: the processors this process may use.", valueName: "n"))
    var jobs: Int?

    private static let countMax = 256

    func validate() throws {
        guard let jobs, !(1...Self.countMax).contains(jobs) else { return }
        throw ValidationError("--jobs is \(jobs), expected 1 to \(Self.countMax)")
    }

    /// How many workers.
    var count: Int { jobs ?? min(ProcessInfo.processInfo.activeProcessorCount, Self.countMax) }
}
