import SavevmFormat

/// Remembers the pages that a save has stored, to find later pages with the same content.
///
/// The finder compares digests only; the caller must compare the bytes. It needs 24 bytes for each
/// page and remembers at most 2^20 pages, which are 4 GiB of guest memory. If more than eight pages
/// fall into one bucket, the finder forgets the oldest and no longer finds its duplicates.
///
/// This is a custom hash table. A dictionary hashes the digests again, which took 5 % of a full
/// save, and only one worker at a time can use it.
struct DuplicateFinder {
    /// A page that the save stores.
    struct Original: Sendable {
        /// The ordinal of the page's unit among the units of all blocks.
        let unit: Int
        /// The page's index in its unit.
        let page: Int
        /// The page's slot in its unit's group.
        let slot: Int
    }

    private struct Entry {
        var digest = Hash128(low: 0, high: 0)
        /// Unit, page and slot in one number, which ascends as pages are stored; 0 if unused.
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

    /// The entries of all buckets, one after another; the number of buckets is a power of two.
    private var entries = [Entry](repeating: Entry(), count: 1 << 12)
    private var usedCount = 0

    /// Finds a remembered page with the given digest.
    func original(of digest: Hash128) -> Original? {
        bucket(of: digest)
            .first { entries[$0].digest == digest && entries[$0].packed != 0 }
            .map { entries[$0].original }
    }

    /// Remembers a page.
    ///
    /// - Parameters:
    ///   - original: The page that the save stores.
    ///   - digest: The page's digest.
    mutating func record(_ original: Original, _ digest: Hash128) {
        if usedCount > entries.count / 4 && entries.count < Self.entryCountMax { grow() }
        insert(Entry(digest, original))
    }

    private func bucket(of digest: Hash128) -> Range<Int> {
        let bucketCount = UInt64(entries.count / Self.bucketEntryCount)
        let first = Int(digest.low & (bucketCount - 1)) * Self.bucketEntryCount
        return first..<first + Self.bucketEntryCount
    }

    /// Puts an entry into its bucket; replaces the oldest entry of a full bucket.
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
