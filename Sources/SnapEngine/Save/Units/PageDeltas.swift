import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem

/// Those of a unit's changed pages that are stored as deltas.
struct PageDeltas {
    /// All runs, one delta after the other in the order of their bases.
    private(set) var runs: [UInt8] = []
    /// For each page which of the runs are its; nil if it stays literal.
    private(set) var ranges: [Range<Int>?]

    /// How many pages are tried before it is asked whether deltas pay.
    private static let trialCount = 32
    /// One in so many must pay, or the unit has changed in bulk and the rest is not tried.
    private static let payingShare = 8
    /// How many clusters are decoded for a unit's bases: twice as many as its pages fill.
    ///
    /// Pages that repeat others all over the guest may each have their base in another cluster.
    private static let clusterCountMax = 2 * Unit.byteCount / Limits.clusterByteCountMax
    /// A delta of more bytes may be given up for a new base.
    private static let longByteCount = Page.byteCount / 16
    /// How many literals a unit must store for each delta that it gives up.
    private static let literalsPerRenewal = 4

    /// Encodes pages as deltas where that pays.
    ///
    /// They are tried in the order of their bases, so that no cluster is inflated twice.
    ///
    /// - Parameters:
    ///   - pages: The pages.
    ///   - buffer: The unit's bytes.
    ///   - bases: What reads the bases; nil if there are none.
    ///   - scratch: Room for a page.
    /// - Throws: `.damaged` and what else reading pages throws.
    init(
        of pages: [UnitDraft.Page], in buffer: borrowing MemoryBuffer, bases: inout PageReader?,
        scratch: inout MemoryBuffer
    ) throws(SnapError) {
        ranges = Array(repeating: nil, count: pages.count)
        let candidates = pages.indices.compactMap { index in
            pages[index].base.map { (index: index, base: $0) }
        }.sorted { ($0.base, $0.index) < ($1.base, $1.index) }
        let decodedBefore = bases?.decodedClusterCount ?? 0
        var payingCount = 0
        for (count, candidate) in candidates.enumerated() {
            if count > 0, count % Self.trialCount == 0 {
                if payingCount * Self.payingShare < Self.trialCount { break }
                payingCount = 0
            }
            let decodedCount = (bases?.decodedClusterCount ?? 0) - decodedBefore
            if decodedCount >= Self.clusterCountMax { break }
            try bases?.readBase(candidate.base, level: 0, as: 0, into: &scratch)
            let start = runs.count
            let page = pages[candidate.index].page * Page.byteCount
            let isDelta = buffer.withBytes(page..<page + Page.byteCount) { page in
                scratch.withBytes(Page.bytes(0)) { base in
                    Delta.encode(page, against: base, appendingTo: &runs)
                }
            }
            if isDelta {
                ranges[candidate.index] = start..<runs.count
                payingCount += 1
            }
        }
        renewBases()
    }

    /// Gives some long deltas up, in a unit that stores many pages as they are anyway: these cost
    /// little beside the others, and the deltas of later saves are short again.
    private mutating func renewBases() {
        let literalCount = ranges.count { $0 == nil }
        let lengths = ranges.map { $0?.count ?? 0 }
        let longest = lengths.indices.filter { lengths[$0] > Self.longByteCount }
            .sorted { (lengths[$0], $1) > (lengths[$1], $0) }
            .prefix(literalCount / Self.literalsPerRenewal)
        for index in longest { ranges[index] = nil }
    }
}
