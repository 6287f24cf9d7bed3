import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// The verification of one guest's files, some at a time.
struct GuestRoutine {
    /// A file that has to be verified.
    struct DueFile {
        /// The checkpoint's number.
        let number: Int
        /// Whether the checkpoint is deleted, so that only some slots of its file are needed.
        let isDeleted: Bool
        /// The time of the last verification; nil without one.
        let verifiedAt: Timestamp?
        /// The group at which to start.
        var firstGroup: Int
        /// The length of the savevm file in bytes, according to the index.
        let byteCount: Int
    }

    /// The guest's directory.
    let guest: GuestDirectory
    /// The files to verify, in the order of their numbers.
    let due: [DueFile]
    /// What was found.
    private(set) var findings: GuestFindings
    /// The number of guest pages that were checked.
    private(set) var checkedPageCount = 0

    private let listing: GuestListing
    private let rows: [Int: Checkpoint]
    private let known: [Int: IndexedFile]
    private let startedAt: Timestamp
    private var verifier: CheckpointVerifier
    /// The slots of deleted checkpoints' files that are needed, by number; nil if not known.
    ///
    /// They are valid only as long as the checkpoints are pinned.
    private var live: [Int: [PageSet]]?
    /// The numbers of files that the index did not contain when they were opened.
    private var unlisted: [Int] = []
    /// The numbers of missing files to which checkpoints refer, whether they need them or not.
    private var missing: Set<Int> = []

