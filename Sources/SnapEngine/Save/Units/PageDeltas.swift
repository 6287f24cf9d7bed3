import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem

/// The deltas of a unit's changed pages.
struct PageDeltas {
    /// The encoded runs of all deltas, one after another in the order of their bases.
    private(set) var runs: [UInt8] = []
    /// The range of each page's delta in `runs`; nil if the page is stored as a literal.
    private(set) var ranges: [Range<Int>?]

    /// The number of pages to try before checking whether deltas save space.
    private static let trialCount = 32
    /// The number of tried pages for each page that must save space as a delta.
    ///
    /// With fewer such pages the unit has changed in bulk, and the remaining pages are not tried.
    private static let payingShare = 8
    /// The number of bytes after which no further cluster is read for a unit's bases.
    ///
    /// Pages that repeat others all over the guest can each have their base in another cluster.
    private static let processedByteCountMax = 2 * Unit.byteCount
    /// The length in bytes above which a delta can be replaced by a literal as a new base.
    private static let longByteCount = Page.byteCount / 16
    /// The number of literals that a unit must store for each delta replaced in this way.
    private static let literalsPerRenewal = 4

    /// Encodes pages as deltas where this saves space.
    ///
    /// Pages are tried in the order of their bases, so that no cluster is decoded twice.
    ///
    /// - Parameters:
    ///   - pages: The pages to store.
    ///   - buffer: The unit's bytes.
    ///   - bases: The reader of the bases; nil if the save has no parent.
    ///   - scratch: A buffer for one page.
    /// - Throws: `.permission` or `.inputOutput`.
    init(
        of pages: [UnitDraft.Page], in buffer: borrowing MemoryBuffer, bases: inout PageReader?,
        scratch: inout MemoryBuffer
    ) throws(SnapError) {
        ranges = Array(repeating: nil, count: pages.count)
        let candidates = pages.indices.compactMap { index in
            pages[index].base.map { (index: index, base: $0) }
        }.sorted { ($0.base, $0.index) < ($1.base, $1.index) }
        let order = candidates.map(\.base)
        let processedBefore = bases?.processedByteCount ?? 0
        var payingCount = 0
        for (count, candidate) in candidates.enumerated() {
            if count > 0, count % Self.trialCount == 0 {
                if payingCount * Self.payingShare < Self.trialCount { break }
                payingCount = 0
            }
            let processedByteCount = (bases?.processedByteCount ?? 0) - processedBefore
            if processedByteCount >= Self.processedByteCountMax { break }
            do throws(SnapError) {
                try bases?.readBase(
                    candidate.base, followedBy: order[(count + 1)...], level: 0, as: 0,
                    into: &scratch)
            } catch {
                // A page whose base is damaged is stored as a literal.
                guard error.isDamage else { throw error }
                continue
            }
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

    /// Replaces some long deltas by literals in a unit that stores many literals anyway.
    ///
    /// The additional literals cost little compared with the others. As new bases they make the
    /// deltas of later saves short again.
    private mutating func renewBases() {
        let literalCount = ranges.count { $0 == nil }
        let lengths = ranges.map { $0?.count ?? 0 }
        let longest = lengths.indices.filter { lengths[$0] > Self.longByteCount }
            .sorted { (lengths[$0], $1) > (lengths[$1], $0) }
            .prefix(literalCount / Self.literalsPerRenewal)
        for index in longest { ranges[index] = nil }
    }
}
