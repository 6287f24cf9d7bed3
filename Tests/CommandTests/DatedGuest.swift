import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// A guest whose checkpoints have chosen times, in the store of a command.
struct DatedGuest {
    private let name: String
    private let scratch: Scratch

    /// Creates a value; the first save creates the guest.
    ///
    /// - Parameters:
    ///   - name: The guest's name.
    ///   - command: The command that will use the store.
    init(_ name: String = "g", in command: Command) {
        self.name = name
        scratch = command.scratch
    }

    /// Saves a checkpoint for each time, of an image with one page.
    ///
    /// - Parameters:
    ///   - times: The times, such as `2026-03-29T01:00Z`.
    ///   - label: The label of the checkpoints.
    func save(_ times: [String], label: String? = nil) throws {
        let file = scratch.file("page-of-\(name)")
        for time in times {
            var image = GeneratedImage(pageCount: 1)
            image.fillWithText([0])
            try image.write(to: file)
            var context = WorkContext(.kernel)
            context.lockTimeout = .seconds(5)
            context.warn = { Issue.record("warned: \($0)") }
            var save = Save(
                .image(file, nil), guest: try GuestName(checking: name, as: "guest"))
            save.label = label
            let stamp = CheckpointStamp(
                id: .random(), createdAt: try #require(Timestamp(time), "\(time)"))
            _ = try save.run(in: scratch.store, context, stamp: stamp)
        }
    }

    /// Holds the guest's writer lock, as another snap that writes to the guest does.
    ///
    /// - Parameter body: Runs while the lock is held.
    func whileLocked<Result>(_ body: () throws -> Result) throws -> Result {
        let lock = try LockFile(
            .exclusive, "writer.lock", in: Directory(scratch.guest(name), .kernel),
            timeout: .seconds(5))
        return try withExtendedLifetime(lock, body)
    }
}
