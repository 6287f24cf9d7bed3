import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds what is live in the files of deleted checkpoints.
///
/// Walks the tables of all roots and marks what they reach, then the bases of the deltas among it.
/// A base is always in a lower file or group, so the files are examined in descending order: when a
/// file's turn comes, all of its marks are set. If the marks of all files do not fit into memory,
/// there are several passes over ranges of files. A later pass keeps the bases of all slots of the
/// higher ranges, dead ones included, because their marks are not known any more.
struct SpaceSurvey {
    /// What is known about a deleted checkpoint's file.
    enum Finding {
        /// Only the header is left.
        case header
        /// No slot is live.
        case dead
        /// Some slots are live.
        case used(SavevmFile, DeletedFileUse, SlotMarks)
        /// All of the file stays, because damage hides what is live; the bytes are dead otherwise.
        case hidden(byteCount: Int)
    }

    private let space: GuestSpace
    private let markByteCountMax: Int
    private(set) var damage: [LivenessDamage] = []
    /// The numbers of the checkpoints that reach each damaged part.
    private(set) var affected: [LivenessDamage.Scope: [Int]] = [:]
    /// The numbers of the files in which damage hides what is live.
    private var hidden: Set<Int> = []

    /// The most bytes of marks at a time.
    static let defaultMarkByteCountMax = 32 << 20

    /// Creates a survey.
    ///
    /// - Parameters:
    ///   - space: The guest's files.
    ///   - markByteCountMax: The most bytes of marks at a time; one file's marks may take more.
    init(of space: GuestSpace, markByteCountMax: Int = Self.defaultMarkByteCountMax) {
        self.space = space
        self.markByteCountMax = markByteCountMax
    }

    /// Examines the deleted checkpoints' files, in descending order of their numbers.
    ///
    /// - Parameter body: Receives the number of each file and the finding. It may change the file.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`, and the errors of `body`; damage
    ///   is recorded, not thrown.
    mutating func run(
        _ body: (Int, Finding) throws(SnapError) -> Void
    ) throws(SnapError) {
        var rest = space.deleted[...]
        while !rest.isEmpty {
            var marks = SlotMarks()
            let numbers = try takeRange(of: &rest, into: &marks)
            var walk = LivenessWalk(space.files)
            try walk.run(from: space.roots.flatMap(\.blocks), marking: &marks)
            var found = walk.damage
            found += try markBasesAbove(numbers, &marks)
            try record(found)
            for number in numbers {
                try Interruption.check()
                try body(number, try examine(number, &marks))
            }
        }
    }

    /// Adds the files with the highest numbers to the marks, as many as memory allows.
    private func takeRange(
        of rest: inout ArraySlice<Int>, into marks: inout SlotMarks
    ) throws(SnapError) -> [Int] {
        var numbers: [Int] = []
        while let number = rest.first, numbers.isEmpty || marks.byteCount < markByteCountMax {
            rest.removeFirst()
            numbers.append(number)
            do throws(SnapError) {
                if let file = try space.open(deleted: number) { try marks.add(file) }
            } catch {
                guard error.isDamage else { throw error }
                marks.addUnreadable(number, error)
            }
        }
        return numbers
    }

    // MARK: Bases

    /// Marks the bases of the deltas in the files above a range: those of roots, and those of
    /// deleted files that earlier passes have examined.
    private func markBasesAbove(
        _ numbers: [Int], _ marks: inout SlotMarks
    ) throws(SnapError) -> [LivenessDamage] {
        var damage: [LivenessDamage] = []
        let lowest = marks.lowestNumber
        let examined = space.deleted.prefix { $0 > numbers[0] }
        let withDeltas = space.roots.filter(\.hasParent).map(\.number) + examined
        for number in withDeltas where number >= lowest {
            do throws(SnapError) {
                guard let file = try space.file(number) else { continue }
                try forEachEntry(of: file) { (group, entry) throws(SnapError) in
                    do throws(SnapError) {
                        markBases(of: try file.head(entry, level: entry.level), &marks)
                    } catch {
                        guard error.isDamage else { throw error }
                        let key = Location(number: number, group: group, slot: 0).groupKey
                        damage.append(LivenessDamage(error: error, scope: .group(key)))
                    }
                }
            } catch {
                guard error.isDamage else { throw error }
                damage.append(LivenessDamage(error: error, scope: .file(number)))
            }
        }
        return damage
    }

