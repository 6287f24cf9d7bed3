import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Iterates over the groups of savevm files until a deadline.
struct GroupCursor: WorkSource {
    /// A savevm file to read.
    struct Source: Sendable {
        /// The checkpoint's number.
        let number: Int
        /// The groups to read.
        let groups: Range<Int>
        /// The slots of each group that checkpoints need; nil for all.
        let live: [PageSet]?
    }

    /// A group to read.
    struct Item: Sendable {
        /// The number of the file's checkpoint.
        let number: Int
        /// The number of the group in the file.
        let group: Int
        /// The slots to read; nil for all.
        let live: PageSet?
    }

    private var rest: ArraySlice<Source>
    private var group: Int
    private let deadline: ContinuousClock.Instant?
    private var isFirst = true

    /// Creates a cursor before the first group.
    ///
    /// - Parameters:
    ///   - sources: The files, in the order in which they are read.
    ///   - deadline: The time after which only the first group is returned; nil for no limit.
    init(_ sources: [Source], until deadline: ContinuousClock.Instant?) {
        rest = sources[...]
        group = sources.first?.groups.lowerBound ?? 0
        self.deadline = deadline
    }

    /// Advances to the next group with slots to read; returns nil after the last.
    mutating func next() -> Item? {
        if !isFirst, let deadline, ContinuousClock.now >= deadline { return nil }
        while let source = rest.first {
            while group < source.groups.upperBound {
                let live = source.live.map { group < $0.count ? $0[group] : PageSet() }
                defer { group += 1 }
                if live?.isEmpty ?? false { continue }
                isFirst = false
                return Item(number: source.number, group: group, live: live)
            }
            rest.removeFirst()
            group = rest.first?.groups.lowerBound ?? 0
        }
        return nil
    }
}
