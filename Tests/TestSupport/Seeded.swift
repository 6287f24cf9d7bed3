/// A generator whose seed a failing test prints (SplitMix64, Steele and others, 2014).
package struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    package init(_ seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A memory image that a test makes up, by its pages; those that are not there are zero.
package struct MadeUpImage: Equatable, Sendable {
    package let pageCount: Int
    package var pages: [Int: [UInt8]] = [:]

    package init(pageCount: Int) { self.pageCount = pageCount }

    /// A page that compresses: a text with a number in it.
    package static func text(_ number: Int) -> [UInt8] {
        let line = Array(
            "page \(number) of a guest that writes a log, and then another line\n".utf8)
        return (0..<4096).map { line[$0 % line.count] }
    }

    /// Gives pages a text that has their number in it.
    package mutating func fillWithText(_ pages: some Sequence<Int>) {
        for page in pages { self.pages[page] = Self.text(page) }
    }

    /// A page that does not compress.
    package static func noise(_ generator: inout Seeded) -> [UInt8] {
        (0..<512).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
    }

    /// Changes the image as a guest might: writes, updates, copies and zeroes pages.
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
                // Nothing happens to a page that is zero.
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

    /// Copies a run of pages to another place, as a guest does that compacts its memory.
    private mutating func move(to page: Int, _ generator: inout Seeded) {
        let source = Int.random(in: 0..<pageCount, using: &generator)
        let count = min(Int.random(in: 1...10, using: &generator), pageCount - max(page, source))
        let run = (0..<count).map { pages[source + $0] }
        for (index, content) in run.enumerated() { pages[page + index] = content }
    }

    /// The pages in which another image of the same length differs.
    package func differing(from other: MadeUpImage) -> Set<Int> {
        Set(Set(pages.keys).union(other.pages.keys).filter { pages[$0] != other.pages[$0] })
    }

    /// A bitmap with a bit for each of some pages.
    ///
    /// - Parameters:
    ///   - dirty: The pages.
    ///   - isPadded: Whether it is a whole number of 64-bit words long.
    package func bitmap(_ dirty: Set<Int>, isPadded: Bool = true) -> [UInt8] {
        let count = isPadded ? (pageCount + 63) / 64 * 8 : (pageCount + 7) / 8
        var bytes = [UInt8](repeating: 0, count: count)
        for page in dirty { bytes[page / 8] |= 1 << UInt8(page % 8) }
        return bytes
    }

    /// The image's bytes.
    package var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: pageCount * 4096)
        for (page, content) in pages {
            bytes.replaceSubrange(page * 4096..<(page + 1) * 4096, with: content)
        }
        return bytes
    }
}
