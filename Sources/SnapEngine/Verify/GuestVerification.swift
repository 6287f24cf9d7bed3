import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import SystemPackage

/// One guest's checkpoints while they are checked.
struct GuestVerification {
    /// A checkpoint whose savevm file is open, and the files that it says it may need.
    private struct Opened {
        let verdict: Int
        let file: SavevmFile
        let blocks: [StoredBlock]
        let references: [Reference]
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

    /// Compares a guest's rows with its files, and opens these.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its reader lock is held.
    ///   - index: The index; nil if it is lost.
    ///   - numbers: The checkpoints to check; nil for all.
    ///   - warn: Takes what is worth a warning and no damage.
    /// - Throws: `.permission`, `.busy` or `.interrupted`.
    init(
        _ guest: GuestDirectory, _ index: CheckpointIndex?, only numbers: Set<Int>?,
        _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        self.guest = guest
        self.index = index
        let rows = Dictionary(
            try index?.checkpoints(of: guest.guest).map { ($0.number, $0) } ?? []
        ) { first, _ in first }
        let files = try guest.files()
        for number in files.savevm.union(rows.keys).sorted()
        where numbers?.contains(number) ?? true {
            try Interruption.check()
            try check(number, rows[number], files, warn)
        }
        for number in files.savevm.union(files.retired).sorted() where present[number] == nil {
            let name: FileName = files.savevm.contains(number) ? .savevm(number) : .retired(number)
            // One that cannot be opened shows where its pages are needed.
            let file = try? SavevmFile(
                guest.directory.file(name.text), guest.directory.calls)
            if let file { present[number] = file.reference.id }
        }
    }

    private mutating func check(
        _ number: Int, _ row: Checkpoint?, _ files: GuestDirectory.Files,
        _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        let path = guest.directory.file(FileName.savevm(number).text)
        var verdict = Verify.Verdict(guest: guest.guest, number: number)
        if !files.savevm.contains(number) {
            // A deletion may be about to take its row away.
            if files.retired.contains(number) { return }
            damage.append(SnapError(.damaged, "is missing", path: path))
            verdict.isLost = true
            verdicts.append(verdict)
            return
        }
        do throws(SnapError) {
            let file = try SavevmFile(path, guest.directory.calls)
            guard file.header.number == number, file.description.guest == guest.guest else {
                throw SnapError(
                    .damaged,
                    "says that it is \(file.description.guest):\(file.header.number), expected "
                        + "\(guest.guest):\(number)", path: path)
            }
            let open = Opened(
                verdict: verdicts.count, file: file, blocks: try file.blocks(),
                references: try file.references())
            present[number] = file.reference.id
            let sections = try checkDeviceState(of: file, &verdict)
            try compare(file, sections, with: row, warn)
            opened.append(open)
        } catch {
            guard error.isDamage else { throw error }
            if error.code == .notFound, try guest.files().retired.contains(number) { return }
            damage.append(error)
            verdict.isLost = true
        }
        verdicts.append(verdict)
    }

    /// Reads a checkpoint's device state; returns its sections, nil if they are lost.
    private mutating func checkDeviceState(
        of file: SavevmFile, _ verdict: inout Verify.Verdict
    ) throws(SnapError) -> [DeviceSection]? {
        guard file.description.deviceState != nil else { return [] }
        do throws(SnapError) {
            let devices = try DeviceStateFile(of: file, in: guest.directory)
            for state in devices.files {
                for section in state.sections { try devices.read(section) { _ in } }
            }
            return devices.files.flatMap(\.summaries)
        } catch {
            guard error.isDamage else { throw error }
            damage.append(error)
            verdict.isDeviceStateLost = true
            return nil
        }
    }

    /// Compares what the index says of a checkpoint with what its files say.
    private mutating func compare(
        _ file: SavevmFile, _ sections: [DeviceSection]?, with row: Checkpoint?,
        _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        guard let index else { return }
        guard let row else {
            warn(
                SnapError(
                    .damaged, "is not in the index", path: file.path,
                    hint: "the guest's next save adds it, or snap reindex"))
            return
        }
        guard let sections else { return }
        let expected = try IndexedCheckpoint(file, sections)
        do throws(SnapError) {
            guard try index.indexed(row) != expected else { return }
            damage.append(
                SnapError(
                    .damaged, "says other things of \(row.reference) than its files",
                    path: index.path, hint: "snap reindex makes the index anew from the files"))
        } catch {
            // A row that cannot be read costs no checkpoint.
            guard error.code == .damaged else { throw error }
            damage.append(error)
        }
    }

    // MARK: Memory

    /// Checks all tables and pages that the checkpoints reach, each once.
    ///
    /// - Parameter verify: What the user wants.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
    mutating func checkMemory(_ verify: Verify) throws(SnapError) {
        let files = SavevmFiles(in: guest.directory, expectedFiles)
        let cursor = Mutex(TableCursor(opened.flatMap(\.blocks), files))
        let claimed = ClaimedPages()
        let found = Mutex<[UnitFindings]>([])
        verify.progress.begin(.verifying, of: storedByteCount(isAll: verify.references.isEmpty))
        try OrderedPipeline.run(
            jobs: verify.jobs,
            next: { () throws(SnapError) in
                try cursor.withLock { cursor throws(SnapError) in try cursor.next() }
            },
            makeWorker: { UnitVerifier(files, claimed, isQuick: verify.isQuick) },
            work: { (worker, unit: TableUnit, _) throws(SnapError) in try worker.verify(unit) },
            deliver: { findings in
                found.withLock { $0.append(findings) }
                verify.progress.advance(by: findings.checkedCount * Page.byteCount)
            })
        let units = found.withLock { $0 }
        checkedPageCount = units.reduce(0) { $0 + $1.checkedCount }
        var findings = MemoryFindings(
            units, damagedTables: cursor.withLock { $0.damaged }, files)
        damage += findings.errors
        for open in opened { try judge(open, &findings) }
    }

    /// The files that are there, and of those that are not what checkpoints expect.
    private var expectedFiles: [Reference] {
        var ids = present
        for open in opened {
            for reference in open.references where ids[reference.number] == nil {
                ids[reference.number] = reference.id
            }
        }
        return ids.map { Reference(number: $0.key, id: $0.value) }
    }

    /// How many bytes of pages there are to check, as far as the files tell.
    private func storedByteCount(isAll: Bool) -> Int {
        let counts = opened.map(\.file.description.pages)
        let pageCount = counts.reduce(0) { sum, pages in
            sum + pages.literal + pages.delta + (isAll ? pages.moved : pages.unchanged)
        }
        return pageCount * Page.byteCount
    }

    /// Finds out what of the damage costs a checkpoint.
    private mutating func judge(
        _ open: Opened, _ findings: inout MemoryFindings
    ) throws(SnapError) {
        var needed: Set<Int> = []
        for stored in open.blocks {
            needed.formUnion(try findings.numbers(for: stored))
            let pages = try findings.losses(in: stored)
            if pages.isEmpty { continue }
            verdicts[open.verdict].losses.append(
                Verify.Losses(block: stored.block, pages: pages))
        }
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
                    path: open.file.path))
            verdicts[open.verdict].isLost = true
        }
    }
}