    private func markBases(
        of head: GroupHead, _ marks: inout SlotMarks, only live: PageSet? = nil
    ) {
        for (slot, record) in head.records.enumerated() {
            if case .delta(let base) = record.form, live?.contains(slot) ?? true {
                marks.mark(base)
            }
        }
    }

    /// Calls a closure with the groups of a file that are not absent, in descending order.
    private func forEachEntry(
        of file: SavevmFile, _ body: (Int, GroupEntry) throws(SnapError) -> Void
    ) throws(SnapError) {
        var end = Int.max
        for group in (0..<file.groupCount).reversed() {
            guard let entry = try file.entryIfPresent(ofGroup: group) else { continue }
            guard entry.bytes.upperBound <= end else {
                throw file.damage("group \(group) overlaps the next group", at: entry.offset)
            }
            end = entry.offset
            try body(group, entry)
        }
    }

    // MARK: Deleted files

    private mutating func examine(
        _ number: Int, _ marks: inout SlotMarks
    ) throws(SnapError) -> Finding {
        guard marks.contains(number) else {
            return try examineUnreadable(number, marks)
        }
        var found: [LivenessDamage] = []
        do throws(SnapError) {
            guard let file = try space.open(deleted: number) else { return .header }
            var use = DeletedFileUse(of: file)
            try forEachEntry(of: file) { (group, entry) throws(SnapError) in
                var live = marks.liveSlots(ofGroup: group, in: number)
                if live.isEmpty { return use.addDead(entry) }
                do throws(SnapError) {
                    let head = try file.head(entry, level: entry.level)
                    markBases(of: head, &marks, only: live)
                    live = marks.liveSlots(ofGroup: group, in: number)
                    use.add(entry, head, live: live)
                } catch {
                    guard error.isDamage else { throw error }
                    let key = Location(number: number, group: group, slot: 0).groupKey
                    found.append(LivenessDamage(error: error, scope: .group(key)))
                    use.addUnreadable(entry)
                }
            }
            try record(found)
            if hidden.contains(number) {
                return .hidden(byteCount: max(0, file.byteCount - use.rewrittenByteCount))
            }
            return use.liveSlotCount == 0 ? .dead : .used(file, use, marks)
        } catch {
            guard error.isDamage else { throw error }
            try record([LivenessDamage(error: error, scope: .file(number))])
            return .hidden(byteCount: 0)
        }
    }

    /// A file without live slots need not be readable to be unlinked.
    private mutating func examineUnreadable(
        _ number: Int, _ marks: SlotMarks
    ) throws(SnapError) -> Finding {
        if let error = marks.damage(ofMarked: number) {
            try record([LivenessDamage(error: error, scope: .file(number))])
            return .hidden(byteCount: 0)
        }
        let byteCount = try space.status(of: number)?.byteCount ?? 0
        if hidden.contains(number) { return .hidden(byteCount: byteCount) }
        return byteCount <= FileHeader.byteCount ? .header : .dead
    }

    /// Records damage: all files to which the checkpoints that reach it refer are kept as they are.
    private mutating func record(_ found: [LivenessDamage]) throws(SnapError) {
        let new = found.filter { affected[$0.scope] == nil }
        if new.isEmpty { return }
        for one in new where affected[one.scope] == nil {
            affected[one.scope] = []
            damage.append(one)
        }
        var reach = DamageReach(Set(new.map(\.scope)), in: space.files)
        for root in space.roots {
            for scope in try reach.scopes(reachedFrom: root) {
                affected[scope, default: []].append(root.number)
                for run in root.references { hidden.formUnion(run) }
            }
        }
    }
}
