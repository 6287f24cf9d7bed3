import SavevmFormat

/// Remembers what a save has stored, to find pages with the same content.
///
/// It only proposes, by the digest; bytes decide. Memory is bounded: 24 bytes for each of
/// at most 2^20 pages, 4 GiB. Where more than eight pages fall into one bucket the oldest is
/// forgotten, and a duplicate of it goes unfound.
///
/// A table of its own, because a dictionary, which hashes the digests once more, took 5 % of a full
/// save, one worker at a time.
struct DuplicateFinder {
    /// A page that the save stores.
    struct Original: Sendable {
        /// Which of the units of all blocks it is in.
        let unit: Int
        /// Which page of the unit it is.
        let page: Int
        /// Which slot of the unit's group it gets.
        let slot: Int
    }

    private struct Entry {
        var digest = Hash128(low: 0, high: 0)
        /// Unit, page and slot, ascending as pages are stored; 0 for none.
        var packed: UInt64 = 0

        init() {}

        init(_ digest: Hash128, _ original: Original) {
            self.digest = digest
            packed =
                1 << 63 | UInt64(original.unit) << 18 | UInt64(original.page) << 9
                | UInt64(original.slot)
        }

        var original: Original {
            Original(
                unit: Int((packed & ~(1 << 63)) >> 18), page: Int(packed >> 9 & 0x1ff),
                slot: Int(packed & 0x1ff))
        }
    }

    private static let bucketEntryCount = 8
    private static let entryCountMax = 1 << 20

    /// Buckets, a power of two of them, one after the other.
    private var entries = [Entry](repeating: Entry(), count: 1 << 12)
    private var usedCount = 0

    /// The stored page of a digest, if one is remembered.
    func original(of digest: Hash128) -> Original? {
        bucket(of: digest)
            .first { entries[$0].digest == digest && entries[$0].packed != 0 }
            .map { entries[$0].original }
    }

    /// Remembers a page.
    ///
    /// - Parameters:
    ///   - original: The page.
    ///   - digest: Its digest.
    mutating func note(_ original: Original, _ digest: Hash128) {
        if usedCount > entries.count / 4 && entries.count < Self.entryCountMax { grow() }
        insert(Entry(digest, original))
    }

    private func bucket(of digest: Hash128) -> Range<Int> {
        let bucketCount = UInt64(entries.count / Self.bucketEntryCount)
        let first = Int(digest.low & (bucketCount - 1)) * Self.bucketEntryCount
        return first..<first + Self.bucketEntryCount
    }

    /// Puts an entry into its bucket, in the place of the oldest if there is no other.
    private mutating func insert(_ entry: Entry) {
        let bucket = bucket(of: entry.digest)
        var place = bucket.lowerBound
        for index in bucket where entries[index].packed < entries[place].packed { place = index }
        if entries[place].packed == 0 { usedCount += 1 }
        entries[place] = entry
    }

    private mutating func grow() {
        let old = entries
        entries = Array(repeating: Entry(), count: old.count * 2)
        usedCount = 0
        for entry in old where entry.packed != 0 { insert(entry) }
    }
}
