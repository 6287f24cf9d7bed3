import GuestMemory

/// Which pages of a RAM block a stream has sent.
///
/// QEMU sends every page of a guest's RAM, except those that the guest may not use: memory of a
/// virtio-mem device that is not plugged in. What it takes goes with what is sent, not with the
/// block's length.
struct SentPages: Sendable {
    private let pageCount: Int
    /// The units of which some pages have come.
    private var partial: [Int: PageSet] = [:]
    /// The units of which all have, one bit a unit.
    private var complete: [UInt64] = []
    /// The unit of the last page, and what has come of it: pages mostly follow one another.
    private var unit = 0
    private var pages = PageSet()
    /// Whether the block was sent as a whole.
    private var isWhole = false

    /// - Parameter block: The block.
    init(of block: RAMBlock) { pageCount = block.pageCount }

    /// Notes that bytes have been sent.
    ///
    /// - Parameter range: Which, from the block's start and inside it; pages that they only touch
    ///   count.
    mutating func insert(_ range: Range<Int>) {
        let last = (range.upperBound + Page.byteCount - 1) / Page.byteCount
        for page in range.lowerBound / Page.byteCount..<last {
            if page / Unit.pageCount != unit { turn(to: page / Unit.pageCount) }
            pages.insert(page % Unit.pageCount)
        }
    }

    /// Notes that all of the block has been sent.
    mutating func insertAll() { isWhole = true }

    private mutating func turn(to next: Int) {
        store()
        unit = next
        pages = isComplete(next) ? PageSet(first: pageCount(of: next)) : partial[next] ?? PageSet()
    }

    private mutating func store() {
        guard !pages.isEmpty, !isComplete(unit) else { return }
        guard pages.count == pageCount(of: unit) else {
            partial[unit] = pages
            return
        }
        partial[unit] = nil
        let missing = unit / 64 + 1 - complete.count
        if missing > 0 { complete += [UInt64](repeating: 0, count: missing) }
        complete[unit / 64] |= 1 << UInt64(unit % 64)
    }

    private func isComplete(_ unit: Int) -> Bool {
        unit / 64 < complete.count && complete[unit / 64] >> UInt64(unit % 64) & 1 == 1
    }

    private func pageCount(of unit: Int) -> Int {
        min(Unit.pageCount, pageCount - unit * Unit.pageCount)
    }

    /// The pages that have not been sent, as runs, ascending.
    consuming func unsentRuns() -> [Range<Int>] {
        if isWhole { return [] }
        store()
        var runs: [Range<Int>] = []
        var next = 0
        for unit in units {
            let first = unit * Unit.pageCount
            for sent in partial[unit]?.runs ?? [0..<pageCount(of: unit)] {
                if next < first + sent.lowerBound { runs.append(next..<first + sent.lowerBound) }
                next = first + sent.upperBound
            }
        }
        if next < pageCount { runs.append(next..<pageCount) }
        return runs
    }

    /// The units of which something has come, ascending.
    private var units: [Int] {
        var units = Array(partial.keys)
        for (word, bits) in complete.enumerated() where bits != 0 {
            for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 { units.append(word * 64 + bit) }
        }
        return units.sorted()
    }
}
