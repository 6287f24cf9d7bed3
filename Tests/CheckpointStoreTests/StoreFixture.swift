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

/// A store whose checkpoints contain only zero pages; tests write their files without a save.
struct StoreFixture {
    let scratch: Scratch
    let guest: GuestName
    let warnings = Warnings()
    let context: WorkContext
    private let identity: StoreIdentity
    /// The id and the time of each checkpoint, by number.
    private(set) var stamps: [Int: (id: Identifier, createdAt: Timestamp)] = [:]

    /// Collects the warnings of all operations on the store.
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
        identity = try Store(writing: scratch.store, addsCheckpoints: true, context).identity
        // Taking the lock creates the guest's directory.
        try directory.withWriterLock(context) {}
    }

    var directory: GuestDirectory { StoreDirectory(scratch.store, context).guest(guest) }

    func open() throws(SnapError) -> Store {
        try Store(writing: scratch.store, addsCheckpoints: true, context)
    }

    func path(_ name: FileName) -> FilePath { scratch.guest().appending(name.text) }

    func byteCount(_ name: FileName) throws -> Int { try bytes(of: path(name)).count }

    /// Writes a checkpoint's savevm file, without adding a row to the index.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - references: The numbers of the other files that the file refers to.
    ///   - id: The checkpoint's id.
    ///   - createdAt: The time of the save, in seconds since 1970; nil for a time that increases
    ///     with the number.
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

    /// Renames a checkpoint's savevm file as a deletion does.
    func retire(_ number: Int) throws {
        try FileManager.default.moveItem(
            atPath: path(.savevm(number)).string, toPath: path(.retired(number)).string)
    }

    /// Reconciles the index with the files.
    @discardableResult
    func reconcile() throws -> Reconciliation.Outcome {
        let (directory, context) = (directory, context)
        let store = try open()
        return try directory.withWriterLock(context) { () throws(SnapError) in
            try Reconciliation(of: directory, in: store.index, context).run()
        }
    }
}
