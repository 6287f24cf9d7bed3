/// A set of pages of a unit.
package struct PageSet: Sendable, Equatable {
    private var words = SIMD8<UInt64>(repeating: 0)

    /// Creates an empty set.
    package init() {}

    /// Creates a set of the first pages of a unit.
    ///
    /// - Parameter pageCount: The number of pages, at most 512.
    package init(first pageCount: Int) {
        for word in words.indices {
            let count = min(64, max(0, pageCount - word * 64))
            words[word] = count == 0 ? 0 : UInt64.max >> UInt64(64 - count)
        }
    }

    /// Whether it contains no pages.
    package var isEmpty: Bool { words == SIMD8(repeating: 0) }

    /// The number of its pages.
    package var count: Int {
        words.indices.reduce(0) { $0 + words[$1].nonzeroBitCount }
    }

    /// Creates a set from a bitmap: page i is bit i % 8, from the lowest, of byte i / 8.
    ///
    /// - Parameters:
    ///   - bytes: The bitmap, at most 64 bytes; pages after its end are not in the set.
    ///   - pageCount: The number of pages in the unit; the bits of later pages are ignored.
    init(bitmap bytes: some Collection<UInt8>, pageCount: Int) {
        precondition(bytes.count <= Unit.pageCount / 8)
        for (index, byte) in bytes.enumerated() where byte != 0 {
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        for word in words.indices where (word + 1) * 64 > pageCount {
            let count = max(0, pageCount - word * 64)
            words[word] &= count == 0 ? 0 : UInt64.max >> UInt64(64 - count)
        }
    }

    /// Creates a set from words of 64 pages each: page i is bit i % 64 of word i / 64.
    ///
    /// - Parameter words: At most 8 words; pages after their end are not in the set.
    package init(words: some Collection<UInt64>) {
        for (index, word) in words.enumerated() { self.words[index] = word }
    }

    /// Its pages as ascending runs.
    package var runs: [Range<Int>] {
        var runs: [Range<Int>] = []
        for word in words.indices {
            var rest = words[word]
            while rest != 0 {
                let page = word * 64 + rest.trailingZeroBitCount
                rest &= rest - 1
                runs.append(merging: page..<page + 1)
            }
        }
        return runs
    }

    /// Adds a page.
    ///
    /// - Parameter page: A page of the unit, 0 to 511.
    package mutating func insert(_ page: Int) {
        words[page / 64] |= 1 << UInt64(page % 64)
    }

    /// Removes a page.
    ///
    /// - Parameter page: A page of the unit, 0 to 511.
    package mutating func remove(_ page: Int) {
        words[page / 64] &= ~(1 << UInt64(page % 64))
    }

    /// Checks whether the set contains a page.
    ///
    /// - Parameter page: A page of the unit, 0 to 511.
    /// - Returns: Whether it does.
    package func contains(_ page: Int) -> Bool {
        words[page / 64] >> UInt64(page % 64) & 1 == 1
    }
}
