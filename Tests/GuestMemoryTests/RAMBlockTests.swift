import GuestMemory
import TestSupport
import Testing

@Suite("RAM blocks")
struct RAMBlockTests {
    @Test("a name is 1 to 255 printable ASCII characters")
    func names() {
        for name in ["a", " ", "~", "pc.ram", "/rom@etc/acpi/tables"] + ["x" * 255] {
            #expect(RAMBlock.isName(name), "\(name)")
        }
        for name in ["", "a\n", "\u{7f}", "\u{1f}", "é", "x" * 256] {
            #expect(!RAMBlock.isName(name), "\(name.debugDescription)")
        }
    }

    @Test("a block within the limits is 1 page to 1 PiB long, in complete pages")
    func limits() {
        for count in [4096, 8192, RAMBlock.byteCountMax] {
            #expect(RAMBlock(name: "", byteCount: count).isWithinLimits, "\(count)")
        }
        for count in [Int.min, -4096, 0, 1, 4095, 4097, RAMBlock.byteCountMax + 4096, .max] {
            #expect(!RAMBlock(name: "", byteCount: count).isWithinLimits, "\(count)")
        }
        let longest = "x" * Checkpoint.textByteCountMax
        #expect(RAMBlock(name: longest, byteCount: 4096).isWithinLimits)
        #expect(!RAMBlock(name: longest + "x", byteCount: 4096).isWithinLimits)
    }

    @Test("the last unit of a block can be shorter")
    func units() {
        for (pageCount, unitCount) in [(1, 1), (511, 1), (512, 1), (513, 2), (1024, 2)] {
            let block = RAMBlock(name: "", byteCount: pageCount * Page.byteCount)
            #expect(block.pageCount == pageCount && block.unitCount == unitCount)
        }
    }

    @Test(
        "blocks match by name and length, and each parent block matches at most once",
        arguments: 0..<50)
    func matches(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let blocks = { (generator: inout Seeded) in
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                RAMBlock(
                    name: generator.choice(["", "a", "b", "c"]),
                    byteCount: 4096 * Int.random(in: 1...2, using: &generator))
            }
        }
        let (new, parents) = (blocks(&generator), blocks(&generator))
        let matches = RAMBlock.matches(of: new, in: parents)
        #expect(matches.count == new.count)
        let taken = matches.compactMap(\.self)
        #expect(Set(taken).count == taken.count)
        let fits = { (block: RAMBlock, parent: RAMBlock) in
            block.byteCount == parent.byteCount
                && (block.name == parent.name || block.name.isEmpty || parent.name.isEmpty)
        }
        for (index, match) in matches.enumerated() {
            if let match { #expect(fits(new[index], parents[match]), "seed \(seed), \(index)") }
            // A parent block before the match fits only if it matches an earlier block.
            let earlier = Set(matches[..<index].compactMap(\.self))
            for other in 0..<(match ?? parents.count) where !earlier.contains(other) {
                #expect(!fits(new[index], parents[other]), "seed \(seed), \(index)")
            }
        }
    }
}

/// Repeats a text.
private func * (text: String, count: Int) -> String { String(repeating: text, count: count) }
