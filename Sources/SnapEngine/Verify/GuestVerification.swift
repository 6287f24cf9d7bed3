import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage
import WorkPipeline

/// One guest's checkpoints while they are checked.
struct GuestVerification {
    /// What a checkpoint's savevm file says.
    ///
    /// The files themselves are not kept open: a guest may have ten thousand.
    private struct Opened {
        let verdict: Int
        let path: FilePath
        let pages: PageCounts
        let blocks: [StoredBlock]
        let references: [FileReference]
    }

    /// What has been found of each checkpoint.
    private(set) var verdicts: [Verify.Verdict] = []
    /// What is wrong.
    private(set) var damage: [SnapError] = []
    /// How many stored pages were checked.
    private(set) var checkedPageCount = 0

    private let guest: GuestDirectory
    private let index: CheckpointIndex?
    private var opened: [Opened] = []
    /// The numbers and ids of the files that are there and can be opened.
    private var present: [Int: Identifier] = [:]
    /// Files that the index did not know when they were opened.
    private var unlisted: [Int] = []

    /// Compares a guest's rows with its files, and reads what these say.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its reader lock is held.
    ///   - index: The index; nil if it is lost.
    ///   - numbers: The checkpoints to check; nil for all.
    /// - Throws: `.notFound` if one of them has been deleted; `.damaged` for the index;
    ///   `.permission`, `.inputOutput`, `.busy` or `.interrupted`.
    init(
        of guest: GuestDirectory, in index: CheckpointIndex?, only numbers: Set<Int>?
    ) throws(SnapError) {
        self.guest = guest
        self.index = index
        // Files first: a save that ends meanwhile then has its row, too.
        let listing = try guest.listing()
        let rows = Dictionary(
            try index?.checkpoints(of: guest.name).map { ($0.number, $0) } ?? []
        ) { first, _ in first }
        for number in listing.savevm.union(rows.keys).sorted()
        where numbers?.contains(number) ?? true {
            try Interruption.check()
            try check(number, rows[number])
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
                // It shows where its pages are needed.
            }
        }
    }

    private mutating func check(_ number: Int, _ row: Checkpoint?) throws(SnapError) {
        var verdict = Verify.Verdict(name: CheckpointName(guest: guest.name, number: number))
        do throws(SnapError) {
            let file = try guest.files.savevm(.savevm(number))
            let open = Opened(
                verdict: verdicts.count, path: file.path, pages: file.checkpoint.pages,
                blocks: try file.blocks(), references: try file.references())
            let sections = try checkDeviceState(of: file, &verdict)
            let mismatch = try mismatch(of: file, sections, with: row)
            // Looked at last: a deletion takes the name away first, and then the row.
            if try isDeleted(number) { return }
            if let mismatch { damage.append(mismatch) }
            if index != nil && row == nil { unlisted.append(number) }
            present[number] = file.reference.id
            opened.append(open)
        } catch {
            guard error.isDamage else { throw error }
            if try isDeleted(number) { return }
            damage.append(
                error.code == .notFound
                    ? SnapError(.damaged, "is missing", path: error.path) : error)
            verdict.isLost = true
        }
        verdicts.append(verdict)
    }

    /// Whether a deletion has taken a checkpoint away, or is about to.
    private func isDeleted(_ number: Int) throws(SnapError) -> Bool {
        let directory = guest.directory
        guard try directory.status(of: FileName.retired(number).text) != nil else { return false }
        return try directory.status(of: FileName.savevm(number).text) == nil
    }

    /// Reads a checkpoint's device state; returns its sections, nil if they are lost.
    private mutating func checkDeviceState(
        of file: SavevmFile, _ verdict: inout Verify.Verdict
    ) throws(SnapError) -> [DeviceSection]? {
        guard file.checkpoint.deviceState != nil else { return [] }
        do throws(SnapError) {
            let devices = try guest.files.deviceState(of: file)
            for state in devices.states {
                for section in state.sections { try devices.read(section) { _ in } }
            }
            return devices.states.flatMap(\.summaries)
        } catch {
            guard error.isDamage else { throw error }
            damage.append(error)
            verdict.isDeviceStateLost = true
            return nil
        }
    }

    /// What is wrong with what the index says of a checkpoint, compared with what its files say;
    /// nil if nothing is, or nothing can be compared.
    private func mismatch(
        of file: SavevmFile, _ sections: [DeviceSection]?, with row: Checkpoint?
    ) throws(SnapError) -> SnapError? {
        guard let index, let row, let sections else { return nil }
        let expected = IndexedCheckpoint(describing: try file.contents(), sections)
        do throws(SnapError) {
            if try index.indexed(row) == expected { return nil }
        } catch {
            // A row that cannot be read costs no checkpoint.
            guard error.code == .damaged else { throw error }
            return error
        }
        return SnapError(
            .damaged, "says other things of \(row.name) than its files", path: index.path,
            hint: CheckpointIndex.hint)
    }

    /// Warns of complete files that the index does not know even now.
    ///
    /// - Parameter context: What takes the warnings.
    /// - Throws: `.damaged` for the index, or `.inputOutput`.
    func warnOfUnlisted(_ context: WorkContext) throws(SnapError) {
        for number in unlisted
        where try index?.checkpoint(of: guest.name, number: number) == nil {
            context.warn(
                SnapError(
                    .damaged, "is not in the index",
                    path: guest.directory.file(FileName.savevm(number).text),
                    hint: "the guest's next save adds it, or snap reindex"))
        }
    }

    // MARK: Memory

    /// Checks all tables and pages that the checkpoints reach, each once.
    ///
    /// - Parameters:
    ///   - isQuick: Whether pages are left unread, and only the checksums of clusters compared.
    ///   - isAll: Whether all of the guest's checkpoints are checked.
    ///   - context: How to run.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
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
                case .damagedTable(let table, let error): found.add(damaged: table, error)
                }
            })
        for open in opened {
            let (needed, losses) = try Self.reach(of: open.blocks, in: &found)
            judge(open, needs: needed, losses)
        }
        checkedPageCount = found.checkedPageCount
        damage += found.errors
    }

    /// What some blocks need, and what of them is lost.
    private static func reach(
        of blocks: [StoredBlock], in found: inout MemoryFindings
    ) throws(SnapError) -> (numbers: Set<Int>, losses: [Verify.Losses]) {
        var numbers: Set<Int> = []
        var losses: [Verify.Losses] = []
        for stored in blocks {
            numbers.formUnion(try found.numbers(for: stored))
            if let loss = try found.losses(in: stored) { losses.append(loss) }
        }
        return (numbers, losses)
    }

    /// The files that are there, and of those that are not what checkpoints expect.
    private var expectedFiles: [FileReference] {
        var ids = present
        for open in opened {
            for reference in open.references where ids[reference.number] == nil {
                ids[reference.number] = reference.id
            }
        }
        return ids.map { FileReference(number: $0.key, id: $0.value) }
    }

    /// How many bytes of pages there are to check, as far as the files tell.
    private func storedByteCount(isAll: Bool) -> Int {
        var pageCount = 0
        for pages in opened.map(\.pages) {
            for count in [pages.literal, pages.delta, isAll ? pages.moved : pages.unchanged] {
                pageCount = pageCount.addingClamped(count)
            }
        }
        return pageCount.multipliedClamped(by: Page.byteCount)
    }

    /// Notes what is lost of a checkpoint, and whether it needs files that it does not list.
    private mutating func judge(
        _ open: Opened, needs needed: Set<Int>, _ losses: [Verify.Losses]
    ) {
        verdicts[open.verdict].losses = losses
        let listed = Dictionary(open.references.map { ($0.number, $0.id) }) { first, _ in first }
        for number in needed.sorted() {
            if let id = listed[number], present[number] == nil || present[number] == id {
                continue
            }
            let found = listed[number].map { "of id \($0.hex)" } ?? "not listed"
            damage.append(
                SnapError(
                    .damaged,
                    "pages lie in file \(number), which is \(found) among the references",
                    path: open.path))
            verdicts[open.verdict].isLost = true
        }
    }
}
