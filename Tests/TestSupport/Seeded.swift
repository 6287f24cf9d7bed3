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
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: pages[page] = nil
            case 1: pages[page] = Self.noise(&generator)
            case 2: pages[page] = pages[Int.random(in: 0..<pageCount, using: &generator)]
            case 3 where pages[page] != nil:
                pages[page]?[Int.random(in: 0..<4096, using: &generator)] &+= 1
            default: pages[page] = Self.text(Int.random(in: 0..<1000, using: &generator))
            }
        }
        for (page, bytes) in pages where bytes.allSatisfy({ $0 == 0 }) { pages[page] = nil }
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
