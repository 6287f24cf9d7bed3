import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import WorkPipeline

/// The verification of one guest's checkpoints.
struct GuestVerification {
    /// The contents of a checkpoint's savevm file that verification needs.
    ///
    /// The files are not kept open, because a guest can have ten thousand of them.
    private struct Opened {
        let verdict: Int
        let path: FilePath
        let pages: PageCounts
        let blocks: [StoredBlock]
        let references: [FileReference]
    }

    /// The verdict on each checkpoint.
    private(set) var verdicts: [Verify.Verdict] = []
    /// The damage found in the guest's files and index rows.
    private(set) var damage: [SnapError] = []
    /// The damaged parts of the guest's files.
    private(set) var parts: [FoundDamage] = []
    /// The number of stored pages that were checked.
    private(set) var checkedPageCount = 0
    /// The guest's files when the verification started.
    let listing: GuestListing

    let guest: GuestDirectory
    /// The time when the verification started.
    let startedAt = Timestamp.now
    private let index: CheckpointIndex?
    private var opened: [Opened] = []
    /// The ids of the files that exist and can be opened, by number.
    private var present: [Int: Identifier] = [:]
    /// The numbers of files that the index did not contain when they were opened.
    private var unlisted: [Int] = []

    /// Creates a verification: reads the guest's files and compares them with its index rows.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory. The caller has pinned the checkpoints.
    ///   - index: The index; nil if it is lost.
    ///   - numbers: The numbers of the checkpoints to check; nil for all.
    /// - Throws: `.notFound` if one of the checkpoints has been deleted; `.damaged` for the index;
    ///   `.permission`, `.inputOutput`, `.busy` or `.interrupted`.
    init(
        of guest: GuestDirectory, in index: CheckpointIndex?, only numbers: Set<Int>?
    ) throws(SnapError) {
        self.guest = guest
        self.index = index
        // The files are listed before the rows: a save adds its file first and its row second, so a
        // save that ends in between has both.
        listing = try guest.listing()
        let rows = Dictionary(
            try index?.checkpoints(of: guest.name).map { ($0.number, $0) } ?? []
        ) { first, _ in first }
        var files = CheckpointVerifier(of: guest, in: index)
        for number in listing.savevm.union(rows.keys).sorted()
        where numbers?.contains(number) ?? true {
            try Interruption.check()
            try check(number, rows[number], by: &files)
        }
        if let missing = numbers?.subtracting(verdicts.map(\.name.number)).min() {
            throw SnapError(
                .notFound, "checkpoint \(guest.name):\(missing) has been deleted")
        }
        for number in Set(opened.flatMap(\.references).map(\.number)).sorted()
        where present[number] == nil {
            let name: FileName =
                listing.retired.contains(number) ? .retired(number) : .savevm(number)
            do {
                present[number] = try guest.files.savevm(name).reference.id
            } catch let error where error.isDamage {
                // The check of pages reports this file where a checkpoint needs it.
            }
        }
    }

    private mutating func check(
        _ number: Int, _ row: Checkpoint?, by files: inout CheckpointVerifier
    ) throws(SnapError) {
        guard let finding = try files.check(number, row) else { return }
        damage += finding.damage
        parts += finding.parts
        if let file = finding.file {
            if finding.isUnlisted { unlisted.append(number) }
            present[number] = file.savevm.reference.id
            opened.append(
                Opened(
                    verdict: verdicts.count, path: file.savevm.path,
                    pages: file.savevm.checkpoint.pages, blocks: file.blocks,
                    references: file.references))
        }
        verdicts.append(finding.verdict)
    }

    /// Warns of complete files that the index still does not contain.
    ///
    /// - Parameter context: Receives the warnings.
    /// - Throws: `.damaged` for the index, or `.inputOutput`.
    func warnOfUnlisted(_ context: WorkContext) throws(SnapError) {
        try CheckpointVerifier(of: guest, in: index).warnOfUnlisted(unlisted, context)
    }

    // MARK: Memory

    /// Checks all tables and pages that the checkpoints reach, each once.
    ///
    /// - Parameters:
    ///   - isQuick: Whether only the checksums of clusters are compared and no page is decoded.
    ///   - isAll: Whether all of the guest's checkpoints are checked, for the progress total.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`; damage is not
    ///   thrown.
    mutating func checkMemory(
        isQuick: Bool, isAll: Bool, _ context: WorkContext
    ) throws(SnapError) {
        let files = SavevmFiles(expectedFiles, in: guest.files)
        let claimed = ClaimedPages()
        let progress = context.progress
        progress.begin(.verifying, of: storedByteCount(isAll: isAll))
        var found = try OrderedPipeline.run(
            over: TableCursor(opened.flatMap(\.blocks), files), into: MemoryFindings(files),
            jobs: context.jobs,
            makeWorker: { UnitVerifier(files, claimed, isQuick: isQuick) },
            work: { (worker, item: TableCursor.Item, _) throws(SnapError) in
                try worker.verify(item)
            },
            deliver: { (found: inout MemoryFindings, finding: TableFinding) in
                switch finding {
                case .unit(let unit):
                    found.add(unit)
                    progress.advance(by: unit.checkedCount * Page.byteCount)
                case .damagedTable(let table, let error, let part):
                    found.add(damaged: table, error, in: part)
                }
            })
        for open in opened {
            let (needed, losses) = try Self.reach(of: open.blocks, in: &found)
            recordVerdict(open, needs: needed, losses)
        }
        checkedPageCount = found.checkedPageCount
        damage += found.errors
        parts += found.parts
    }

    /// Returns the files that the blocks need and the pages that they have lost.
    private static func reach(
        of blocks: [StoredBlock], in found: inout MemoryFindings
    ) throws(SnapError) -> (numbers: Set<Int>, losses: [MemoryLoss]) {
        var numbers: Set<Int> = []
        var losses: [MemoryLoss] = []
        for stored in blocks {
            numbers.formUnion(try found.numbers(for: stored))
            if let loss = try found.losses(in: stored) { losses.append(loss) }
        }
        return (numbers, losses)
    }

    /// The files that exist, and the missing files as the checkpoints' references describe them.
    private var expectedFiles: [FileReference] {
        var ids = present
        for open in opened {
            for reference in open.references where ids[reference.number] == nil {
                ids[reference.number] = reference.id
            }
        }
        return ids.map { FileReference(number: $0.key, id: $0.value) }
    }

    /// Estimates the number of bytes of pages to check from the counts in the files.
    private func storedByteCount(isAll: Bool) -> Int {
        var pageCount = 0
        for pages in opened.map(\.pages) {
            for count in [pages.literal, pages.delta, isAll ? pages.moved : pages.unchanged] {
                pageCount = pageCount.addingClamped(count)
            }
        }
        return pageCount.multipliedClamped(by: Page.byteCount)
    }

    /// Records a checkpoint's lost pages, and damage if it needs files that it does not list.
    private mutating func recordVerdict(
        _ open: Opened, needs needed: Set<Int>, _ losses: [MemoryLoss]
    ) {
        verdicts[open.verdict].losses = losses
        let listed = Dictionary(open.references.map { ($0.number, $0.id) }) { first, _ in first }
        for number in needed.sorted() {
            if let id = listed[number], present[number] == nil || present[number] == id {
                continue
            }
            let found = listed[number].map { "listed with id \($0.hex)" } ?? "not listed"
            damage.append(
                SnapError(
                    .damaged,
                    "pages are in file \(number), which is \(found) in the references",
                    path: open.path))
            verdicts[open.verdict].isLost = true
        }
    }
}
