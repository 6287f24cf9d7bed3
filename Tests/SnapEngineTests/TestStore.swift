import CheckpointStore
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// A store in a scratch directory, with the operations on one guest.
struct TestStore: Sendable {
    let scratch: Scratch
    let guest: GuestName
    var calls = SystemCalls.kernel

    init() throws {
        scratch = try Scratch()
        guest = try GuestName(checking: "g", as: "guest")
    }

    /// Creates a value for another guest of the same store.
    init(in other: TestStore, guest: String) throws {
        scratch = other.scratch
        self.guest = try GuestName(checking: guest, as: "guest")
    }

    var path: FilePath { scratch.store }
    var guestPath: FilePath { scratch.guest("g") }

    /// Creates a context that uses this store's system calls.
    func context(jobs: Int = 1, lockTimeout: Duration = .seconds(5)) -> WorkContext {
        .testing(calls, lockTimeout: lockTimeout, jobs: jobs)
    }

    /// Saves a checkpoint of an image file; a warning fails the test unless the context handles it.
    @discardableResult
    func save(
        at image: FilePath, in context: WorkContext? = nil, stamp: CheckpointStamp = .now(),
        _ configure: (inout Save) throws -> Void = { _ in }
    ) throws -> Checkpoint {
        var save = Save(.image(image, nil), guest: guest)
        try configure(&save)
        return try save.run(in: path, context ?? self.context(), stamp: stamp).checkpoint
    }

    @discardableResult
    func save(
        _ image: GeneratedImage, in context: WorkContext? = nil, stamp: CheckpointStamp = .now(),
        _ configure: (inout Save) throws -> Void = { _ in }
    ) throws -> Checkpoint {
        let file = scratch.file("image")
        try image.write(to: file)
        return try save(at: file, in: context, stamp: stamp, configure)
    }

    /// Restores a checkpoint into a new file and returns its path.
    func restore(
        _ number: Int, in context: WorkContext? = nil,
        _ configure: (inout Restore) -> Void = { _ in }
    ) throws -> FilePath {
        let output = scratch.file("output-\(UInt64.random(in: 0...UInt64.max))")
        var restore = Restore(.number(guest, number), to: .file(output))
        configure(&restore)
        _ = try restore.run(in: path, context ?? self.context())
        return output
    }

    /// Whether a checkpoint restores to an image.
    func restores(_ number: Int, to image: GeneratedImage, jobs: Int = 1) throws -> Bool {
        let output = try restore(number, in: context(jobs: jobs))
        defer { try? removeFile(output) }
        return try image.equals(output)
    }

    /// Adds up the space that the guest's files take on the disk.
    func diskByteCount() throws -> Int {
        let directory = Directory(guestPath, .kernel)
        return try directory.names().reduce(0) { sum, name in
            sum + (try directory.status(of: name)?.diskByteCount ?? 0)
        }
    }

    /// Reads all guests' checkpoints from the index.
    func list(warn: (@Sendable (SnapError) -> Void)? = nil) throws -> [Checkpoint] {
        let context: WorkContext =
            if let warn { .testing(calls, warn: warn) } else { .testing(calls) }
        return try Store(reading: path, context).checkpoints(of: nil)
    }
}