    /// Finds the files that have to be verified.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - index: The store's index.
    ///   - limit: Files that have been verified at this time or later are not due; nil for none.
    ///   - startedAt: The time when the verification started.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    init(
        of guest: GuestDirectory, in index: CheckpointIndex, notSince limit: Timestamp?,
        startedAt: Timestamp
    ) throws(SnapError) {
        let listing = try guest.listing()
        let records = try index.verificationRecords(of: guest.name)
        let known = try index.files(of: guest.name)
        rows = Dictionary(try index.checkpoints(of: guest.name).map { ($0.number, $0) }) {
            first, _ in first
        }
        due = listing.savevm.union(listing.retired).sorted().compactMap { number in
            let generation = known[number]?.generation ?? 0
            let record = records.files[number].flatMap { $0.generation == generation ? $0 : nil }
            let resume = record?.resumeGroup ?? 0
            if resume == 0, let limit, let time = record?.verifiedAt, time >= limit { return nil }
            return DueFile(
                number: number, isDeleted: !listing.savevm.contains(number),
                verifiedAt: record?.verifiedAt, firstGroup: resume,
                byteCount: known[number]?.byteCount ?? 0)
        }
        self.guest = guest
        self.listing = listing
        self.known = known
        self.startedAt = startedAt
        findings = GuestFindings(after: records, startedAt: startedAt)
        verifier = CheckpointVerifier(of: guest, in: index)
    }

    /// Runs a closure while all of the guest's checkpoints are pinned.
    mutating func withPins<Result>(
        _ context: WorkContext, _ body: (inout GuestRoutine) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        var pinned: [Range<Int>] = .runs(of: listing.savevm.sorted())
        pinned.append(merging: (listing.savevm.max() ?? 0) + 1..<Checkpoint.numberMax)
        defer { live = nil }
        return try guest.withPins(on: pinned, context) { () throws(SnapError) in
            try body(&self)
        }
    }

    /// Reads the damaged parts again that are recorded, and reports missing checkpoints.
    mutating func begin() throws(SnapError) {
        try findings.addRecorded(KnownDamageCheck(of: guest, listing))
        for number in rows.keys.sorted()
        where !listing.savevm.contains(number) && !listing.retired.contains(number) {
            let path = guest.directory.file(FileName.savevm(number).text)
            findings.add(
                FoundDamage(.savevm(number), SnapError(.damaged, "is missing", path: path)))
        }
    }

    // MARK: Files

    /// Verifies files until a deadline.
    ///
    /// - Parameters:
    ///   - files: Files that are due. The caller has pinned the guest's checkpoints.
    ///   - deadline: The time after which only one more group is read; nil for no limit.
    ///   - context: Supplies jobs and receives progress.
    /// - Returns: The files that are not verified completely, each with the group to continue at.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is not thrown.
    mutating func verify(
        _ files: some Collection<DueFile>, until deadline: ContinuousClock.Instant?,
        _ context: WorkContext
    ) throws(SnapError) -> [DueFile] {
        let live = files.contains(where: \.isDeleted) ? try liveSlots() : [:]
        var opened: [(due: DueFile, source: GroupCursor.Source, generation: Int)] = []
        var own: [FileReference] = []
        var others: [FileReference] = []
        for file in files {
            try Interruption.check()
            guard let (savevm, references) = try open(file, live[file.number]) else { continue }
            own.append(savevm.reference)
            others += references
            let groups = min(file.firstGroup, savevm.groupCount)..<savevm.groupCount
            let source = GroupCursor.Source(
                number: file.number, groups: groups,
                live: file.isDeleted ? live[file.number] : nil)
            opened.append((file, source, savevm.generation))
        }
        for number in others.map(\.number)
        where !listing.savevm.contains(number) && !listing.retired.contains(number) {
            missing.insert(number)
        }
        let batch = try checkGroups(
            of: opened.map(\.source), SavevmFiles(own + others, in: guest.files),
            until: deadline, context)
        checkedPageCount += batch.pageCount
        for found in batch.damage { findings.add(found) }
        var rest: [DueFile] = []
        let unreadable = findings.unreadable
        for (due, source, generation) in opened where !unreadable.contains(due.number) {
            let next = batch.next(in: source)
            findings.files[due.number] = VerifiedFile(
                generation: generation, verifiedAt: next == nil ? startedAt : due.verifiedAt,
                resumeGroup: next ?? 0)
            guard let next else { continue }
            var due = due
            due.firstGroup = next
            rest.append(due)
        }
        return rest
    }

    /// Checks the header and the sections of a file; returns nil if nothing else can be checked.
    private mutating func open(
        _ file: DueFile, _ live: [PageSet]?
    ) throws(SnapError) -> (SavevmFile, [FileReference])? {
        let number = file.number
        if !file.isDeleted && file.firstGroup == 0 { return try openLive(number) }
        if file.isDeleted {
            guard let live else { return nil }
            if live.allSatisfy(\.isEmpty) {
                recordVerified(number)
                return nil
            }
        }
        do throws(SnapError) {
            let savevm = try guest.files.savevm(listing.name(of: number))
            return (savevm, try guest.references(of: savevm, listing))
        } catch {
            guard error.isDamage else { throw error }
            // Another process can have deleted the checkpoint or freed the file.
            if error.code != .notFound { findings.add(FoundDamage(.savevm(number), error)) }
            return nil
        }
    }

    private mutating func openLive(
        _ number: Int
    ) throws(SnapError) -> (SavevmFile, [FileReference])? {
        guard let finding = try verifier.check(number, rows[number]) else { return nil }
        if finding.isUnlisted { unlisted.append(number) }
        for found in finding.parts { findings.add(found) }
        for error in finding.damage where !finding.parts.contains(where: { $0.error == error }) {
            findings.add(error)
        }
        if let file = finding.file { return (file.savevm, file.references) }
        // Nothing more of it can be read.
        if !findings.unreadable.contains(number) { recordVerified(number) }
        return nil
    }

    private mutating func recordVerified(_ number: Int) {
        findings.files[number] = VerifiedFile(
            generation: known[number]?.generation ?? 0, verifiedAt: startedAt)
    }

    /// Finds the slots of deleted checkpoints' files that checkpoints need.
    private mutating func liveSlots() throws(SnapError) -> [Int: [PageSet]] {
        if let live { return live }
        let numbers = Set(due.filter(\.isDeleted).map(\.number))
        let found = try LiveSlots(ofDeleted: numbers, in: guest, listing)
        for damage in found.damage { findings.add(damage) }
        live = found.slots
        return found.slots
    }

    private func checkGroups(
        of sources: [GroupCursor.Source], _ files: SavevmFiles,
        until deadline: ContinuousClock.Instant?, _ context: WorkContext
    ) throws(SnapError) -> BatchFindings {
        let progress = context.progress
        return try OrderedPipeline.run(
            over: GroupCursor(sources, until: deadline), into: BatchFindings(),
            jobs: context.jobs, makeWorker: { GroupVerifier(files) },
            work: { (worker, item: GroupCursor.Item, _) throws(SnapError) in
                let finding = try worker.verify(item)
                progress.advance(by: finding.byteCount)
                return finding
            },
            deliver: { (batch: inout BatchFindings, finding) in batch.add(finding) })
    }

    // MARK: Results

    /// Warns of complete files that the index still does not contain.
    func warnOfUnlisted(_ context: WorkContext) throws(SnapError) {
        try verifier.warnOfUnlisted(unlisted, context)
    }

    /// Returns the records of what was found, and of the files verified since the last call.
    ///
    /// - Parameter damaged: The numbers of the checkpoints that cannot be restored completely.
    mutating func takeRecords(damaged: Set<Int>) -> VerificationRecords {
        defer { findings.files = [:] }
        return findings.records(damaged: damaged)
    }

    /// Finds what the guest's checkpoints lose because of all damage that is known.
    ///
    /// - Returns: The verdicts, ordered by number. The caller has pinned the checkpoints.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func verdicts() throws(SnapError) -> [Verify.Verdict] {
        let numbers = listing.savevm.union(rows.keys).subtracting(
            listing.retired.subtracting(listing.savevm)
        ).sorted()
        if findings.parts.isEmpty && missing.isEmpty {
            return numbers.map {
                Verify.Verdict(name: CheckpointName(guest: guest.name, number: $0))
            }
        }
        let impact = try DamageImpact(in: guest, of: numbers)
        for number in missing.sorted() {
            let lost = try impact.verdicts(given: [.savevm(number)])
            if lost.allSatisfy(\.losses.isEmpty) { continue }
            findings.add(
                FoundDamage(
                    .savevm(number),
                    SnapError(
                        .damaged, "is missing, but checkpoints have pages in it",
                        path: guest.directory.file(FileName.savevm(number).text))))
        }
        return try impact.verdicts(given: findings.parts.keys)
    }
}
