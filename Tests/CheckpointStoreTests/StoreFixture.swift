import CheckpointIndex
import CheckpointStore
import Foundation
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

/// A store whose checkpoints have no pages: a test writes their files itself.
struct StoreFixture {
    let scratch: Scratch
    let guest: GuestName
    let warnings = Warnings()
    let context: WorkContext
    private let identity: StoreIdentity
    /// When each checkpoint was saved, and its id.
    private(set) var stamps: [Int: (id: Identifier, createdAt: Timestamp)] = [:]

    /// The warnings so far.
    final class Warnings: Sendable {
        private let errors = Mutex<[SnapError]>([])

        var all: [SnapError] { errors.withLock(\.self) }
        @Sendable func take(_ error: SnapError) { errors.withLock { $0.append(error) } }
    }

    init() throws {
        scratch = try Scratch()
        guest = try GuestName(checking: "g", as: "guest")
        var context = WorkContext(.kernel)
        context.warn = warnings.take
        self.context = context
        identity = try Store(writing: scratch.store, context).identity
        // The lock makes the directory.
        try directory.withWriterLock(context) {}
    }

    var directory: GuestDirectory { StoreDirectory(scratch.store, context).guest(guest) }

    func open() throws(SnapError) -> Store { try Store(writing: scratch.store, context) }

    func path(_ name: FileName) -> FilePath { scratch.guest().appending(name.text) }

    func byteCount(_ name: FileName) throws -> Int { try bytes(of: path(name)).count }

    /// Writes a checkpoint's file, without a row in the index.
    ///
    /// - Parameters:
    ///   - number: Its number.
    ///   - references: The numbers of the files that its pages may lie in, besides its own.
    ///   - id: Its id.
    ///   - createdAt: When it was saved, in seconds.
    mutating func write(
        _ number: Int, referringTo references: Set<Int> = [], id: Identifier = .random(),
        createdAt: Int? = nil
    ) throws {
        let time = Timestamp(secondsSinceEpoch: createdAt ?? 1_800_000_000 + number)
        stamps[number] = (id, time)
        let writer = try SavevmWriter(
            in: directory.directory,
            FileHeader(
                .savevm, number: number, storeID: identity.id, checkpointID: id, parent: nil))
        var counts = PageCounts()
        counts.zero = 1
        let stamps = stamps
        _ = try writer.publish(
            blocks: [
                StoredBlock(
                    ram: RAMBlock(name: "", byteCount: Page.byteCount), root: .zero,
                    zeroPageCount: 1)
            ],
            references: references.union([number]).sorted().map {
                FileReference(number: $0, id: stamps[$0]?.id ?? .random())
            },
            description: CheckpointDescription(
                guest: guest, label: String(repeating: "l", count: number), createdAt: time,
                pages: counts, digestKey: identity.digestKey, deviceState: nil))
    }

    /// Gives a checkpoint's file the name of a deleted one's.
    func retire(_ number: Int) throws {
        try FileManager.default.moveItem(
            atPath: path(.savevm(number)).string, toPath: path(.retired(number)).string)
    }

    /// Makes index and files agree.
    @discardableResult
    func reconcile() throws -> Reconciliation.Outcome {
        let (directory, context) = (directory, context)
        let store = try open()
        return try directory.withWriterLock(context) { () throws(SnapError) in
            try Reconciliation(of: directory, in: store.index, context).run()
        }
    }
}
