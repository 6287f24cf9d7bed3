import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// The deletion of one guest's checkpoints.
struct GuestDeletion {
    private let numbers: [Int]
    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let allowsLast: Bool

    init(
        of numbers: [Int], from guest: GuestDirectory, in index: CheckpointIndex,
        allowsLast: Bool
    ) {
        self.numbers = numbers
        self.guest = guest
        self.index = index
        self.allowsLast = allowsLast
    }

    /// Retires each checkpoint in turn, and frees the space of all.
    func run(_ context: WorkContext, _ outcome: inout Delete.Outcome) throws(SnapError) {
        try guest.withWriterLock(timeout: context.lockTimeout) { () throws(SnapError) in
            let present = try Reconciliation(of: guest, in: index, context: context).run()
            outcome.freedByteCount += present.freedByteCount
            try check(present.files)
            let reclamation = SpaceReclamation(of: guest, context: context)
            for number in numbers {
                try Interruption.check()
                try retire(number, of: present.files)
                outcome.deleted.append(CheckpointName(guest: guest.guest, number: number))
                outcome.freedByteCount += try reclamation.noteRetired([number], in: index)
            }
            outcome.add(try reclamation.run(index))
        }
    }

    /// Checks that all checkpoints are there, and that the guest keeps one.
    func check(_ files: GuestListing) throws(SnapError) {
        let live = try index.numbers(of: guest.guest).live.union(files.savevm)
        for number in numbers where !live.contains(number) {
            throw SnapError(.notFound, "guest \"\(guest.guest)\" has no checkpoint \(number)")
        }
        let others = files.savevm.subtracting(numbers).sorted(by: >)
        let isOneLeft = try hasReadable(among: others)
        guard allowsLast || isOneLeft else {
            throw SnapError(
                .usage, "guest \"\(guest.guest)\" would have no checkpoint left",
                hint: "--allow-last deletes the last one too")
        }
    }

    /// Whether one of some checkpoints can be opened: one that cannot is of no use.
    private func hasReadable(among numbers: [Int]) throws(SnapError) -> Bool {
        for number in numbers {
            do {
                _ = try guest.files.savevm(.savevm(number))
                return true
            } catch let error where error.isUnreadable {
                continue
            }
        }
        return false
    }

    /// Makes a checkpoint's file a retired one: the rename is where the checkpoint ends.
    private func retire(_ number: Int, of files: GuestListing) throws(SnapError) {
        let directory = guest.directory
        let retired = FileName.retired(number).text
        if !files.savevm.contains(number) {
            // Its file was lost; its number stays taken.
            _ = try File(makingIfAbsent: directory.file(retired), directory.calls)
        } else if files.retired.contains(number) {
            throw SnapError(
                .cannotCreate, "exists beside the checkpoint's own file",
                path: directory.file(retired),
                hint: "one of the two is a copy; move it out of the store")
        } else {
            try directory.rename(FileName.savevm(number).text, to: retired)
        }
        try directory.synchronize()
    }
}
