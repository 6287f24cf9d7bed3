import GuestMemory

/// The pages of a RAM block that a stream has sent.
///
/// QEMU sends every page of a guest's RAM except those that the guest may not use: the unplugged
/// memory of a virtio-mem device. Memory use depends on the pages that are sent, not on the block's
/// length.
struct SentPages: Sendable {
    private let pageCount: Int
    /// The sent pages of the units of which only some pages have been sent.
    private var partial: [Int: PageSet] = [:]
    /// The units of which all pages have been sent, one bit per unit.
    private var complete: [UInt64] = []
    /// The unit of the last page and the sent pages of that unit, since most pages arrive in order.
    private var unit = 0
    private var pages = PageSet()
    /// Whether all pages of the block have been sent.
    private var isComplete = false

    /// Creates a set without sent pages.
    ///
    /// - Parameter block: The RAM block.
    init(of block: RAMBlock) { pageCount = block.pageCount }

    /// Marks bytes as sent.
    ///
    /// - Parameter range: The bytes' range in the block. A page that is only partly in the range
    ///   counts as sent.
    mutating func insert(_ range: Range<Int>) {
        let last = (range.upperBound + Page.byteCount - 1) / Page.byteCount
        for page in range.lowerBound / Page.byteCount..<last {
            if page / Unit.pageCount != unit { turn(to: page / Unit.pageCount) }
            pages.insert(page % Unit.pageCount)
        }
    }

    /// Marks all pages of the block as sent.
    mutating func insertAll() { isComplete = true }

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

    /// Returns the pages that have not been sent, as ascending runs.
    consuming func unsentRuns() -> [Range<Int>] {
        if isComplete { return [] }
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

    /// The units of which at least one page has been sent, ascending.
    private var units: [Int] {
        var units = Array(partial.keys)
        for (word, bits) in complete.enumerated() where bits != 0 {
            for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 { units.append(word * 64 + bit) }
        }
        return units.sorted()
    }
}
