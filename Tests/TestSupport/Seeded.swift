/// A random number generator with a seed, which a failing test prints.
///
/// The algorithm is SplitMix64 (Steele, Lea and Flood, 2014).
package struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    /// Creates a generator.
    ///
    /// - Parameter seed: The seed, which determines all numbers.
    package init(_ seed: UInt64) { state = seed }

    /// Generates the next number.
    ///
    /// - Returns: The number.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Chooses one of several values.
    ///
    /// - Parameter values: The values, at least one.
    /// - Returns: One of them, each as likely as the others.
    package mutating func choice<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &self)]
    }
}

/// A generated memory image.
package struct GeneratedImage: Equatable, Sendable {
    /// The number of pages of 4096 bytes.
    package let pageCount: Int
    /// The content of the nonzero pages, by page number.
    package var pages: [Int: [UInt8]] = [:]

    /// Creates an image of zero pages.
    ///
    /// - Parameter pageCount: The number of pages.
    package init(pageCount: Int) { self.pageCount = pageCount }

    /// Generates a page that compresses: a repeated line of text.
    ///
    /// - Parameter number: A number that the text contains.
    /// - Returns: The page's 4096 bytes.
    package static func text(_ number: Int) -> [UInt8] {
        let line = Array(
            "page \(number) of a guest that writes a log, and then another line\n".utf8)
        return (0..<4096).map { line[$0 % line.count] }
    }

    /// Fills pages with texts that contain the pages' numbers.
    ///
    /// - Parameter pages: The numbers of the pages.
    package mutating func fillWithText(_ pages: some Sequence<Int>) {
        for page in pages { self.pages[page] = Self.text(page) }
    }

    /// Generates a page that does not compress.
    ///
    /// - Parameter generator: The generator of the page's bytes.
    /// - Returns: The page's 4096 bytes.
    package static func noise(_ generator: inout Seeded) -> [UInt8] {
        (0..<512).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
    }

    /// Chooses ranges of bytes of a page to edit; they can overlap.
    ///
    /// - Parameters:
    ///   - countMax: The maximum number of ranges.
    ///   - byteCountMax: The maximum length of a range, at least 1.
    ///   - generator: The generator of the choices.
    /// - Returns: The ranges, in random order; possibly an empty list.
    package static func editRanges(
        atMost countMax: Int, byteCountMax: Int, _ generator: inout Seeded
    ) -> [Range<Int>] {
        (0..<Int.random(in: 0...countMax, using: &generator)).map { _ in
            let start = Int.random(in: 0..<4096, using: &generator)
            let byteCount = Int.random(in: 1...byteCountMax, using: &generator)
            return start..<min(4096, start + byteCount)
        }
    }

    /// Changes pages at random as a guest does: writes, updates, copies and zeroes them.
    ///
    /// - Parameters:
    ///   - count: The number of changes.
    ///   - generator: The generator that selects the changes.
    package mutating func edit(_ count: Int, _ generator: inout Seeded) {
        for _ in 0..<count {
            let page = Int.random(in: 0..<pageCount, using: &generator)
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: pages[page] = nil
            case 1:
                pages[page] = Self.noise(&generator)
                if page % 4 == 0 { pages[(page + 600) % pageCount] = pages[page] }
            case 2: pages[page] = pages[Int.random(in: 0..<pageCount, using: &generator)]
            case 3, 9, 10, 11:
                // A zero page does not change.
                pages[page]?[Int.random(in: 0..<4096, using: &generator)] &+= 1
            case 4 where pages[page] != nil:
                let start = Int.random(in: 0..<4096, using: &generator)
                for index in start..<min(4096, start + 300) { pages[page]?[index] ^= 0x55 }
            case 5: move(to: page, &generator)
            case 6:
                for cleared in page..<min(pageCount, page + 20) { pages[cleared] = nil }
            default: pages[page] = Self.text(Int.random(in: 0..<1000, using: &generator))
            }
        }
        for (page, bytes) in pages where bytes.allSatisfy({ $0 == 0 }) { pages[page] = nil }
    }

    /// Copies a run of pages to another place, as a guest does when it compacts its memory.
    private mutating func move(to page: Int, _ generator: inout Seeded) {
        let source = Int.random(in: 0..<pageCount, using: &generator)
        let count = min(Int.random(in: 1...10, using: &generator), pageCount - max(page, source))
        let run = (0..<count).map { pages[source + $0] }
        for (index, content) in run.enumerated() { pages[page + index] = content }
    }

    /// Compares the image with another one of the same length.
    ///
    /// - Parameter other: The other image.
    /// - Returns: The numbers of the pages that differ.
    package func differing(from other: GeneratedImage) -> Set<Int> {
        Set(Set(pages.keys).union(other.pages.keys).filter { pages[$0] != other.pages[$0] })
    }

    /// Creates a dirty bitmap of the image.
    ///
    /// - Parameters:
    ///   - dirty: The numbers of the pages whose bits are set.
    ///   - isPadded: Whether to pad the bitmap to a multiple of 64 bits.
    /// - Returns: The bitmap, one bit per page; the first page is the lowest bit of the first byte.
    package func bitmap(_ dirty: Set<Int>, isPadded: Bool = true) -> [UInt8] {
        let count = isPadded ? (pageCount + 63) / 64 * 8 : (pageCount + 7) / 8
        var bytes = [UInt8](repeating: 0, count: count)
        for page in dirty { bytes[page / 8] |= 1 << UInt8(page % 8) }
        return bytes
    }

    /// The content of all pages.
    package var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: pageCount * 4096)
        for (page, content) in pages {
            bytes.replaceSubrange(page * 4096..<(page + 1) * 4096, with: content)
        }
        return bytes
    }
}
